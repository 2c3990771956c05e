"""Who speaks when: stretches of sound that somebody speaks in, and which of them are by one voice.

Speech is told from silence by its energy. Two stretches are by one voice where one Gaussian over the cepstra (MFCC, as
in Davis and Mermelstein 1980) of both describes them better than two do, by the Bayesian information criterion (Chen
and Gopalakrishnan 1998); the two that are most alike are joined first, as long as any are.
"""

from functools import cache
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np

Sound: TypeAlias = "np.ndarray[Any, np.dtype[np.float32]]"
"""Samples of one channel, -1 to 1."""

RATE: Final = 16_000
"""Samples a second, of everything here."""

_HOP: Final = 160  # samples: 10 ms
_WINDOW: Final = 400
_SIZE: Final = 512  # of the Fourier transform
_BANDS: Final = 26
_CEPSTRA: Final = 13
_ABOVE_NOISE, _BELOW_SPEECH = 9.0, 32.0  # dB
_PAUSE_FRAMES: Final = 35  # a shorter one belongs to what is said
_SHORTEST_FRAMES: Final = 12
_PAD_FRAMES: Final = 15
_LONGEST_FRAMES: Final = 2000
_PENALTY: Final = 3.0  # of the criterion; more joins more: between 2.6 and 3.3, LibriVox readers are told from others


class Stretch(NamedTuple):
    """A part of a recording, in samples."""

    first: int
    end: int


def resampled(sound: Sound, rate: int) -> Sound:
    """The same sound with `RATE` samples a second, by a windowed sinc as wide as the lower of both rates needs."""
    if rate == RATE:
        return sound
    ratio = min(1.0, RATE / rate)
    half = int(np.ceil(16 / ratio))
    padded = np.pad(sound, half)
    taps = np.arange(1 - half, half + 1)
    blocks = []
    count = int(len(sound) * RATE / rate)
    for first in range(0, count, RATE):
        times = np.arange(first, min(first + RATE, count)) * (rate / RATE)
        whole = times.astype(np.int64)
        away = (times - whole)[:, None] - taps
        weights = ratio * np.sinc(ratio * away) * (0.5 + 0.5 * np.cos(np.pi * away / half))
        blocks.append((padded[whole[:, None] + taps + half] * weights).sum(axis=1))
    return np.concatenate(blocks).astype(np.float32) if blocks else sound[:0]


def speech(sound: Sound) -> list[Stretch]:
    """Where somebody speaks; none in silence."""
    levels = _levels(sound)
    if not len(levels) or levels.max() < -60:  # dB below full scale: nobody
        return []
    noise, loud = np.percentile(levels, 10), np.percentile(levels, 98)
    heard = levels > max(min(noise + _ABOVE_NOISE, loud - 6), loud - _BELOW_SPEECH)
    found: list[list[int]] = []
    for frame in np.flatnonzero(heard):
        if found and frame - found[-1][1] <= _PAUSE_FRAMES:
            found[-1][1] = int(frame) + 1
        else:
            found.append([int(frame), int(frame) + 1])
    parts = [part for first, end in found if end - first >= _SHORTEST_FRAMES for part in _cut(first, end, levels)]
    return [
        Stretch(max(0, first - _PAD_FRAMES) * _HOP, min(len(sound), (end + _PAD_FRAMES) * _HOP)) for first, end in parts
    ]


def voices(sound: Sound, stretches: list[Stretch]) -> list[int]:
    """A number for each stretch: the same for those by one voice, counted from 0 in the order they are heard in."""
    clouds = [[_cepstra(sound[part.first : part.end])] for part in stretches]
    members = [[index] for index in range(len(stretches))]
    while len(clouds) > 1:
        gain, one, other = min(
            (_gain(np.vstack(clouds[one]), np.vstack(clouds[other])), one, other)
            for one in range(len(clouds))
            for other in range(one + 1, len(clouds))
        )
        if gain >= 0:
            break
        clouds[one] += clouds.pop(other)
        members[one] += members.pop(other)
    numbers = [0] * len(stretches)
    for number, group in enumerate(sorted(members, key=min)):
        for index in group:
            numbers[index] = number
    return numbers


def _levels(sound: Sound) -> Any:
    """Energy of each frame in dB of full scale."""
    if len(sound) < _WINDOW:
        return np.zeros(0)
    frames = np.lib.stride_tricks.sliding_window_view(sound, _WINDOW)[::_HOP]
    return 10 * np.log10((frames.astype(np.float64) ** 2).mean(axis=1) + 1e-10)


def _cut(first: int, end: int, levels: Any) -> list[tuple[int, int]]:
    """A stretch that is too long, in parts, at its quietest frames."""
    if end - first <= _LONGEST_FRAMES:
        return [(first, end)]
    start = first + _LONGEST_FRAMES // 2
    middle = start + int(np.argmin(levels[start : first + _LONGEST_FRAMES]))
    return [(first, middle), *_cut(middle, end, levels)]


def _cepstra(sound: Sound) -> Any:
    """Frames x 12: the first cepstrum, which is loudness, is left out."""
    emphasized = np.append(sound[:1], sound[1:] - 0.97 * sound[:-1])
    emphasized = np.pad(emphasized, (0, max(0, _WINDOW - len(emphasized))))
    frames = np.lib.stride_tricks.sliding_window_view(emphasized, _WINDOW)[::_HOP] * np.hamming(_WINDOW)
    power = np.abs(np.fft.rfft(frames, _SIZE)) ** 2 / _SIZE
    return np.log(power @ _filters().T + 1e-10) @ _cosines().T


@cache
def _filters() -> Any:
    """Triangles over the frequencies, evenly spaced in mel."""
    top = 2595 * np.log10(1 + RATE / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, _BANDS + 2) / 2595) - 1) * _SIZE / RATE
    bins = np.arange(_SIZE // 2 + 1)
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    return np.maximum(0, np.minimum(rising, falling))


@cache
def _cosines() -> Any:
    rows, columns = np.arange(1, _CEPSTRA)[:, None], np.arange(_BANDS)
    return np.cos(np.pi * rows * (2 * columns + 1) / (2 * _BANDS)) * np.sqrt(2 / _BANDS)


def _gain(one: Any, other: Any) -> float:
    """What the criterion says of keeping both apart; below 0 they are by one voice."""
    both = np.vstack([one, other])
    size = both.shape[1]
    parameters = size + size * (size + 1) / 2
    spread = len(both) * _volume(both) - len(one) * _volume(one) - len(other) * _volume(other)
    return float(0.5 * spread - _PENALTY * 0.5 * parameters * np.log(len(both)))


def _volume(frames: Any) -> float:
    """Logarithm of the determinant of the covariance."""
    return float(np.linalg.slogdet(np.cov(frames, rowvar=False) + 1e-3 * np.eye(frames.shape[1]))[1])

"""Speech to text: what is said in a recording, when, by how many voices, and how sure that is.

Runs in a child process (see `penstock.model.room`). The recognizer is pocketsphinx with the English model in
its wheel, or faster-whisper with the model in the folder that ``AI_ENGINE_WHISPER`` names. Sound is read by libsndfile:
WAV, FLAC, Ogg (Vorbis, Opus), MP3, AIFF, AU.

Confidence is how likely a word is right, and of a transcript the mean of its words'. For faster-whisper it is the
probability of the tokens. The posterior probabilities of pocketsphinx are none to go by: of words that it gives less
than 0.1, three in ten are right, and of those above 0.9 one in six is wrong. `_calibrated` makes them honest.
"""

import io
import os
from collections.abc import Iterator
from functools import cache
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
import soundfile
from pocketsphinx import Decoder

from penstock.model.errors import EnrichmentError
from penstock.services.ai_voices import RATE, Sound, Stretch, resampled, speech, voices

VARIABLE: Final = "AI_ENGINE_WHISPER"
_LONGEST_SECONDS: Final = 900
_RATES: Final = (4_000, 192_000)
_MOST_CHANNELS: Final = 8

_BIAS, _POSTERIOR, _MEAN_POSTERIOR, _FIT, _MEAN_FIT = 4.385, 0.083, 0.398, 0.429, 0.663
"""Of the logistic regression of `_calibrated`.

Fitted to 847 words: the eleven recordings with a transcript in the tests of pocketsphinx 5.1.1 (two speakers and more,
read sentences and commands), each as it is, in white noise (20, 12 and 6 dB), in other speech (15 and 8 dB), faster,
slower, and in the band of a telephone. With each recording left out in turn: the expected calibration error falls from
0.20 to 0.04, the Brier score from 0.26 to 0.19, and the correlation of a transcript's confidence with the share of its
words that are right rises from 0.53 to 0.71.
"""
_LEAST: Final = 1e-6  # of a posterior


class Said(NamedTuple):
    """What is said in one stretch.

    Attributes
    ----------
    text : str
    sure : list of float
        Of each word.
    """

    text: str
    sure: list[float]


class Recognizer(Protocol):
    """Sound of `RATE` in, what is said in it out."""

    def __call__(self, sound: Sound) -> Said: ...


def transcribe(content: bytes, language: str, enable_diarization: bool) -> dict[str, Any]:
    """Write down a recording.

    Parameters
    ----------
    language : str
        BCP 47, as ``en-US``.
    enable_diarization : bool
        Tell voices apart; else all is said by ``SPEAKER_00``.

    Raises
    ------
    EnrichmentError
        ``malformed`` or ``too_large``.
    """
    sound, seconds = _sound(content)
    recognize = _whisper(os.environ[VARIABLE], language) if os.environ.get(VARIABLE) else _sphinx()
    stretches = speech(sound)
    numbers = voices(sound, stretches) if enable_diarization else [0] * len(stretches)
    speakers: dict[int, list[dict[str, Any]]] = {}
    texts, sure = [], []
    for stretch, number in zip(stretches, numbers, strict=True):
        said = recognize(sound[stretch.first : stretch.end])
        if said.text:
            texts.append(said.text)
            sure += said.sure
            speakers.setdefault(number, []).append(_segment(stretch, said.text))
    return {
        "transcript": " ".join(texts),
        "confidence": round(float(np.mean(sure)), 4) if sure else 0.0,
        "language": language,
        "duration_seconds": round(seconds, 3),
        "speakers": [
            {"speaker_id": f"SPEAKER_{place:02}", "segments": speakers[number]}
            for place, number in enumerate(sorted(speakers))
        ],
    }


def _segment(stretch: Stretch, text: str) -> dict[str, Any]:
    return {"start": round(stretch.first / RATE, 2), "end": round(stretch.end / RATE, 2), "text": text}


def _sound(content: bytes) -> tuple[Sound, float]:
    """The samples of the recording, its channels mixed, and its length in seconds."""
    try:
        with soundfile.SoundFile(io.BytesIO(content)) as file:
            rate = file.samplerate
            if not _RATES[0] <= rate <= _RATES[1] or not 1 <= file.channels <= _MOST_CHANNELS:
                raise EnrichmentError("malformed", "the recording has a rate or a number of channels that no voice has")
            # what the header says of its length may be a lie: read as far as is taken, and one sample more
            samples = file.read(_LONGEST_SECONDS * rate + 1, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError, TypeError, ValueError):
        raise EnrichmentError("malformed", "the content is no recording that can be read") from None
    if len(samples) > _LONGEST_SECONDS * rate:
        raise EnrichmentError("too_large", f"the recording is longer than {_LONGEST_SECONDS // 60} minutes")
    if not len(samples):
        raise EnrichmentError("malformed", "the recording is empty")
    mixed = np.nan_to_num(samples.mean(axis=1), nan=0.0, posinf=1.0, neginf=-1.0).clip(-1, 1)
    return resampled(mixed, rate), len(samples) / rate


@cache
def _sphinx() -> Recognizer:
    decoder = Decoder(samprate=RATE, loglevel="FATAL")

    def recognize(sound: Sound) -> Said:
        decoder.start_utt()
        decoder.process_raw((sound * 32767).astype("<i2").tobytes(), full_utt=True)
        decoder.end_utt()
        words = list(_words(decoder))
        return Said(" ".join(word for word, _ in words), [sure for _, sure in words])

    return recognize


def _words(decoder: Decoder) -> Iterator[tuple[str, float]]:
    """The words and how sure each is; silence and noise left out."""
    if decoder.hyp() is None:
        return
    # what stands in <>, [] or ++ is no word
    parts = [part for part in decoder.seg() if not part.word.startswith(("<", "[", "+"))]
    posteriors = np.array([min(1 - _LEAST, max(_LEAST, part.prob)) for part in parts])
    frames = np.array([part.end_frame - part.start_frame + 1 for part in parts])
    fits = np.log([max(part.ascore, 1e-300) for part in parts]) / frames
    for part, sure in zip(parts, _calibrated(posteriors, fits), strict=True):
        yield part.word.partition("(")[0], sure  # "the(2)" is its second pronunciation


def _calibrated(posteriors: Any, fits: Any) -> list[float]:
    """How likely each word of a stretch is right.

    Parameters
    ----------
    posteriors : array
        Of each word in the recognizer's lattice, 0 to 1.
    fits : array
        How well the sound fits each word: the natural logarithm of its acoustic score, for each frame of 10 ms.
    """
    if not len(posteriors):
        return []
    odds = (
        _BIAS
        + _POSTERIOR * np.log(posteriors / (1 - posteriors))
        + _MEAN_POSTERIOR * np.log(posteriors).mean()
        + _FIT * fits
        + _MEAN_FIT * fits.mean()
    )
    return [float(sure) for sure in 1 / (1 + np.exp(-odds))]


@cache
def _whisper(folder: str, language: str) -> Recognizer:
    from faster_whisper import WhisperModel

    model = WhisperModel(folder, device="cpu", compute_type="int8", local_files_only=True)

    def recognize(sound: Sound) -> Said:
        parts = list(model.transcribe(sound, language=language.partition("-")[0])[0])
        return Said(
            " ".join(part.text.strip() for part in parts),
            [min(1.0, float(np.exp(part.avg_logprob))) for part in parts for _ in part.text.split()],
        )

    return recognize

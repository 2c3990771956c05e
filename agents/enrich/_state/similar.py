"""Texts that are nearly the same: MinHash signatures and the bands that find them (datasketch).

Shingles are hashed under a key, so that a signature cannot be compared with that of a text that somebody guessed.
Source: A. Broder, On the resemblance and containment of documents (1997); bands as in Leskovec, Rajaraman and Ullman,
Mining of Massive Datasets, section 3.4.

SimHash and TLSH take less room and were left aside, because a stream needs keys that find an entry among a million.
Texts with 0.8 of their shingles in common differ in 19 of 128 bits of SimHash (measured; Charikar, Similarity
Estimation Techniques, 2002, gives the same): no band of it would be equal. TLSH's distance has no bands at all.
"""

import hashlib
from typing import Any, Final

from penstock.model.errors import MissingExtraError

SHINGLE: Final = 5
"""Characters."""
PERMUTATIONS: Final = 128
MOST_CHARACTERS: Final = 50_000
"""What comes behind them in a text is not looked at."""

_SEED: Final = 1
_SCHEME: Final = "affine32"  # written down, because signatures outlive a release of the library
_WEIGHTS: Final = (0.1, 0.9)  # of false alarms, which comparing the signatures sorts out, and of misses
_MOST_SHINGLES: Final = 4096


class Signatures:
    """Signatures of texts under one key.

    Parameters
    ----------
    key : bytes
    threshold : float
        Share of shingles that two texts have in common to count as nearly the same.

    Raises
    ------
    MissingExtraError
        datasketch is not installed.
    """

    def __init__(self, key: bytes, threshold: float) -> None:
        try:
            import numpy
            from datasketch import MinHash, MinHashLSH
        except ImportError:
            raise MissingExtraError("datasketch", "near") from None
        bands = MinHashLSH(threshold, PERMUTATIONS, _WEIGHTS)
        self._numpy = numpy
        self._key = key
        self._bands, self._rows = bands.b, bands.r
        self._empty: Any = MinHash(PERMUTATIONS, seed=_SEED, hashfunc=int.from_bytes, scheme=_SCHEME)

    def of(self, text: str) -> bytes:
        """The signature of a text: 128 numbers of 32 bits."""
        text = text[:MOST_CHARACTERS]
        shingles = {text[at : at + SHINGLE] for at in range(max(1, len(text) - SHINGLE + 1))}
        # of many the least digests are a fair sample, and the same one of the same shingles
        digests = sorted(_digest(self._key, shingle) for shingle in shingles)[:_MOST_SHINGLES]
        made = self._empty.copy()
        made.update_batch(digests)
        signature: bytes = made.hashvalues.astype(self._numpy.uint32).tobytes()
        return signature

    def bands(self, signature: bytes, within: bytes = b"") -> list[bytes]:
        """The keys of its bands: texts that are nearly the same have one in common, most probably.

        Those of texts that are not to be compared, as `within` says, have none in common.
        """
        size = 4 * self._rows
        parts = [signature[band * size : (band + 1) * size] for band in range(self._bands)]
        return [
            hashlib.blake2b(part + within, digest_size=12, key=self._key, salt=band.to_bytes(2)).digest()
            for band, part in enumerate(parts)
        ]

    def similarity(self, one: bytes, other: bytes) -> float:
        """The share of shingles in common, as far as signatures tell (about ±0.09 at one half)."""
        return float((self._array(one) == self._array(other)).mean())

    def _array(self, signature: bytes) -> Any:
        return self._numpy.frombuffer(signature, self._numpy.uint32)


def _digest(key: bytes, shingle: str) -> bytes:
    return hashlib.blake2b(shingle.encode("utf-8", "surrogatepass"), digest_size=4, key=key).digest()

"""What taking metadata out of pictures shares: what is wished, what was found, and the errors of damaged files."""

from dataclasses import dataclass, field
from typing import Final

from penstock.model.errors import EnrichmentError

ICC: Final = "ICC_Profile"
ORIENTATION: Final = "Orientation"
TRAILING: Final = "TrailingData"
THUMBNAIL: Final = "ThumbnailImage"

REASONS: Final = {
    "malformed": "the content is not what its beginning says",
    "truncated": "the content ends too early",
    "too_many_pixels": "the picture has more than max_pixels",
    "unsupported_type": "the content is no picture of a type that can be scrubbed",
}
"""Why a picture could not be scrubbed: reason -> what it means."""


@dataclass(slots=True)
class Scrub:
    """One picture being scrubbed: what may stay, and what was found.

    Attributes
    ----------
    orientation, profile : bool
        Whether the orientation and the colour profile stay.
    max_pixels : int
    removed, preserved : dict
        Names of tags, in the order they were found; a dict for its order, the values are nothing.
    upright : int
        EXIF's orientation, 1 to 8; 0 where there is none.
    """

    orientation: bool = True
    profile: bool = True
    max_pixels: int = 178_956_970
    removed: dict[str, None] = field(default_factory=dict)
    preserved: dict[str, None] = field(default_factory=dict)
    upright: int = 0

    def remove(self, *names: str) -> None:
        for name in names:
            self.removed.setdefault(name)

    def turned(self, orientation: int) -> None:
        """Note an orientation that was found; the first one counts."""
        if not 1 <= orientation <= 8 or not self.orientation:
            self.remove(ORIENTATION)
        elif not self.upright:
            self.upright = orientation
            self.preserved.setdefault(ORIENTATION)

    def keeps(self, profile: bytes) -> bool:
        """Whether a colour profile stays: where it may, and where it is one and nothing else."""
        keeps = self.profile and is_profile(profile)
        if keeps:
            self.preserved.setdefault(ICC)
        else:
            self.remove(ICC)
        return keeps

    def check(self, width: int, height: int) -> None:
        """Raises EnrichmentError where a picture is empty or too large to be opened safely by anybody."""
        if width <= 0 or height <= 0:
            raise malformed("it has no pixels")
        if width * height > self.max_pixels:
            raise EnrichmentError("too_many_pixels", f"a picture has more than {self.max_pixels} pixels")


def malformed(why: str) -> EnrichmentError:
    return EnrichmentError("malformed", f"a picture is malformed: {why}")


def truncated() -> EnrichmentError:
    return EnrichmentError("truncated", "a picture ends too early")


def is_profile(data: bytes) -> bool:
    """Whether `data` is an ICC profile with nothing behind it (ICC.1:2022, section 7.2)."""
    if len(data) < 132 or int.from_bytes(data[:4], "big") != len(data) or data[36:40] != b"acsp":
        return False
    count = int.from_bytes(data[128:132], "big")
    if count > 256 or 132 + 12 * count > len(data):
        return False
    entries = [data[at : at + 12] for at in range(132, 132 + 12 * count, 12)]
    spans = [(int.from_bytes(entry[4:8], "big"), int.from_bytes(entry[8:12], "big")) for entry in entries]
    return all(first >= 132 and first + length <= len(data) for first, length in spans)

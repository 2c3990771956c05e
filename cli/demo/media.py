"""The input of the demo of media: pictures and PDFs that are drawn, recordings of LibriVox, and records that name them.

The same for the same seed. Pictures tell of their makers (EXIF, with a place), and show an e-mail address and a phone
number, so that there is something to take out and to hide. Some are broken on purpose, as the index tells.

The recordings are of chapter 1 of Jane Austen's *Sense and Sensibility*, read by volunteers of LibriVox, who gave them
to the public domain; cut into sentences by the CMU Sphinx project.
"""

import base64
import io
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import orjson
from PIL import Image, ImageDraw, ImageFont

FILE: Final = "media.jsonl"
RECORDINGS: Final = ("amiable", "respectable", "dashwood")
"""By length: 3, 6 and 7 seconds."""

_FIRST: Final = ("Ada", "Grace", "Alan", "Emmy", "Carl", "Sofia", "Niels", "Marie")
_LAST: Final = ("Lovelace", "Hopper", "Turing", "Noether", "Gauss", "Kovalevskaya", "Bohr", "Curie")
_GPS: Final = 0x8825
_BROKEN_EVERY: Final = 12
_DENIED_EVERY: Final = 8


@dataclass(slots=True)
class MediaManifest:
    """What was written, in numbers.

    Attributes
    ----------
    records : int
    kinds : Counter
        ``picture``, ``inline picture``, ``pdf``, ``recording``.
    broken : int
        Records whose file is cut off: they go on, and say that nothing could be read.
    denied : int
    planted : list of str
        Addresses and telephone numbers that are drawn, none of which may come out.
    """

    records: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    broken: int = 0
    denied: int = 0
    planted: list[str] = field(default_factory=list)


def generate(folder: Path, records: int, seed: int) -> MediaManifest:
    """Write ``media.jsonl`` and the files that it names to `folder`, which is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    manifest = MediaManifest()
    makers: tuple[tuple[str, Callable[..., tuple[str, bytes]]], ...] = (
        ("picture", _photograph), ("recording", _recording), ("pdf", _pdf), ("inline picture", _picture),
    )  # fmt: skip
    with (folder / FILE).open("wb") as lines:
        for index in range(records):
            draw = random.Random(f"{seed}/{index}")
            kind, make = makers[index % len(makers)]
            person = _Person(draw)
            suffix, content = make(index, person, draw)
            if index % _BROKEN_EVERY == _BROKEN_EVERY - 1:
                content, broken = content[: len(content) // 3], True
            else:
                broken = False
            record = _record(index, kind, person, suffix, content, folder)
            lines.write(orjson.dumps(record) + b"\n")
            manifest.records += 1
            manifest.kinds[kind] += 1
            manifest.broken += broken
            manifest.denied += record["license"] == "CC-BY-NC-4.0"
            manifest.planted += [person.email, person.phone] if kind != "recording" else [person.email]
    return manifest


class _Person:
    def __init__(self, draw: random.Random) -> None:
        first, last = draw.choice(_FIRST), draw.choice(_LAST)
        self.name = f"{first} {last}"
        self.email = f"{first}.{last}{draw.randrange(10, 100)}@example.com".lower()
        # of the block that is kept for films (North American Numbering Plan)
        self.phone = f"+1 202 555 01{draw.randrange(100):02}"


def _record(index: int, kind: str, person: _Person, suffix: str, content: bytes, folder: Path) -> dict[str, Any]:
    field_name = {"pdf": "document_url", "recording": "audio_url"}.get(kind, "image_url")
    if kind == "inline picture":
        value = f"data:image/{suffix};base64,{base64.b64encode(content).decode()}"
    else:
        path = (folder / f"{index:04}.{suffix}").resolve()
        path.write_bytes(content)
        value = f"file://{path}"
    return {
        "id": f"media-{index:04}",
        "title": f"{kind.capitalize()} number {index}",
        field_name: value,
        "sender": {"name": person.name, "email": person.email},
        "license": "CC-BY-NC-4.0"
        if index % _DENIED_EVERY == _DENIED_EVERY - 2
        else ("CC-BY-4.0", "CC0-1.0")[index % 2],
    }


def _page(index: int, person: _Person, draw: random.Random) -> Image.Image:
    """A letter, drawn."""
    lines = (
        f"Order {draw.randrange(1000, 10_000)} of customer {index}",
        "The parcel has not arrived, please call me back.",
        f"My number is {person.phone}",
        f"or write to {person.email}",
        f"Kind regards, {person.name}",
    )
    image = Image.new("RGB", (820, 330), "white")
    pen = ImageDraw.Draw(image)
    face = ImageFont.load_default(size=28)
    for number, line in enumerate(lines):
        pen.text((40, 30 + 55 * number), line, fill="black", font=face)
    return image


def _photograph(index: int, person: _Person, draw: random.Random) -> tuple[str, bytes]:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0132] = "Example Cameras", "Model 7", "2026:01:05 08:00:00"
    exif.get_ifd(_GPS).update({1: "N", 2: (51.0, 30.0, 26.0), 3: "W", 4: (0.0, 7.0, 39.0)})
    return "jpg", _saved(_page(index, person, draw), "JPEG", quality=92, exif=exif)


def _picture(index: int, person: _Person, draw: random.Random) -> tuple[str, bytes]:
    return "png", _saved(_page(index, person, draw).convert("L"), "PNG")


def _pdf(index: int, person: _Person, draw: random.Random) -> tuple[str, bytes]:
    return "pdf", _saved(_page(index, person, draw), "PDF", resolution=100, quality=92)


def _recording(index: int, _person: _Person, _draw: random.Random) -> tuple[str, bytes]:
    name = RECORDINGS[index // 4 % len(RECORDINGS)]
    return "flac", files("penstock.cli.demo").joinpath("recordings", f"{name}.flac").read_bytes()


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()

"""What the enrichers of media are measured with: a photograph, a page and a recording; no two records have the same.

The AI engine that `ocr` and `stt` ask runs in this process and its children, so that what it takes is counted.
"""

from __future__ import annotations

import base64
import io
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from random import Random
from typing import Any, Final

PHOTOGRAPH: Final = (1200, 900)
PAGE: Final = (1240, 1754)
"""A4 in 150 dpi."""
LINES: Final = 20


def photograph(random: Random) -> str:
    """A JPEG of about 200 kB with EXIF data."""
    from PIL import Image, ImageFilter

    noise = Image.frombytes("RGB", PHOTOGRAPH, random.randbytes(3 * PHOTOGRAPH[0] * PHOTOGRAPH[1]))
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0112] = "Maker", f"Model {random.random()}", 6
    return _encoded(noise.filter(ImageFilter.GaussianBlur(2)), "JPEG", exif=exif, quality=88)


def page(random: Random) -> str:
    """A PNG of a letter: twenty lines of some sixty letters, 20 pixels high."""
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("L", PAGE, 255)
    font = ImageFont.load_default(size=20)
    for line in range(LINES):
        words = " ".join(random.choices(("invoice", "of", "the", "railway", "coast", "12.50", "June", "parcel"), k=11))
        ImageDraw.Draw(image).text((120, 150 + 40 * line), words[:60], fill=0, font=font)
    return _encoded(image, "PNG")


def recording(random: Random) -> str:
    """A WAV of 3.3 seconds: a sentence that a volunteer of LibriVox read, a little louder or softer."""
    import soundfile

    with files("penstock.cli.demo").joinpath("recordings", "amiable.flac").open("rb") as file:
        sound, rate = soundfile.read(file)
    out = io.BytesIO()
    soundfile.write(out, sound * random.uniform(0.8, 1), rate, format="WAV")
    return base64.b64encode(out.getvalue()).decode()


MADE: Final[dict[str, tuple[str, Callable[[Random], str], int]]] = {
    "exif_scrub": ("image", photograph, 64),
    "ocr": ("image", page, 4),
    "stt": ("audio", recording, 6),
}
"""Name of an enricher -> field, what makes its value, how many records are measured."""


@contextmanager
def engine() -> Iterator[str]:
    """The address of an AI engine, as long as it is needed."""
    import uvicorn

    from penstock.model.serving import Server
    from penstock.services.ai_engine import create_app

    server = Server(uvicorn.Config(create_app(None, None), port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            if not thread.is_alive():
                raise RuntimeError("the AI engine did not start")
            time.sleep(0.05)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def _encoded(image: Any, kind: str, **options: Any) -> str:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return base64.b64encode(out.getvalue()).decode()

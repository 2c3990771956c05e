"""The AI engine reads real pictures, PDFs and speech, and refuses what cannot be read."""

import asyncio
import base64
import io
import re
import zlib
from collections.abc import AsyncIterator, Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import pytest
import soundfile
from fastapi import FastAPI
from PIL import Image, ImageDraw, ImageFont

from penstock.model.errors import ConfigurationError, EnrichmentError, MissingExtraError
from penstock.model.fetch import FetchOptions
from penstock.model.room import REASONS, Room
from penstock.services import ai_engine

LINES = (
    "Meeting notes, Friday 12 June",
    "Please call Anna Schmidt at +1 202 555 0143",
    "or write to anna.schmidt@example.com before noon.",
)
SPEECH = Path(__file__).parent / "speech"
FONT = ImageFont.load_default(size=28)


def page(*lines: str, size: tuple[int, int] = (900, 320)) -> Image.Image:
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        draw.text((40, 40 + 60 * number), line, fill="black", font=FONT)
    return image


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def encoded(sound: Any, rate: int = 16_000, kind: str = "WAV") -> bytes:
    out = io.BytesIO()
    soundfile.write(out, sound, rate, format=kind)
    return out.getvalue()


def reading(name: str) -> bytes:
    """A sentence that a volunteer of LibriVox read."""
    return files("penstock.cli.demo").joinpath("recordings", f"{name}.flac").read_bytes()


def words(text: str) -> set[str]:
    return set(re.findall(r"[a-z0-9]+", text.lower()))


Ask = Callable[..., Any]


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return ai_engine.create_app(None, None, fetching=FetchOptions(allow_private=True, max_bytes=200_000))


@pytest.fixture
async def ask(app: FastAPI) -> AsyncIterator[Ask]:
    """Ask the engine about a content; status and body."""
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://engine", timeout=100) as http:

            async def asked(path: str, content: bytes | None = None, **body: Any) -> tuple[int, Any]:
                if content is not None:
                    body["content_base64"] = base64.b64encode(content).decode()
                answer = await http.post(path, json=body)
                return answer.status_code, answer.json()

            yield asked


OCR, STT = "/ocr/extract", "/stt/transcribe"


async def test_the_text_of_a_picture_is_read(ask: Ask) -> None:
    for kind, mime_type in (("PNG", "image/png"), ("JPEG", "image/jpeg"), ("TIFF", "image/tiff"), ("WEBP", None)):
        picture = saved(page(*LINES), kind, quality=95)
        status, answer = await ask(OCR, picture, mime_type=mime_type, languages=["eng"])
        assert status == 200
        assert answer["text"].split("\n") == list(LINES), kind
        assert answer["word_count"] == len(answer["words"]) == sum(len(line.split()) for line in LINES)
        assert answer["language"] == "eng"
        assert 0.9 < answer["confidence"] <= 1
    first = answer["words"][0]
    (left, top), (right, _), (_, bottom), _ = first["box"]
    assert first["text"] == "Meeting"
    assert 20 < left < 50 < 130 < right < 160
    assert 25 < top < 50 < 60 < bottom < 90


async def test_a_picture_is_read_as_it_is_shown(ask: Ask) -> None:
    turned = page(*LINES).rotate(90, expand=True)
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by 90 degrees to the right
    status, answer = await ask(OCR, saved(turned, "JPEG", exif=exif, quality=95))
    assert (status, answer["text"].split("\n")) == (200, list(LINES))


@pytest.mark.parametrize("angle", [90, 180, 270, 6])
async def test_text_that_lies_on_its_side_or_on_its_head_is_read_in_its_order(angle: int, ask: Ask) -> None:
    turned = page(*LINES).rotate(angle, expand=True, fillcolor="white")
    _, answer = await ask(OCR, saved(turned, "PNG"))
    assert answer["text"].split("\n") == list(LINES)


async def test_ones_in_digits_of_one_width_are_not_parted(ask: Ask) -> None:
    lines = ("Invoice 4711 of 12 June 2025", "Call +1 202 555 0111 or 1 1 2")
    _, answer = await ask(OCR, saved(page(*lines), "PNG"))
    assert answer["text"].split("\n") == list(lines)


async def test_every_page_of_a_tiff_is_read(ask: Ask) -> None:
    pages = [page("First page"), page("Second page"), page("Third page")]
    _, answer = await ask(OCR, saved(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
    assert answer["text"].split("\n") == ["First page", "Second page", "Third page"]
    assert [word["page"] for word in answer["words"]] == [1, 1, 2, 2, 3, 3]


async def test_a_scanned_pdf_is_drawn_and_read_and_a_printed_one_answers_from_its_text(ask: Ask) -> None:
    pages = [page(*LINES), page("Second page, invoice 4711")]
    scan = saved(pages[0], "PDF", save_all=True, append_images=pages[1:], resolution=100)
    status, answer = await ask(OCR, scan, mime_type="application/pdf")
    assert status == 200
    assert {"anna.schmidt@example.com", "4711"} <= set(answer["text"].split())
    assert "+12025550143" in answer["text"].replace(" ", "")
    assert {word["page"] for word in answer["words"]} == {1, 2}
    status, answer = await ask(OCR, printed("Total due: 12.50 EUR", "Thank you"), mime_type="application/pdf")
    assert (status, answer["text"], answer["confidence"]) == (200, "Total due: 12.50 EUR\nThank you", 1.0)
    assert answer["words"][0]["box"][0][1] == pytest.approx(100, abs=25)  # points below the top of the page


def printed(*lines: str) -> bytes:
    """A PDF with text of its own, made by hand."""
    text = b" 0 -30 Td ".join(f"({line}) Tj".encode() for line in lines)
    stream = b"BT /F 18 Tf 72 692 Td " + text + b" ET"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    body = b"%PDF-1.4\n" + b"".join(b"%d 0 obj%s endobj\n" % (n, o) for n, o in enumerate(objects, 1))
    return body + b"trailer<</Root 1 0 R>>\n%%EOF"


async def test_what_is_less_sure_than_asked_is_left_out(ask: Ask) -> None:
    rng = np.random.default_rng(7)
    noisy = np.asarray(page(*LINES).reduce(2)).astype(float) + rng.normal(0, 70, (160, 450, 3))
    blurred = saved(Image.fromarray(noisy.clip(0, 255).astype(np.uint8)), "PNG")
    _, everything = await ask(OCR, blurred)
    threshold = sorted(word["confidence"] for word in everything["words"])[len(everything["words"]) // 2]
    _, some = await ask(OCR, blurred, confidence_threshold=threshold)
    assert 0 < some["word_count"] < everything["word_count"]
    assert all(word["confidence"] >= threshold - 1e-4 for word in some["words"])
    assert some["confidence"] > everything["confidence"]
    assert some["words_left_out"] == everything["word_count"] - some["word_count"]
    assert everything["words_left_out"] == 0


async def test_an_empty_picture_has_no_text_and_no_confidence(ask: Ask) -> None:
    status, answer = await ask(OCR, saved(Image.new("L", (300, 200), 200), "PNG"))
    assert (status, answer["text"], answer["confidence"], answer["word_count"]) == (200, "", 0.0, 0)


async def test_the_language_is_one_of_those_asked_for(ask: Ask) -> None:
    german = saved(page("Der Zug kommt heute wieder zu spät an", "weil auf der Strecke gebaut wird"), "PNG")
    assert (await ask(OCR, german, languages=["eng", "de"]))[1]["language"] == "deu"
    assert (await ask(OCR, german, languages=["eng"]))[1]["language"] == "eng"
    status, answer = await ask(OCR, german, languages=["tha"])
    assert (status, answer["code"]) == (422, "unsupported_language")


async def test_speech_is_written_down(ask: Ask) -> None:
    status, answer = await ask(STT, reading("amiable"), mime_type="audio/flac", language="en-US")
    assert status == 200
    assert len(words(answer["transcript"]) & words("he might even have been made amiable himself")) >= 7
    assert 0.3 < answer["confidence"] < 0.95
    assert answer["duration_seconds"] == pytest.approx(3.29, abs=0.01)
    (speaker,) = answer["speakers"]
    assert speaker["speaker_id"] == "SPEAKER_00"
    assert 0 <= speaker["segments"][0]["start"] < speaker["segments"][-1]["end"] <= 3.3
    assert " ".join(segment["text"] for segment in speaker["segments"]) == answer["transcript"]


@pytest.mark.parametrize(("rate", "kind"), [(44_100, "WAV"), (22_050, "FLAC"), (48_000, "OGG"), (44_100, "MP3")])
async def test_any_rate_and_container_is_taken(rate: int, kind: str, ask: Ask) -> None:
    sound, own = soundfile.read(SPEECH / "goforward.flac")
    times = np.arange(int(len(sound) * rate / own)) * own / rate
    stereo = np.repeat(np.interp(times, np.arange(len(sound)), sound)[:, None], 2, axis=1)
    status, answer = await ask(STT, encoded(stereo, rate, kind))
    assert status == 200
    assert len(words(answer["transcript"]) & {"go", "forward", "ten", "meters"}) >= 3, answer["transcript"]


async def test_voices_are_told_apart_where_that_is_asked_for(ask: Ask) -> None:
    pause = np.zeros(9600)
    one, other = (soundfile.read(io.BytesIO(data))[0] for data in (reading("dashwood"), reading("respectable")))
    somebody_else = soundfile.read(SPEECH / "cards.flac")[0]
    talk = encoded(np.concatenate([one, pause, somebody_else, pause, other]))
    _, answer = await ask(STT, talk, enable_diarization=True)
    turns = {speaker["speaker_id"]: [part["start"] for part in speaker["segments"]] for speaker in answer["speakers"]}
    assert {name: len(starts) for name, starts in turns.items()} == {"SPEAKER_00": 2, "SPEAKER_01": 1}
    assert turns["SPEAKER_00"][0] < turns["SPEAKER_01"][0] < turns["SPEAKER_00"][1]
    _, answer = await ask(STT, talk)
    assert [speaker["speaker_id"] for speaker in answer["speakers"]] == ["SPEAKER_00"]


async def test_silence_and_noise_say_nothing(ask: Ask) -> None:
    for sound in (np.zeros(16_000), np.random.default_rng(3).normal(0, 0.003, 32_000)):
        status, answer = await ask(STT, encoded(sound))
        assert (status, answer["transcript"], answer["confidence"], answer["speakers"]) == (200, "", 0.0, [])


async def test_confidence_in_what_is_heard_falls_with_what_is_right(ask: Ask) -> None:
    sound = soundfile.read(SPEECH / "cards.flac")[0]
    noise = np.random.default_rng(2).normal(0, np.sqrt((sound**2).mean()), len(sound))
    said = words("eight of spades four of clubs seven of hearts")
    found = []
    for decibel in (None, 20, 6):
        heard = sound if decibel is None else sound + noise * 10 ** (-decibel / 20)
        _, answer = await ask(STT, encoded(heard.clip(-1, 1)))
        found.append((answer["confidence"], len(words(answer["transcript"]) & said) / len(said)))
    (clean, all_right), *_, (noisy, few_right) = found
    assert all_right == 1 and few_right < 0.5
    assert clean > 0.75 and noisy < 0.6
    assert [sure for sure, _ in found] == sorted((sure for sure, _ in found), reverse=True)


async def test_another_language_is_refused(ask: Ask) -> None:
    status, answer = await ask(STT, reading("amiable"), language="de-DE")
    assert (status, answer["code"]) == (422, "unsupported_language")


# What cannot be read


def png_bomb() -> bytes:
    """A picture of 900 million pixels in a kilobyte or two."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)

    header = (30_000).to_bytes(4) * 2 + bytes([8, 2, 0, 0, 0])
    pixels = zlib.compress(bytes(1_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("path", "content", "body", "status", "code"),
    [
        (OCR, b"no picture at all", {}, 422, "malformed"),
        (OCR, b"%PDF-1.7\nnothing behind it", {}, 422, "malformed"),
        (OCR, b"%PDF-1.7\nnothing behind it", {"mime_type": "image/png"}, 422, "mismatch"),
        (OCR, png_bomb(), {}, 413, "too_large"),
        (OCR, b"", {}, 422, "empty"),
        (OCR, b"x", {"mime_type": "audio/wav"}, 415, "unsupported_type"),
        (OCR, None, {"content_base64": "not base64!"}, 422, "bad_base64"),
        (OCR, None, {}, 422, "invalid"),
        (OCR, b"x", {"url": "http://example.com/"}, 422, "invalid"),
        (STT, b"RIFF\0\0\0\0WAVEfmt ", {}, 422, "malformed"),
        (STT, b"no sound", {"mime_type": "audio/wav"}, 422, "malformed"),
        (STT, encoded(np.zeros((0, 1))), {}, 422, "malformed"),
        (STT, b"x", {"mime_type": "image/png"}, 415, "unsupported_type"),
    ],
)  # fmt: skip
async def test_what_cannot_be_read_is_refused(
    path: str, content: bytes | None, body: dict[str, Any], status: int, code: str, ask: Ask
) -> None:
    found, answer = await ask(path, content, **body)
    assert (found, answer["code"]) == (status, code)
    assert set(answer) == {"code", "message"}


async def test_damaged_files_never_harm_the_engine(ask: Ask) -> None:
    rng = np.random.default_rng(11)
    good = {
        OCR: [saved(page("Hello"), "PNG"), saved(page("Hello"), "JPEG"), saved(page("Hello"), "PDF")],
        STT: [(SPEECH / "goforward.flac").read_bytes()],
    }
    seen = set()
    for path, contents in good.items():
        for content in contents:
            for turn in range(8):
                damaged = bytearray(content[: len(content) // (turn + 2)] if turn < 3 else content)
                for place in rng.integers(0, len(damaged), 20):
                    damaged[place] = rng.integers(0, 256)
                status, _ = await ask(path, bytes(damaged))
                seen.add(status)
    assert seen <= {200, 413, 422}
    assert 422 in seen
    assert (await ask(OCR, saved(page("Hello"), "PNG")))[1]["text"] == "Hello"


async def test_a_body_that_is_too_large_is_refused_before_it_is_read(app: FastAPI) -> None:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://engine") as http:
        answer = await http.post(OCR, content=b"x", headers={"Content-Length": str(40 * 1024 * 1024)})
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")

        async def endless() -> AsyncIterator[bytes]:
            while True:
                yield bytes(1024 * 1024)

        answer = await http.post(OCR, content=endless())
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def test_a_url_is_fetched_within_bounds(ask: Ask, serve: Callable[..., str]) -> None:
    from starlette.responses import Response

    web = FastAPI()
    web.get("/page.png")(lambda: Response(saved(page("Hello World"), "PNG"), media_type="image/png"))
    web.get("/huge.png")(lambda: Response(bytes(300_000)))
    address = serve(web)
    status, answer = await ask(OCR, url=f"{address}/page.png")
    assert (status, answer["text"]) == (200, "Hello World")
    assert (await ask(OCR, url=f"{address}/huge.png"))[0] == 422
    assert (await ask(OCR, url=f"{address}/none.png"))[1]["code"] == "not_found"
    assert (await ask(OCR, url="http://127.0.0.1:1/"))[0] == 424
    bounded = ai_engine.create_app(None, None)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(bounded), base_url="http://engine") as http:
        answer = await http.post(OCR, json={"url": f"{address}/page.png"})
    assert (answer.status_code, answer.json()["code"]) == (422, "forbidden_address")


async def test_a_token_is_asked_for() -> None:
    app = ai_engine.create_app(None, "secret")
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://engine") as http:
        assert (await http.get("/health")).json() == {"status": "ok"}
        assert (await http.post(OCR, json={})).status_code == 401
        header = {"Authorization": "Bearer secret"}
        assert (await http.post(OCR, json={}, headers=header)).status_code == 422


# The children

QUESTION = {"languages": ["eng"], "confidence_threshold": 0.0, "mime_type": None}


async def refused(content: bytes, **limits: Any) -> str:
    """Why a room with these limits did not read a content."""
    room = Room(ai_engine.LIMITS.model_copy(update={"processes": 1, **limits}))
    try:
        with pytest.raises(EnrichmentError) as caught:
            await room.run("penstock.services.ai_ocr:extract", content, **QUESTION)
        return caught.value.reason
    finally:
        await asyncio.to_thread(room.close)


async def test_time_and_memory_are_bounded() -> None:
    pages = [page(*LINES)] * 40
    long = saved(pages[0], "PDF", save_all=True, append_images=pages)
    large = saved(Image.new("RGB", (9000, 6000), "white"), "PNG")
    assert await refused(saved(page(*LINES), "PNG"), job_seconds=0.05) == "timeout"
    assert await refused(long, job_cpu_seconds=1) == "cpu_limit"
    assert await refused(large, job_memory_bytes=900 << 20) == "out_of_memory"
    assert {"timeout", "cpu_limit", "out_of_memory"} <= set(ai_engine.STATUS) >= set(REASONS)


async def test_the_children_end_with_the_engine(ask: Ask) -> None:
    assert (await ask(STT, encoded(np.zeros(1600))))[0] == 200
    app = ai_engine.create_app(None, None)
    before = {child.pid for child in psutil.Process().children()}
    async with app.router.lifespan_context(app):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://engine") as http:
            sound = base64.b64encode(encoded(np.zeros(1600))).decode()
            assert (await http.post(STT, json={"content_base64": sound})).status_code == 200
        assert {child.pid for child in psutil.Process().children()} > before
    assert {child.pid for child in psutil.Process().children()} == before


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(ai_engine, "find_spec", lambda name: None if name == "pocketsphinx" else object())
    with pytest.raises(MissingExtraError, match=r"penstock\[ai\]"):
        ai_engine.create_app(None, None)
    monkeypatch.undo()
    monkeypatch.setenv(ai_engine.WHISPER, str(tmp_path))
    with pytest.raises(ConfigurationError, match="AI_ENGINE_WHISPER"):
        ai_engine.create_app(None, None)

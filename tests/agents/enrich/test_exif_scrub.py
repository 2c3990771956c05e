"""exif_scrub: content in records, by URL and by file; what is replaced, written, reported, and removed."""

import asyncio
import base64
import contextlib
import io
import struct
from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import fsspec
import orjson
import piexif
import pytest
from PIL import Image
from pydantic import ValidationError

from penstock.agents import registry
from penstock.agents.chain import Chain
from penstock.agents.enrich import exif_scrub as stage
from penstock.model.component import Resources
from penstock.model.errors import ConfigurationError, UnreachableError
from penstock.model.record import Kept

CANARY = b"c4n4ry"
RESOURCES = Resources(clock=lambda: 1_736_330_400.0)


def jpeg(orientation: int = 6, size: tuple[int, int] = (40, 30)) -> bytes:
    tags = {
        "0th": {piexif.ImageIFD.Make: CANARY, piexif.ImageIFD.Model: CANARY, piexif.ImageIFD.Orientation: orientation},
        "GPS": {piexif.GPSIFD.GPSLatitudeRef: b"N", piexif.GPSIFD.GPSLatitude: ((52, 1), (31, 1), (12, 1))},
    }
    out = io.BytesIO()
    Image.new("RGB", size, (200, 30, 60)).save(out, "JPEG", exif=piexif.dump(tags))
    return out.getvalue()


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def chain(**options: Any) -> Chain:
    return Chain([("exif_scrub", registry.configure("exif_scrub", options))], RESOURCES)


async def run(*records: dict[str, Any], **options: Any) -> tuple[list[dict[str, Any]], Any]:
    """What becomes of records: their data, with the notes of exif_scrub and of errors beside, and the counts."""
    entries = [Kept(number, 0, orjson.dumps(data), {}) for number, data in enumerate(records)]
    result = await chain(**options).run("t", 0, entries)
    found = []
    for entry in result.entries:
        assert isinstance(entry, Kept)
        notes = {name.removeprefix("enrichments."): orjson.loads(note) for name, note in entry.notes.items()}
        found.append({"data": orjson.loads(entry.data or b""), **notes})
    return found, result.counts["exif_scrub"].outcomes


async def test_content_in_the_record_is_replaced_and_reported() -> None:
    data = jpeg()
    record = {"user": {"photo": text(data), "name": "Ann"}, "image_url": f"data:image/jpeg;base64,{text(data)}", "n": 1}
    (found,), outcomes = await run(record)
    report = found["exif_scrub"]
    assert list(report) == ["photo_scrubbed", "image_url_scrubbed"]
    assert report["image_url_scrubbed"] == report["photo_scrubbed"]
    assert report["photo_scrubbed"] == {
        "removed_tags": ["Make", "Model", "GPSInfo", "GPSLatitudeRef", "GPSLatitude"],
        "preserved_tags": ["Orientation"],
        "scrubbed_at": "2025-01-08T10:00:00.000Z",
    }
    clean = base64.b64decode(found["data"]["user"]["photo"])
    assert CANARY in data and CANARY not in clean and clean[:2] == b"\xff\xd8"
    assert found["data"]["image_url"] == f"data:image/jpeg;base64,{text(clean)}"
    assert found["data"]["user"]["name"] == "Ann" and list(found["data"]) == list(record)
    assert "errors" not in found and not [code for code in outcomes if code.startswith("failed")]


async def test_lists_of_pictures_and_names_with_dots() -> None:
    data = text(jpeg())
    record = {"a.b": {"photo": [data, "not one", {"image": data}]}, "a": {"b": {"photo": ["x", data]}}, "image": None}
    (found,), _ = await run(record)
    assert len(found["exif_scrub"]) == 3
    new = found["data"]
    assert CANARY not in b"".join(map(base64.b64decode, (new["a.b"]["photo"][0], new["a.b"]["photo"][2]["image"])))
    assert CANARY not in base64.b64decode(new["a"]["b"]["photo"][1])
    assert (new["a.b"]["photo"][1], new["a"]["b"]["photo"][0], new["image"]) == ("not one", "x", None)


async def test_the_orientation_goes_when_told_so() -> None:
    for options in ({"preserve_orientation": False}, {"remove_all": True}):
        (found,), _ = await run({"image": text(jpeg())}, **options)
        report = found["exif_scrub"]["image_scrubbed"]
        assert "Orientation" in report["removed_tags"] and report["preserved_tags"] == []


@pytest.mark.parametrize(
    "value", ["", "photo.jpg", "Der Zug kommt heute", "/images/a.jpg", "ftp://host/a", 5, None, True]
)
async def test_what_is_no_picture_is_left_alone(value: Any) -> None:
    (found,), outcomes = await run({"image": value, "text": text(jpeg())})
    assert found == {"data": {"image": value, "text": text(jpeg())}} and dict(outcomes) == {"kept": 1}


DAMAGED = {
    "data:image/jpeg;base64,!": "bad_content",
    "data:,": "empty",
    "data:image/svg+xml,<svg/>": "unsupported_type",
    text(b"GIF89a" + bytes(100)): "malformed",
    text(b"BM" + struct.pack("<LLL", 100, 0, 54) + bytes(86)): "unsupported_type",
    text(b"\0\0\1\0" + bytes(100)): "unsupported_type",
    text(jpeg()[:-60]): "truncated",
    text(jpeg()[:40] + b"x" + jpeg()[40:]): "malformed",
    text(b"\0" * 400): "unsupported_type",
}


@pytest.mark.parametrize("value", DAMAGED, ids=DAMAGED.values())
async def test_content_that_cannot_be_scrubbed_is_removed(value: str) -> None:
    good = text(jpeg())
    (bad, fine), outcomes = await run({"image": value, "photo": good, "n": 1}, {"image": good})
    assert bad["data"]["image"] is None and bad["data"]["n"] == 1
    assert CANARY not in base64.b64decode(bad["data"]["photo"]), "the other picture of the record is scrubbed"
    assert list(bad["exif_scrub"]) == ["photo_scrubbed"]
    assert bad["errors"] == {"exif_scrub": DAMAGED[value]} and outcomes[f"failed:{DAMAGED[value]}"] == 1
    assert "errors" not in fine and outcomes["kept"] == 2


async def test_content_that_cannot_be_scrubbed_stays_or_stops_its_record_when_told_so() -> None:
    (found,), _ = await run({"image": "data:,x"}, on_error="keep")
    assert found == {"data": {"image": "data:,x"}, "errors": {"exif_scrub": "unsupported_type"}}
    result = await chain(on_error="quarantine").run("t", 0, [Kept(0, 0, b'{"image":"data:,x"}', {})])
    assert [(aside.outcome, aside.code) for aside in result.aside] == [("quarantined", "exif_scrub_failed")]


async def test_too_much_is_too_much() -> None:
    records = [{"image": text(jpeg())}, {"image": f"data:;base64,{text(jpeg())}"}]
    found, _ = await run(*records, max_bytes=100)
    assert [each["errors"]["exif_scrub"] for each in found] == ["too_large", "too_large"]
    (bomb,), _ = await run(records[0], max_pixels=100)
    assert bomb["errors"] == {"exif_scrub": "too_many_pixels"} and bomb["data"]["image"] is None


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """A web server over a folder."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *arguments: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


async def test_what_is_referred_to_is_reported(site: str, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg())
    options = {"allow_private": True, "allowed_roots": [str(tmp_path)]}
    for reference in (f"{site}/a.jpg", f"{tmp_path}/a.jpg", (tmp_path / "a.jpg").as_uri()):
        (found,), _ = await run({"image_url": reference}, **options)
        assert found["data"] == {"image_url": reference}
        assert "GPSInfo" in found["exif_scrub"]["image_url_scrubbed"]["removed_tags"]


def test_what_is_referred_to_is_written_anew(site: str, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg())
    output = tmp_path / "clean"
    options = {"allow_private": True, "output": str(output)}
    found, _ = asyncio.run(run({"image_url": f"{site}/a.jpg"}, {"image_url": f"{site}/a.jpg"}, **options))
    assert found[0] == found[1]
    reference = found[0]["data"]["image_url"]
    path = Path(reference.removeprefix("file://"))
    clean = path.read_bytes()
    assert reference.startswith("file://") and CANARY not in clean
    assert path == output / sha256(clean).hexdigest()[:2] / f"{sha256(clean).hexdigest()}.jpg"
    assert [each for each in output.rglob("*") if each.is_file()] == [path]
    (again,), _ = asyncio.run(run({"image_url": reference}, allowed_roots=[str(output)], output=str(output)))
    assert again["data"]["image_url"] == reference, "what is clean stays where it is"


async def test_copies_go_wherever_fsspec_writes(site: str, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg())
    (found,), _ = await run({"photo": f"{site}/a.jpg"}, allow_private=True, output="memory://clean/in")
    reference = found["data"]["photo"]
    assert reference.startswith("memory://") and CANARY not in fsspec.filesystem("memory").cat_file(reference)


async def test_an_output_that_cannot_be_written_to_is_no_fault_of_the_record(site: str, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg())
    (tmp_path / "file").touch()
    with pytest.raises(UnreachableError, match="output"):
        await run({"photo": f"{site}/a.jpg"}, allow_private=True, output=str(tmp_path / "file"))


async def test_references_that_fail(site: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("c4n4ry " * 50)
    references = {f"{site}/a.txt": "unsupported_type", f"{site}/none.jpg": "not_found", "/etc/passwd": "forbidden_path"}
    records = [{"image_url": reference} for reference in references]
    options = {"allow_private": True, "allowed_roots": [str(tmp_path)]}
    found, _ = await run(*records, **options)
    assert [each["errors"]["exif_scrub"] for each in found] == list(references.values())
    assert [each["data"] for each in found] == records, "a reference is no content"
    found, _ = await run(*records, **options, output=str(tmp_path / "clean"))
    assert [each["data"] for each in found] == [{"image_url": None}] * 3, "nor does it lead to what is not clean"
    (found, *_), _ = await run({"image_url": f"{site}/a.txt"})
    assert found["errors"] == {"exif_scrub": "forbidden_address"}


async def test_earlier_notes_stay() -> None:
    notes = {"enrichments.errors": b'{"geoip":"x"}', "enrichments.exif_scrub": b'{"old_scrubbed":{}}'}
    record = {"image": text(jpeg()), "photo": "data:,"}
    result = await chain().run("t", 0, [Kept(0, 0, orjson.dumps(record), notes)])
    (entry,) = result.entries
    assert isinstance(entry, Kept)
    assert orjson.loads(entry.notes["enrichments.errors"]) == {"geoip": "x", "exif_scrub": "empty"}
    assert list(orjson.loads(entry.notes["enrichments.exif_scrub"])) == ["old_scrubbed", "image_scrubbed"]


async def test_many_damaged_pictures_in_their_rooms() -> None:
    """The whole way, with children: whatever is in a picture, it fails alone or comes out clean."""
    data, records = bytearray(jpeg()), []
    for number in range(0, len(data), 4):
        damaged = bytearray(data)
        damaged[number] ^= 0xFF
        records.append({"image": f"data:;base64,{text(bytes(damaged))}"})
    found, outcomes = await run(*records)
    assert outcomes["kept"] == len(records) > 150
    assert {code for code in outcomes if code.startswith("failed")} <= {
        "failed:malformed", "failed:truncated", "failed:unsupported_type", "failed:too_many_pixels",
    }  # fmt: skip
    cleaned = [each["data"]["image"] for each in found if each["data"]["image"]]
    assert 10 < len(cleaned) < len(records)
    for value in cleaned:
        clean = base64.b64decode(value.partition(",")[2])
        with contextlib.suppress(struct.error, ValueError, piexif.InvalidImageDataError):
            assert not piexif.load(clean)["GPS"]
        assert CANARY not in clean


def test_it_runs_in_any_event_loop() -> None:
    record = {"image": text(jpeg())}
    first, second = asyncio.run(run(record)), asyncio.run(run(record))
    assert first == second


def test_an_output_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        stage.build(stage.Config(output="nonsense://x"), RESOURCES)
    with pytest.raises(ValidationError):
        stage.Config.model_validate({"on_error": "ignore"})

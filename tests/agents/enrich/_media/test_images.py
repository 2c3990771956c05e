"""Pictures without metadata: real files with everything in them, files that lie, and hundreds that are damaged.

Whether something is left is checked by readers of their own: Pillow, piexif, a walker of segments and chunks written
here, and a search for the bytes of every planted value.
"""

import contextlib
import io
import random
import re
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import piexif
import pillow_heif
import pytest
from PIL import Image, ImageCms, PngImagePlugin, TiffImagePlugin

from penstock.agents.enrich._media.images import scrub
from penstock.agents.enrich._media.scrubbing import REASONS
from penstock.model.errors import EnrichmentError

pillow_heif.register_heif_opener()

CANARY = b"c4n4ry"
SCRUB = {"orientation": True, "profile": True, "max_pixels": 178_956_970}
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a exif:GPSLatitude="' + CANARY + b'"/></x:xmpmeta>'


def picture(mode: str = "RGB", size: tuple[int, int] = (61, 43)) -> Image.Image:
    noise = random.Random(str(size)).randbytes(size[0] * size[1] * 3)
    made = Image.frombytes("RGB", size, noise)
    made.paste((200, 30, 60), (5, 5, 30, 20))
    return made.convert(mode)


def exif(orientation: int = 6) -> bytes:
    """An EXIF block with something in each of its directories."""
    small = io.BytesIO()
    picture(size=(16, 16)).save(small, "JPEG", comment=CANARY)
    tags = {
        "0th": {
            piexif.ImageIFD.Make: CANARY,
            piexif.ImageIFD.Model: CANARY + b" 3000",
            piexif.ImageIFD.Software: CANARY,
            piexif.ImageIFD.DateTime: b"2024:01:01 10:00:00",
            piexif.ImageIFD.Artist: CANARY,
            piexif.ImageIFD.Orientation: orientation,
        },
        "Exif": {
            piexif.ExifIFD.DateTimeOriginal: b"2024:01:01 10:00:00",
            piexif.ExifIFD.UserComment: b"ASCII\0\0\0" + CANARY,
            piexif.ExifIFD.MakerNote: CANARY * 20,
            piexif.ExifIFD.BodySerialNumber: CANARY,
        },
        "GPS": {
            piexif.GPSIFD.GPSLatitudeRef: b"N",
            piexif.GPSIFD.GPSLatitude: ((52, 1), (31, 1), (12, 1)),
            piexif.GPSIFD.GPSDateStamp: b"2024:01:01",
        },
        "1st": {piexif.ImageIFD.Make: CANARY},
        "thumbnail": small.getvalue(),
    }
    return piexif.dump(tags)


def jpeg(**options: Any) -> bytes:
    """A JPEG with everything: EXIF with a thumbnail, XMP, IPTC, comment, profile, other segments, bytes behind it."""
    out = io.BytesIO()
    made = picture(options.pop("mode", "RGB"))
    made.save(out, "JPEG", exif=exif(), icc_profile=PROFILE, comment=CANARY, quality=90, **options)
    data = out.getvalue()
    extra = [
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP),
        (0xED, b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + struct.pack(">L", 10) + b"\x1c\x02\x50\0\5" + CANARY[:5]),
        (0xE2, b"MPF\0" + CANARY),
        (0xEB, b"JP" + CANARY),
        (0xE0, b"JFXX\0\x10" + CANARY),
    ]
    at = 4 + struct.unpack_from(">H", data, 4)[0]  # behind JFIF's segment
    segments = b"".join(bytes((0xFF, kind)) + struct.pack(">H", len(body) + 2) + body for kind, body in extra)
    return data[:at] + segments + data[at:] + CANARY + b"PK\3\4"


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">L", len(body)) + kind + body + struct.pack(">L", zlib.crc32(kind + body))


def png(mode: str = "RGB", **options: Any) -> bytes:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Author", CANARY.decode())
    texts.add_text(CANARY.decode(), "a keyword of somebody's own")
    texts.add_text("Comment", CANARY.decode() * 9, zip=True)
    texts.add_itxt("XML:com.adobe.xmp", XMP.decode())
    texts.add_text("Raw profile type exif", CANARY.hex())
    out = io.BytesIO()
    picture(mode).save(out, "PNG", pnginfo=texts, exif=exif()[6:], icc_profile=PROFILE, **options)
    data = out.getvalue()
    at = data.index(b"IDAT") - 4
    extra = chunk(b"tIME", struct.pack(">HBBBBB", 2024, 1, 1, 10, 0, 0)) + chunk(b"caBX", CANARY)
    return data[:at] + extra + data[at:-12] + chunk(b"prVt", CANARY) + data[-12:] + CANARY


def webp(**options: Any) -> bytes:
    out = io.BytesIO()
    picture(options.pop("mode", "RGB")).save(out, "WEBP", exif=exif(), xmp=XMP, icc_profile=PROFILE, **options)
    data = out.getvalue() + b"ABCD" + struct.pack("<L", 6) + CANARY
    return data[:4] + struct.pack("<L", len(data) - 8) + data[8:] + CANARY


def tiff(mode: str = "RGB", **options: Any) -> bytes:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    for tag in (270, 271, 272, 305, 315, 33432):
        tags[tag] = CANARY.decode()
    tags[306] = "2024:01:01 10:00:00"
    tags[274] = 6
    tags[700] = XMP
    tags.tagtype[700] = 1
    tags[33723] = CANARY
    tags.tagtype[33723] = 7
    tags[65000] = CANARY.decode()
    out = io.BytesIO()
    picture(mode).save(out, "TIFF", tiffinfo=tags, icc_profile=PROFILE, **options)
    return out.getvalue() + CANARY


def gif_extension(label: int, *blocks: bytes) -> bytes:
    return bytes((0x21, label)) + b"".join(bytes((len(block),)) + block for block in blocks) + b"\0"


def gif(**options: Any) -> bytes:
    """A GIF with everything: comment, XMP behind its magic trailer, other extensions, a profile, bytes behind it."""
    out = io.BytesIO()
    picture("P").save(out, "GIF", comment=CANARY, **options)
    data = out.getvalue()
    at = 13 + (3 << (data[10] & 7) + 1)
    # the packet is not in blocks: what stands behind it leads any reader of blocks to its end (XMP part 3, 1.1.2)
    xmp = b"\x21\xff\x0bXMP DataXMP" + XMP + b"\1" + bytes(range(255, -1, -1)) + b"\0"
    parts = [PROFILE[at : at + 255] for at in range(0, len(PROFILE), 255)]
    extra = [
        xmp,
        gif_extension(0xFF, b"MGK8BIM0000", CANARY),
        gif_extension(0xFF, b"MGKIPTC0000", CANARY),
        gif_extension(0xFF, CANARY + b"_own_", CANARY),
        gif_extension(0xFF, b"ICCRGBG1012", *parts),
        gif_extension(0xF9, b"\0\x0a\0\0"),
        gif_extension(0x01, bytes(12), CANARY),
        gif_extension(0xCE, CANARY),
    ]
    return data[:at] + b"".join(extra) + data[at:] + CANARY


def avif() -> bytes:
    out = io.BytesIO()
    picture(size=(128, 96)).save(out, "AVIF", exif=exif(1), xmp=XMP, icc_profile=PROFILE)
    return out.getvalue()


def heic(orientation: int = 1) -> bytes:
    file = pillow_heif.from_pillow(picture(size=(128, 96)))
    out = io.BytesIO()
    file.info["thumbnails"] = [64]
    file.info["icc_profile"], file.info["icc_profile_type"] = PROFILE, "prof"
    file.save(out, exif=exif(orientation), xmp=XMP, quality=80)
    return out.getvalue()


MADE: dict[str, Callable[[], bytes]] = {
    "jpeg": jpeg,
    "jpeg, progressive": lambda: jpeg(progressive=True),
    "jpeg, with restarts": lambda: jpeg(restart_marker_blocks=2),
    "jpeg, grey": lambda: jpeg(mode="L"),
    "jpeg, four inks": lambda: jpeg(mode="CMYK"),
    "png": png,
    "png, transparent": lambda: png("RGBA"),
    "png, palette": lambda: png("P"),
    "png, one bit": lambda: png("1"),
    "png, sixteen bits": lambda: png("I;16"),
    "webp": webp,
    "webp, lossless": lambda: webp(lossless=True),
    "webp, transparent": lambda: webp(mode="RGBA"),
    "webp, animated": lambda: webp(save_all=True, append_images=[picture(), picture()]),
    "tiff": tiff,
    "tiff, packed": lambda: tiff(compression="tiff_lzw"),
    "tiff, deflated": lambda: tiff(compression="tiff_adobe_deflate"),
    "tiff, jpeg": lambda: tiff(compression="jpeg"),
    "tiff, fax": lambda: tiff("1", compression="group4"),
    "tiff, pages": lambda: tiff(save_all=True, append_images=[picture(), picture("L")]),
    "tiff, palette": lambda: tiff("P"),
    "tiff, big": lambda: tiff(big_tiff=True),
    "tiff, big, pages": lambda: tiff(big_tiff=True, save_all=True, append_images=[picture(), picture("L")]),
}


@pytest.fixture(scope="module")
def made() -> dict[str, bytes]:
    return {name: make() for name, make in MADE.items()}


def pixels(data: bytes) -> list[tuple[Any, ...]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a damaged MPF segment
        opened = Image.open(io.BytesIO(data))
    with opened:
        found = []
        for number in range(getattr(opened, "n_frames", 1)):
            opened.seek(number)
            found.append((opened.mode, opened.size, opened.tobytes(), opened.getpalette()))
        return found


def jpeg_segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Kind and content of each segment up to the first scan, the scans as kind 0."""
    at = 2
    while True:
        assert data[at] == 0xFF
        kind, length = data[at + 1], struct.unpack_from(">H", data, at + 2)[0]
        yield kind, data[at + 4 : at + 2 + length]
        at += 2 + length
        if kind == 0xDA:
            yield 0, data[at:]
            return


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at < len(data):
        length = struct.unpack_from(">L", data, at)[0]
        yield data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        at += 12 + length
    assert at == len(data)


def webp_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    assert struct.unpack_from("<L", data, 4)[0] == len(data) - 8
    at = 12
    while at < len(data):
        length = struct.unpack_from("<L", data, at + 4)[0]
        yield data[at : at + 4], data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


def gif_blocks(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Label and content of each extension, and of each picture (0x2c)."""
    at = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
    while data[at] != 0x3B:
        if data[at] == 0x2C:
            label, packed = 0x2C, data[at + 9]
            at += 11 + (3 << (packed & 7) + 1 if packed & 0x80 else 0)
        else:
            assert data[at] == 0x21
            label, at = data[at + 1], at + 2
        body = b""
        while data[at]:
            body += data[at + 1 : at + 1 + data[at]]
            at += 1 + data[at]
        yield label, body
        at += 1
    assert at == len(data) - 1


# fmt: off
TIFF_TAGS = {
    254, 256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 280, 281, 282, 283, 284, 292, 293, 296, 297, 301,
    317, 318, 319, 320, 321, 322, 323, 324, 325, 332, 334, 336, 338, 339, 340, 341, 342, 347, 529, 530, 531, 532, 34675,
}
PNG_CHUNKS = {
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"pHYs", b"sBIT", b"bKGD", b"eXIf",
    b"hIST", b"acTL", b"fcTL", b"fdAT", b"cICP", b"mDCV", b"cLLI",
}
REMOVED = {
    "jpeg": {
        "GPSInfo", "GPSLatitude", "Make", "Model", "Software", "DateTime", "DateTimeOriginal", "UserComment", "Artist",
        "MakerNote", "BodySerialNumber", "ThumbnailImage", "XMP", "IPTC", "Photoshop", "Comment", "MPF", "APP11",
        "TrailingData",
    },
    "png": {
        "Author", "Comment", "XMP", "EXIF", "ModifyDate", "GPSInfo", "TrailingData", "tEXt", "caBX", "prVt",
    },
    "webp": {"GPSInfo", "XMP", "ABCD", "TrailingData"},
    "tiff, big": {"ImageDescription", "Make", "XMP", "IPTC", "0xfde8"},
    "tiff": {
        "ImageDescription", "Make", "Model", "Software", "Artist", "DateTime", "Copyright", "XMP", "IPTC", "0xfde8",
    },
}
# fmt: on


def check_exif(block: bytes) -> None:
    """An EXIF block says an orientation and nothing else."""
    found = {name: tags for name, tags in piexif.load(b"Exif\0\0" + block.removeprefix(b"Exif\0\0")).items() if tags}
    assert list(found) == ["0th"] and list(found["0th"]) == [piexif.ImageIFD.Orientation]
    assert len(block.removeprefix(b"Exif\0\0")) == 26


def check_clean(data: bytes) -> None:
    """Nothing is in a picture but what shows it."""
    if data[:2] == b"\xff\xd8":
        for kind, body in jpeg_segments(data):
            assert kind < 0xE0 or kind in (0xE0, 0xE1, 0xE2, 0xEE), hex(kind)
            assert kind != 0xE0 or (body[:5] == b"JFIF\0" and len(body) == 14 and body[12:] == b"\0\0")
            assert kind != 0xE2 or body.startswith(b"ICC_PROFILE\0")
            assert kind != 0xEE or (body.startswith(b"Adobe") and len(body) == 12)
            if kind == 0xE1:
                check_exif(body)
        assert data.endswith(b"\xff\xd9")
        last = data.rindex(b"\xff\xda")
        assert data.index(b"\xff\xd9", last) == len(data) - 2
    elif data[:4] == b"\x89PNG":
        for kind_of_chunk, body in png_chunks(data):
            assert kind_of_chunk in PNG_CHUNKS
            if kind_of_chunk == b"eXIf":
                check_exif(body)
            if kind_of_chunk == b"iCCP":
                assert body.startswith(b"icc\0")
    elif data[:4] == b"RIFF":
        for kind_of_chunk, body in webp_chunks(data):
            assert kind_of_chunk in (b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF", b"ICCP", b"EXIF")
            if kind_of_chunk == b"EXIF":
                check_exif(body)
    elif data[:4] == b"GIF8":
        for label, body in gif_blocks(data):
            assert label in (0x2C, 0xF9, 0xFF) and (label != 0xF9 or len(body) == 4)
            assert label != 0xFF or (body.startswith((b"NETSCAPE2.0\1", b"ICCRGBG1012")) and b"XMP" not in body)
    elif data[:2] in (b"II", b"MM"):
        order = "<" if data[:2] == b"II" else ">"
        at = struct.unpack_from(f"{order}L", data, 4)[0]
        while at:
            count = struct.unpack_from(f"{order}H", data, at)[0]
            tags = {struct.unpack_from(f"{order}H", data, at + 2 + 12 * number)[0] for number in range(count)}
            assert tags <= TIFF_TAGS, tags - TIFF_TAGS
            at = struct.unpack_from(f"{order}L", data, at + 2 + 12 * count)[0]
    else:
        assert data[4:8] == b"ftyp"
        with contextlib.suppress(
            ValueError, IndexError, SyntaxError, RuntimeError
        ):  # of a picture that was damaged before
            info = pillow_heif.open_heif(data).info
            assert not info.get("exif") and not info.get("xmp") and not info.get("thumbnails")
            assert not any(any(each["data"]) for each in info.get("metadata") or [])
        assert re.search(rb"infe.{8,10}(Exif|mime|uri )", data, re.DOTALL) is None


@pytest.mark.parametrize("name", MADE)
def test_nothing_is_left_and_no_pixel_changes(name: str, made: dict[str, bytes]) -> None:
    data = made[name]
    assert CANARY in data
    found = scrub(data, **SCRUB)
    clean = found["data"]
    assert CANARY not in clean and b"2024" not in clean
    check_clean(clean)
    assert pixels(clean) == pixels(data)
    with Image.open(io.BytesIO(clean)) as opened:
        assert opened.getexif().get(274) == 6
        assert opened.info.get("icc_profile") == PROFILE
    assert set(found["preserved"]) == {"Orientation", "ICC_Profile"}
    assert not {"Orientation", "ICC_Profile"} & set(found["removed"])
    assert CANARY.decode() not in str(found["removed"])


@pytest.mark.parametrize("name", MADE)
def test_nothing_at_all_is_left_where_nothing_may(name: str, made: dict[str, bytes]) -> None:
    found = scrub(made[name], orientation=False, profile=False, max_pixels=10**6)
    assert found["preserved"] == [] and {"Orientation", "ICC_Profile"} <= set(found["removed"])
    with Image.open(io.BytesIO(found["data"])) as opened:
        assert not opened.getexif().get(274) and "icc_profile" not in opened.info
    if not name.startswith("tiff"):  # Pillow turns these as their orientation says
        assert pixels(found["data"]) == pixels(made[name])


@pytest.mark.parametrize("name", MADE)
def test_what_is_clean_stays_as_it_is(name: str, made: dict[str, bytes]) -> None:
    clean = scrub(made[name], **SCRUB)["data"]
    again = scrub(clean, **SCRUB)
    assert (again["data"], again["removed"]) == (clean, [])


@pytest.mark.parametrize("name", REMOVED)
def test_what_was_removed_goes_by_its_usual_names(name: str, made: dict[str, bytes]) -> None:
    assert REMOVED[name] - set(scrub(made[name], **SCRUB)["removed"]) == set()


def test_the_scan_of_a_jpeg_is_the_same_byte_for_byte(made: dict[str, bytes]) -> None:
    for name in ("jpeg", "jpeg, progressive", "jpeg, with restarts"):
        clean = scrub(made[name], **SCRUB)["data"]
        before, after = (next(body for kind, body in jpeg_segments(data) if not kind) for data in (made[name], clean))
        assert before.startswith(after) and after.endswith(b"\xff\xd9")


GIFS: dict[str, Callable[[], bytes]] = {
    "plain": gif,
    "animated": lambda: gif(
        save_all=True, append_images=[picture("P", (50, 40)), picture("P")], loop=3, duration=[20, 70, 40], disposal=2
    ),
    "interlaced": lambda: gif(interlace=1),
    "transparent": lambda: gif(transparency=3),
}


@pytest.mark.parametrize("name", GIFS)
def test_gif(name: str) -> None:
    data = GIFS[name]()
    assert data.count(CANARY) >= 7
    found = scrub(data, **SCRUB)
    clean = found["data"]
    assert CANARY not in clean and b"XMP" not in clean and b"\x21\xfe" not in clean
    assert set(found["removed"]) == {
        "XMP", "Photoshop", "IPTC", "ApplicationExtension", "PlainText", "0x21ce", "Comment", "TrailingData"
    }  # fmt: skip
    assert found["preserved"] == ["ICC_Profile", *(["AnimationIterations"] if name == "animated" else [])]
    assert pixels(clean) == pixels(data) and clean.endswith(b"\0\x3b")
    with Image.open(io.BytesIO(data)) as before, Image.open(io.BytesIO(clean)) as after:
        # Pillow takes the time of the text that was to be drawn for the first picture's
        keys = ["loop", "duration", "disposal"] if name == "animated" else ["transparency"]
        for number in range(1 if name == "animated" else 0, before.n_frames):  # type: ignore[attr-defined]
            before.seek(number), after.seek(number)
            assert [before.info.get(key) for key in keys] == [after.info.get(key) for key in keys]
    again = scrub(clean, **SCRUB)
    assert (again["data"], again["removed"]) == (clean, [])
    bare = scrub(data, orientation=False, profile=False, max_pixels=10**6)
    assert b"ICCRGBG1012" not in bare["data"] and "ICC_Profile" in bare["removed"]


@pytest.mark.parametrize("colours", [2, 4, 16, 256])
@pytest.mark.parametrize("size", [(3, 2), (61, 43), (400, 300)])
def test_bytes_behind_the_pixels_of_a_gif(colours: int, size: tuple[int, int]) -> None:
    out = io.BytesIO()
    picture(size=size).quantize(colours).save(out, "GIF")
    data = out.getvalue()
    assert scrub(data, **SCRUB)["data"] == data, "the codes are counted to their very end"
    hidden = data[:-2] + bytes((len(CANARY),)) + CANARY + data[-2:]
    found = scrub(hidden, **SCRUB)
    assert found["data"] == data and found["removed"] == ["TrailingData"]


def test_what_only_a_big_tiff_has_is_written_as_any_reader_takes_it() -> None:
    data = bytearray(tiff(big_tiff=True))
    (at,) = struct.unpack_from("<Q", data, 8)
    (count,) = struct.unpack_from("<Q", data, at)
    for place in range(at + 8, at + 8 + 20 * count, 20):
        tag, _, number, value = struct.unpack_from("<HHQQ", data, place)
        if tag in (256, 257) and number == 1:
            struct.pack_into("<HHQQ", data, place, tag, 16, 1, value)  # LONG8
    clean = scrub(bytes(data), **SCRUB)["data"]
    assert clean[:4] == b"II*\0" and pixels(clean) == pixels(tiff())
    (at,) = struct.unpack_from("<L", clean, 4)
    (count,) = struct.unpack_from("<H", clean, at)
    assert {struct.unpack_from("<H", clean, at + 4 + 12 * n)[0] for n in range(count)} <= set(range(1, 13))
    for width in (4, 16):
        assert reason(bytes(data[:4]) + struct.pack("<HHQ", width, 0, 16) + bytes(data[16:])) == "malformed"
    assert reason(bytes(data[:12])) == "truncated"


def test_gifs_that_are_odd_or_broken() -> None:
    out = io.BytesIO()
    picture("P").save(out, "GIF")
    data = out.getvalue()
    start = 13 + (3 << (data[10] & 7) + 1)
    assert scrub(data[:-1], **SCRUB)["data"] == data, "the end may be missing"
    assert scrub(data[:start] + b"\0\0" + data[start:], **SCRUB)["data"] == data
    twice = gif_extension(0xFF, b"NETSCAPE2.0", b"\1\3\0", CANARY) + gif_extension(0xFF, b"NETSCAPE2.0", b"\1\5\0")
    found = scrub(data[:start] + twice + data[start:], **SCRUB)
    assert CANARY not in found["data"] and found["data"].count(b"NETSCAPE") == 1
    assert found["removed"] == ["ApplicationExtension"] and found["preserved"] == ["AnimationIterations"]
    assert reason(data[: len(data) // 2]) == "truncated"
    assert reason(data[:start]) == "truncated"
    assert reason(data[:start] + b"\x3b") == "malformed"
    assert reason(data[:start] + b"\x77" + data[start:]) == "malformed"
    assert reason(data[:6] + bytes(4) + data[10:]) == "malformed"
    assert reason(data[:6] + b"\xff" * 4 + data[10:]) == "too_many_pixels"


@pytest.mark.parametrize("make", [heic, avif])
def test_heic_and_avif(make: Callable[[], bytes]) -> None:
    data = make()
    assert CANARY in data
    found = scrub(data, **SCRUB)
    clean = found["data"]
    assert CANARY not in clean and b"2024" not in clean and len(clean) == len(data)
    check_clean(clean)
    assert {"GPSInfo", "Make", "XMP"} <= set(found["removed"]) and "ICC_Profile" in found["preserved"]
    assert pixels(clean) == pixels(data)
    again = scrub(clean, **SCRUB)
    assert (again["data"], again["removed"]) == (clean, [])
    bare = scrub(data, orientation=False, profile=False, max_pixels=10**6)
    assert "ICC_Profile" in bare["removed"] and PROFILE not in bare["data"]
    assert pixels(bare["data"]) == pixels(data)


def test_a_heic_has_no_thumbnail_left_and_stays_turned() -> None:
    plain = io.BytesIO()
    pillow_heif.from_pillow(picture(size=(128, 96))).save(plain, quality=80)
    assert "ThumbnailImage" in scrub(heic(), **SCRUB)["removed"]
    assert pillow_heif.open_heif(heic()).info["thumbnails"]
    assert not pillow_heif.open_heif(scrub(heic(), **SCRUB)["data"]).info["thumbnails"]
    turned = heic(6)
    assert pixels(scrub(turned, **SCRUB)["data"]) == pixels(turned)
    assert "Orientation" in scrub(turned, **SCRUB)["preserved"]
    hidden = plain.getvalue() + struct.pack(">L", 8 + len(CANARY)) + b"uuid" + CANARY
    found = scrub(hidden, **SCRUB)
    assert "uuid" in found["removed"] and CANARY not in found["data"] and pixels(found["data"]) == pixels(hidden)
    found = scrub(plain.getvalue() + CANARY * 3, **SCRUB)
    assert found["data"] == scrub(plain.getvalue(), **SCRUB)["data"] and "TrailingData" in found["removed"]


def reason(data: bytes, **options: Any) -> str:
    with pytest.raises(EnrichmentError) as caught:
        scrub(data, **{**SCRUB, **options})
    assert caught.value.reason in REASONS
    return caught.value.reason


def test_pixel_bombs() -> None:
    wide = struct.pack(">LLBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    bomb = (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", wide) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )
    assert reason(bomb) == "too_many_pixels"
    data = bytearray(jpeg())
    at = data.rindex(b"\xff\xc0\0\x11")
    data[at + 5 : at + 9] = b"\xff\xff\xff\xff"
    assert reason(bytes(data)) == "too_many_pixels"
    for name in ("webp", "tiff"):
        assert reason(MADE[name](), max_pixels=1000) == "too_many_pixels"
    assert reason(heic(), max_pixels=1000) == "too_many_pixels"


def test_a_png_with_a_bomb_in_its_pixels_or_its_profile() -> None:
    small = struct.pack(">LLBBBBB", 10, 10, 8, 2, 0, 0, 0)
    bomb = zlib.compress(bytes(200_000_000), 9)
    start, end = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", small), chunk(b"IEND", b"")
    assert reason(start + chunk(b"IDAT", bomb) + end) == "malformed"
    good = chunk(b"IDAT", zlib.compress(bytes(310)))
    found = scrub(start + chunk(b"iCCP", b"x\0\0" + bomb) + good + end, **SCRUB)
    assert found["removed"] == ["ICC_Profile"] and len(found["data"]) < 200


def test_bytes_behind_the_pixels_of_a_png() -> None:
    small = struct.pack(">LLBBBBB", 10, 10, 8, 2, 0, 0, 0)
    start, end = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", small), chunk(b"IEND", b"")
    packed = zlib.compress(bytes(310))
    for hidden in (chunk(b"IDAT", packed + CANARY), chunk(b"IDAT", packed) + chunk(b"IDAT", CANARY)):
        found = scrub(start + hidden + end, **SCRUB)
        assert found["data"] == start + chunk(b"IDAT", packed) + end and found["removed"] == ["TrailingData"]


@pytest.mark.parametrize("data", [b"", b"x", b"%PDF-1.7", b"BM" + bytes(50), b"PK\3\4" + bytes(40), b"<svg/>"])
def test_what_is_no_picture_of_a_known_type(data: bytes) -> None:
    assert reason(data) == "unsupported_type"


def test_a_profile_that_is_none_does_not_stay() -> None:
    for profile in (CANARY * 40, PROFILE + CANARY, PROFILE[:-10], PROFILE[:36] + b"xxxx" + PROFILE[40:]):
        for kind in ("JPEG", "PNG", "WEBP", "TIFF"):
            out = io.BytesIO()
            picture().save(out, kind, icc_profile=profile)
            found = scrub(out.getvalue(), **SCRUB)
            assert "ICC_Profile" in found["removed"] and CANARY not in found["data"], kind


def test_orientations() -> None:
    for orientation in range(1, 9):
        out = io.BytesIO()
        picture().save(out, "JPEG", exif=exif(orientation))
        found = scrub(out.getvalue(), **SCRUB)
        with Image.open(io.BytesIO(found["data"])) as opened:
            assert opened.getexif()[274] == orientation
    out = io.BytesIO()
    picture().save(out, "JPEG", exif=exif(99))
    assert "Orientation" in scrub(out.getvalue(), **SCRUB)["removed"]


def test_a_thumbnail_page_of_a_tiff_does_not_stay() -> None:
    out = io.BytesIO()
    small = picture(size=(8, 8))
    small.encoderinfo = {"tiffinfo": {254: 1}}
    with TiffImagePlugin.AppendingTiffWriter(out, True) as writer:
        picture().save(writer, "TIFF")
        writer.newFrame()
        small.save(writer, "TIFF", tiffinfo={254: 1})
        writer.newFrame()
    found = scrub(out.getvalue(), **SCRUB)
    assert "ThumbnailImage" in found["removed"] and len(pixels(found["data"])) == 1


def test_pictures_within_pictures_and_behind_them() -> None:
    """A file that is several: what stands behind the first, or in a segment of it, does not come along."""
    plain = io.BytesIO()
    picture().save(plain, "JPEG")
    for first, second in (
        (plain.getvalue(), png()),
        (jpeg(), jpeg()),
        (png(), jpeg()),
        (webp(), b"PK\3\4" + CANARY * 9),
    ):
        clean = scrub(first + second, **SCRUB)["data"]
        assert CANARY not in clean
        check_clean(clean)
    comment = b"\xff\xfe" + struct.pack(">H", len(png()) + 2) + png()
    data = plain.getvalue()
    clean = scrub(data[:2] + comment + data[2:], **SCRUB)["data"]
    assert clean == scrub(data, **SCRUB)["data"]


def test_something_behind_the_values_of_a_table() -> None:
    out = io.BytesIO()
    picture().save(out, "JPEG")
    data = out.getvalue()
    at = data.index(b"\xff\xdb")
    length = struct.unpack_from(">H", data, at + 2)[0]
    end = at + 2 + length
    longer = data[:at] + b"\xff\xdb" + struct.pack(">H", length + 6) + data[at + 4 : end] + CANARY + data[end:]
    assert reason(longer) == "malformed"


def mutants(data: bytes, number: int, seed: str) -> Iterator[bytes]:
    """Damaged copies: bytes changed, cut off, cut out, repeated, and parts of other formats put in."""
    chance = random.Random(seed)
    for _ in range(number):
        changed = bytearray(data)
        for _ in range(chance.choice((1, 1, 2, 5, 20))):
            at = chance.randrange(len(changed))
            # half of the damage is done where the structure is
            at = min(at, chance.randrange(600)) if chance.random() < 0.5 else at
            match chance.randrange(6):
                case 0:
                    changed[at] ^= 1 << chance.randrange(8)
                case 1:
                    changed[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFF))
                case 2:
                    del changed[at : at + chance.randrange(1, 40)]
                case 3:
                    changed[at:at] = changed[at : at + chance.randrange(1, 40)]
                case 4:
                    changed[at : at + 4] = chance.choice((b"\xff\xff\xff\xff", bytes(4), b"\x7f\xff\xff\xff", b"Exif"))
                case _:
                    if chance.random() < 0.3:
                        del changed[at:]
            if not changed:
                break
        yield repaired(bytes(changed)) if chance.random() < 0.7 else bytes(changed)


def repaired(data: bytes) -> bytes:
    """A PNG with the checksums that its chunks should have, as far as it has chunks; any other file as it is."""
    if data[:4] != b"\x89PNG":
        return data
    out, at = bytearray(data), 8
    while at + 12 <= len(data):
        end = at + 8 + struct.unpack_from(">L", data, at)[0]
        if end + 4 > len(data):
            break
        struct.pack_into(">L", out, end, zlib.crc32(data[at + 4 : end]))
        at = end + 4
    return bytes(out)


@pytest.mark.parametrize("name", [*MADE, "heic", "avif", "gif"])
def test_damaged_files_are_errors_or_come_out_clean(name: str, made: dict[str, bytes]) -> None:
    data = made[name] if name in made else {"heic": heic, "avif": avif, "gif": GIFS["animated"]}[name]()
    outcomes: dict[str, int] = {}
    for mutant in mutants(data, 60 if "," in name else 260, name):
        try:
            clean = scrub(mutant, **SCRUB)["data"]
        except EnrichmentError as error:
            assert error.reason in REASONS
            outcomes[error.reason] = outcomes.get(error.reason, 0) + 1
            continue
        check_clean(clean)
        with contextlib.suppress(AssertionError):
            assert scrub(clean, **SCRUB)["removed"] == []
        outcomes["clean"] = outcomes.get("clean", 0) + 1
    assert outcomes.get("clean", 0) >= 5 and sum(outcomes.values()) > outcomes["clean"] + 5, outcomes


@pytest.mark.parametrize("name", ["jpeg", "png", "webp", "tiff"])
def test_a_file_that_ends_anywhere(name: str, made: dict[str, bytes]) -> None:
    data = made[name]
    for end in range(1, len(data), max(1, len(data) // 400)):
        try:
            check_clean(scrub(data[:end], **SCRUB)["data"])
        except EnrichmentError as error:
            assert error.reason in REASONS

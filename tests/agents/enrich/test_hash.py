"""hash: digests against the standard library's and published ones, canonical content, names; what is alike."""

import asyncio
import base64
import doctest
import hashlib
import io
import random
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import imagehash
import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter
from pydantic import ValidationError

from penstock.agents import registry
from penstock.agents.chain import Chain
from penstock.agents.enrich import hash as stage
from penstock.model.component import EnrichBatch, EnrichRecord, Resources
from penstock.model.errors import MissingExtraError
from penstock.model.record import Kept

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def test_docstring(run: Any) -> None:
    parsed = doctest.DocTestParser().get_doctest(stage.__doc__ or "", {"run": run}, "hash", None, None)
    assert doctest.DocTestRunner().run(parsed) == (0, 3)


def test_defaults(run: Any) -> None:
    found = run("hash", {"body": "abc", "n": 1})["hashes"]
    assert found["body_hash"] == {
        "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",  # FIPS 180-2, appendix B.1
        "md5": "900150983cd24fb0d6963f7d28e17f72",  # RFC 1321, appendix A.5
    }
    assert found["content_hash"]["sha256"] == hashlib.sha256(b'{"body":"abc","n":1}').hexdigest()
    assert list(found) == ["body_hash", "content_hash"]


def test_hashing_is_another_name_of_it() -> None:
    assert registry.STAGES.load("hashing") is registry.STAGES.load("hash")


@pytest.mark.parametrize("name", ["sha256", "sha512", "blake2b", "sha1", "md5"])
def test_algorithms(run: Any, name: str) -> None:
    found = run("hash", {"text": "größer"}, hash_algorithms=[name], hash_all_content=False)
    assert found == {"hashes": {"text_hash": {name: hashlib.new(name, "größer".encode()).hexdigest()}}}


@settings(derandomize=True, max_examples=100)
@given(st.dictionaries(st.text(), VALUES, max_size=5), st.randoms(use_true_random=False))
def test_order_of_keys_does_not_matter(record: Any, data: dict[str, Any], random: Any) -> None:
    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            items = list(value.items())
            random.shuffle(items)
            return {key: shuffled(item) for key, item in items}
        return [shuffled(item) for item in value] if isinstance(value, list) else value

    enrich = stage.build(stage.Config(hash_fields=()))
    assert enrich(record(data)) == enrich(record(shuffled(data))) == enrich(record(data))


def test_any_difference_shows(run: Any) -> None:
    variants: list[dict[str, Any]] = [{"a": 1}, {"a": "1"}, {"a": [1]}, {"a": None}, {"a": 1, "b": None}, {}, {"A": 1}]
    assert len({run("hash", data)["hashes"]["content_hash"]["sha256"] for data in variants}) == len(variants)


def test_a_field_called_content_gives_way_to_the_record(run: Any) -> None:
    both = run("hash", {"content": "abc"})["hashes"]
    assert both["content_hash"]["sha256"] == hashlib.sha256(b'{"content":"abc"}').hexdigest()
    assert both["content_field_hash"]["sha256"] == hashlib.sha256(b"abc").hexdigest()
    alone = run("hash", {"content": "abc"}, hash_all_content=False)["hashes"]
    assert list(alone) == ["content_hash"]
    assert alone["content_hash"] == both["content_field_hash"]


def test_values_that_are_no_text(run: Any) -> None:
    found = run("hash", {"body": [1, True, None, "1", 1.5]}, hash_all_content=False, hash_algorithms=["sha256"])
    expected = {"body.0": b"1", "body.1": b"true", "body.3": b"1", "body.4": b"1.5"}
    assert found["hashes"] == {
        f"{name}_hash": {"sha256": hashlib.sha256(content).hexdigest()} for name, content in expected.items()
    }


PUBLISHED = {
    # of "abc": FIPS 180-4's examples, RFC 1321, RFC 7693 appendix A, and b3sum's
    "sha1": "a9993e364706816aba3e25717850c26c9cd0d89d",
    "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    "sha512": "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
    "md5": "900150983cd24fb0d6963f7d28e17f72",
    "blake2b": "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
    "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923",
    "blake3": "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85",
}


def test_published_digests(run: Any) -> None:
    found = run("hash", {"text": "abc"}, hash_algorithms=list(PUBLISHED), hash_all_content=False)
    assert found["hashes"]["text_hash"] == PUBLISHED


@pytest.mark.parametrize(
    ("length", "digest"),
    [
        # the test vectors of the BLAKE3 repository: bytes 0 to 250 over and over
        (0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"),
        (1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"),
        (1024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7"),
    ],
)
def test_blake3_of_bytes(run: Any, length: int, digest: str) -> None:
    value = "data:," + "".join(f"%{number % 251:02x}" for number in range(length))
    if length:
        found = run(
            "hash", {"file_url": value}, hash_algorithms=["blake3"], hash_references=True, hash_all_content=False
        )
        assert found["hashes"] == {"file_url_hash": {"blake3": digest}}
    else:
        assert run("hash", {"body": ""}, hash_algorithms=["blake3"])["hashes"]["body_hash"] == {"blake3": digest}


def test_nothing_to_hash_adds_nothing(run: Any) -> None:
    assert run("hash", {"a": 1}, hash_all_content=False) is None
    assert run("hash", {"body": None}, hash_all_content=False) is None


def test_options_are_checked() -> None:
    for wrong in (
        {"hash_algorithms": []},
        {"hash_algorithms": ["crc32"]},
        {"enable_fuzzy": True, "fuzzy_algorithms": []},
    ):
        with pytest.raises(ValidationError):
            stage.Config.model_validate(wrong)


def test_plain_hashes_stay_on_the_fast_way() -> None:
    kinds = {
        (): EnrichRecord,
        ("hash_references",): EnrichBatch,
        ("enable_perceptual",): EnrichBatch,
        ("enable_fuzzy",): EnrichBatch,
    }
    for options, kind in kinds.items():
        config = registry.configure("hash", dict.fromkeys(options, True))
        assert registry.build("hash", config, Resources())[0] is kind


def test_a_package_that_is_missing_is_named(monkeypatch: Any) -> None:
    monkeypatch.setattr(stage, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"penstock\[perceptual\]"):
        stage.build(stage.Config(enable_perceptual=True))
    with pytest.raises(MissingExtraError, match=r"penstock\[tlsh\]"):
        stage.build(stage.Config(enable_fuzzy=True, fuzzy_algorithms=("tlsh",)))
    stage.build(stage.Config(enable_fuzzy=True))


def picture(seed: int, size: tuple[int, int] = (96, 96)) -> Image.Image:
    small = Image.frombytes("L", (8, 8), random.Random(seed).randbytes(64))
    return small.resize(size, Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(2)).convert("RGB")


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> str:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return base64.b64encode(out.getvalue()).decode()


PERCEPTUAL = {"phash": "phash", "dhash": "dhash", "ahash": "average_hash", "whash": "whash"}
ONLY = {"hash_all_content": False, "hash_fields": ()}


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP", "HEIF"])
def test_perceptual_hashes_are_those_of_imagehash(run: Any, kind: str) -> None:
    import pillow_heif

    pillow_heif.register_heif_opener()
    value = encoded(picture(1), kind)
    found = run("hash", {"image": value}, enable_perceptual=True, perceptual_algorithms=list(PERCEPTUAL), **ONLY)
    with Image.open(io.BytesIO(base64.b64decode(value))) as image:
        expected = {name: str(getattr(imagehash, function)(image)) for name, function in PERCEPTUAL.items()}
    assert found == {"hashes": {"image_hash": expected}}


def test_a_picture_with_sixteen_bits_has_the_hash_of_the_same_with_eight(run: Any) -> None:
    grey = picture(1).convert("L")
    wide = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    one, other = (
        run("hash", {"image": encoded(image)}, enable_perceptual=True, **ONLY)["hashes"]["image_hash"]
        for image in (grey, wide)
    )
    assert one == other


def test_bytes_that_are_no_whole_picture_keep_their_other_hashes() -> None:
    value = base64.b64encode(base64.b64decode(encoded(picture(1)))[:900]).decode()
    config = registry.configure("hash", {"enable_perceptual": True, "enable_fuzzy": True, **ONLY})
    result = asyncio.run(
        Chain([("hash", config)], Resources()).run("t", 0, [Kept(0, 0, orjson.dumps({"image": value}), {})])
    )
    (entry,) = result.entries
    assert isinstance(entry, Kept)
    assert list(orjson.loads(entry.notes["enrichments.hashes"])["image_hash"]) == ["ssdeep"]
    assert orjson.loads(entry.notes["enrichments.errors"]) == {"hash": "malformed"}


def test_pictures_that_look_alike_have_hashes_alike(run: Any) -> None:
    def hashes(value: str) -> dict[str, imagehash.ImageHash]:
        found = run("hash", {"image": value}, enable_perceptual=True, perceptual_algorithms=list(PERCEPTUAL), **ONLY)
        return {name: imagehash.hex_to_hash(text) for name, text in found["hashes"]["image_hash"].items()}

    one, small = hashes(encoded(picture(1))), hashes(encoded(picture(1).resize((64, 64)), "JPEG", quality=60))
    other = hashes(encoded(picture(2)))
    for name in PERCEPTUAL:
        assert one[name] - small[name] <= 6 < 14 <= one[name] - other[name], name


def test_fuzzy_hashes(run: Any) -> None:
    # the example of the documentation of python-ssdeep
    example = "Also called fuzzy hashes, {} can match inputs that have homologies."
    texts = {
        example.format("Ctph"): "3:AXGBicFlgVNhBGcL6wCrFQEv:AXGHsNhxLsr2C",
        example.format("CTPH"): "3:AXGBicFlIHBGcL6wCrFQEv:AXGH6xLsr2C",
    }
    for text, digest in texts.items():
        found = run("hash", {"text": text}, enable_fuzzy=True, hash_all_content=False, hash_algorithms=["md5"])
        md5 = hashlib.md5(text.encode()).hexdigest()
        assert found == {"hashes": {"text_hash": {"md5": md5, "ssdeep": digest}}}
    whole = run("hash", {"a": "b" * 500}, enable_fuzzy=True)
    assert whole["hashes"]["content_hash"]["ssdeep"].startswith("3:")


UNIX = (
    "The best documentation is the UNIX source. After all, this is what the system uses for documentation when it"
    " decides what to do next! The manuals paraphrase the source code, often having been written at different times and"
    " by different people than who wrote the code. Think of them as guidelines. Sometimes they are more like wishes..."
    " Nonetheless, it is all too common to turn to the source and find options and behaviors that are not documented in"
    " the manual. Sometimes you find options described in the manual that are unimplemented and ignored by the source."
)
"""Of the tests of the implementation in JavaScript (npm: tlsh)."""


def test_tlsh(run: Any) -> None:
    """Where the extra is installed its hashes are there; where it is not, the pipeline is refused (see above)."""
    if find_spec("tlsh") is None:
        return
    import tlsh

    text = " ".join(str(number * number) for number in range(200))
    found = run("hash", {"text": text, "body": "short"}, enable_fuzzy=True, fuzzy_algorithms=["tlsh"])["hashes"]
    assert found["text_hash"]["tlsh"] == tlsh.hash(text.encode())
    assert found["text_hash"]["tlsh"].startswith("T1") and "tlsh" not in found["body_hash"]
    found = run("hash", {"text": UNIX}, enable_fuzzy=True, fuzzy_algorithms=["tlsh"])["hashes"]
    assert found["text_hash"]["tlsh"] == "T16FF02BEF718027B0160B4391212923ED7F1A463D563B1549B86CF62973B197AD2731F8"


def test_what_is_referred_to(run: Any, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"abc")
    data = {"file_url": f"{tmp_path}/a.txt", "image": "data:,abc", "photo": "photo.jpg", "audio": None, "text": "x"}
    found = run("hash", data, hash_references=True, allowed_roots=[str(tmp_path)], hash_algorithms=["sha256"])["hashes"]
    assert found["file_url_hash"] == found["image_hash"] == {"sha256": PUBLISHED["sha256"]}
    assert list(found) == ["text_hash", "content_hash", "file_url_hash", "image_hash"]


def test_a_failure_takes_nothing_else_along(tmp_path: Path) -> None:
    good = encoded(picture(1))
    broken = base64.b64encode(base64.b64decode(good)[:-200]).decode()
    records = [
        {"text": "abc", "image": broken, "photo": good},
        {"text": "abc", "file_url": "/etc/passwd"},
        {"text": "abc", "image": good, "document": "data:application/pdf,%25PDF-1.4"},
        {"text": "abc", "image": encoded(Image.new("1", (4000, 4000)))},
    ]
    options = {
        "hash_references": True,
        "enable_perceptual": True,
        "hash_algorithms": ["md5"],
        "hash_all_content": False,
    }
    config = registry.configure("hash", {**options, "allowed_roots": [str(tmp_path)], "max_pixels": 10**6})
    entries = [Kept(number, 0, orjson.dumps(record), {}) for number, record in enumerate(records)]
    result = asyncio.run(Chain([("hash", config)], Resources()).run("t", 0, entries))
    notes = [{name: orjson.loads(note) for name, note in entry.notes.items()} for entry in result.entries]
    hashes = [each["enrichments.hashes"] for each in notes]
    assert [each["text_hash"] for each in hashes] == [{"md5": PUBLISHED["md5"]}] * 4
    assert "phash" in hashes[0]["photo_hash"] and list(hashes[0]["image_hash"]) == ["md5"]
    assert list(hashes[2]["document_hash"]) == ["md5"] and "phash" in hashes[2]["image_hash"]
    assert [each.get("enrichments.errors", {}).get("hash") for each in notes] == [
        "malformed", "forbidden_path", None, "too_many_pixels",
    ]  # fmt: skip
    outcomes = result.counts["hash"].outcomes
    assert outcomes["kept"] == 4 and sum(n for code, n in outcomes.items() if code.startswith("failed:")) == 3


def test_damaged_pictures_fail_alone() -> None:
    """Hundreds of pictures with bytes changed, decoded by Pillow in child processes: hashes or reasons, no crash."""
    chance = random.Random(5)
    entries = []
    for number in range(240):
        data = bytearray(
            base64.b64decode(encoded(picture(number % 3), ("PNG", "JPEG", "GIF", "WEBP", "TIFF")[number % 5]))
        )
        for _ in range(chance.choice((1, 3, 30))):
            data[chance.randrange(8, len(data))] = chance.randrange(256)
        entries.append(Kept(number, 0, orjson.dumps({"image": base64.b64encode(data).decode()}), {}))
    config = registry.configure("hash", {"enable_perceptual": True, **ONLY})
    result = asyncio.run(Chain([("hash", config)], Resources()).run("t", 0, entries))
    outcomes = result.counts["hash"].outcomes
    failed = {code: number for code, number in outcomes.items() if code.startswith("failed:")}
    assert outcomes["kept"] == 240 and 20 < sum(failed.values()) < 240
    assert set(failed) <= {"failed:malformed", "failed:too_many_pixels", "failed:out_of_memory"}

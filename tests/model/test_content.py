"""Content that stands in a value itself: every way to write it, and what is none."""

import base64
import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.model.content import Content, content_of
from penstock.model.errors import EnrichmentError

PNG = b"\x89PNG\r\n\x1a\n" + bytes(200)


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(
    "value",
    [
        f"data:image/png;base64,{encoded(PNG)}",
        f"DATA:text/html;charset=utf-8;BASE64,{encoded(PNG)}",
        f"data:;base64,{encoded(PNG).rstrip('=')}",
        f"data:;base64,{encoded(PNG)}".replace("=", "%3D"),
        encoded(PNG),
        encoded(PNG).rstrip("="),
        base64.encodebytes(PNG).decode(),
        base64.urlsafe_b64encode(PNG).decode(),
        "data:image/png," + "".join(f"%{byte:02x}" for byte in PNG),
    ],
)
def test_content_that_stands_in_the_value(value: str) -> None:
    assert content_of(value) == Content(PNG, "image/png")


def test_a_picture_that_begins_like_a_path() -> None:
    picture = b"\xff\xd8\xff\xe0" + bytes(40)
    assert encoded(picture).startswith("/9j/")
    assert content_of(encoded(picture)) == Content(picture, "image/jpeg")


def test_types_that_are_unknown_are_what_is_said() -> None:
    assert content_of("data:,a%20b") == Content(b"a b", "application/octet-stream")
    assert content_of("data:text/plain;base64,aGk=") == Content(b"hi", "text/plain")
    assert content_of(encoded(b"hello " * 100)) == Content(b"hello " * 100, "application/octet-stream")


@pytest.mark.parametrize(
    "value",
    ["", "photo.jpg", "https://host/a.jpg", "/data/photos/picture", "s3://bucket/key", "a" * 64, "Der Zug kommt heute",
     "6f9619ff-8b86-d011-b42d-00cf4fc964ff", encoded(PNG)[:-30] + "!" * 30, "x " * 200, "é" * 400],
)  # fmt: skip
def test_values_that_are_no_content(value: str) -> None:
    assert content_of(value) is None


@pytest.mark.parametrize(
    ("value", "why"),
    [("data:", "bad_content"), ("data:;base64,!", "bad_content"), ("data:;base64,a", "bad_content"),
     ("data:,", "empty"), ("data:;base64,", "empty"), (encoded(PNG), "too_large"), ("data:," + "a" * 100, "too_large"),
     ("data:," + "a" * 10_000, "too_large"), (encoded(PNG) * 9, "too_large")],
)  # fmt: skip
def test_content_that_cannot_be_had(value: str, why: str) -> None:
    with pytest.raises(EnrichmentError) as caught:
        content_of(value, max_bytes=99)
    assert caught.value.reason == why


@settings(derandomize=True, max_examples=300)
@given(
    st.text(max_size=60),
    st.sampled_from(["", "data:", "data:;base64,", "data:image/png;base64,", "iVBORw0KGgoAAAANSUhEU"]),
)
def test_any_text_is_content_or_not(text: str, start: str) -> None:
    with contextlib.suppress(EnrichmentError):
        assert content_of(start + text) is None or isinstance(content_of(start + text), Content)


@settings(derandomize=True, max_examples=60)
@given(st.binary(min_size=1, max_size=300))
def test_what_was_encoded_comes_back(data: bytes) -> None:
    found = content_of(f"data:;base64,{encoded(data)}")
    assert found is not None and found.data == data

"""hash: digests against the standard library's and published ones, canonical content, names."""

import doctest
import hashlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from penstock.agents import registry
from penstock.agents.enrich import hash as stage

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
    assert doctest.DocTestRunner().run(parsed) == (0, 1)


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


def test_nothing_to_hash_adds_nothing(run: Any) -> None:
    assert run("hash", {"a": 1}, hash_all_content=False) is None
    assert run("hash", {"body": None}, hash_all_content=False) is None


def test_options_are_checked() -> None:
    for wrong in ({"hash_algorithms": []}, {"hash_algorithms": ["crc32"]}, {"enable_fuzzy": False}):
        with pytest.raises(ValidationError):
            stage.Config.model_validate(wrong)

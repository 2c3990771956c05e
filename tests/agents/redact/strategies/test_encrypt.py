import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.agents.redact._recognizer import Recognizer
from penstock.agents.redact._sealing import SubjectKey, body
from penstock.agents.redact.strategies import encrypt

ANN = SubjectKey("a" * 16, b"a" * 32)
PLACES = st.text(st.sampled_from("ab/.0"), max_size=4)
seal = encrypt.build(Recognizer("email", "high"), None)


def nonce(text: str, record: str, path: str) -> bytes:
    return body(seal(text, ANN, record, path).rpartition("_")[2])[:12]


def test_the_bytes_stay_what_they_were_in_earlier_versions() -> None:
    sealed = "enc_aaaaaaaaaaaaaaaa_an2sceq5ufxgeskrgfw3ozpa3yonochsgextfwfogmrb46l2vl7ib6jfjllge74n4jryu"
    assert seal("ann@example.com", ANN, "t/0/0", "a.b") == sealed


@settings(derandomize=True, max_examples=300)
@given(st.lists(st.tuples(PLACES, PLACES, PLACES), min_size=2, max_size=2, unique=True))
def test_another_record_path_or_value_has_another_nonce(places: list[tuple[str, str, str]]) -> None:
    (one, other) = places
    assert nonce(*one) != nonce(*other)
    assert nonce(*one) == nonce(*one)


@pytest.mark.parametrize("text", ["ann@example.com", "", "Ä\udc80\0", "x" * 5000])
def test_only_its_subject_s_key_reveals_it(text: str) -> None:
    sealed = body(seal(text, ANN, "t/0/0", "a").rpartition("_")[2])
    assert encrypt.reveal(sealed, ANN) == text
    with pytest.raises(InvalidTag):
        encrypt.reveal(sealed, SubjectKey("a" * 16, b"b" * 32))
    with pytest.raises(InvalidTag):
        encrypt.reveal(sealed, SubjectKey("b" * 16, b"a" * 32))
    with pytest.raises(InvalidTag):
        encrypt.reveal(sealed[:-1] + bytes([sealed[-1] ^ 1]), ANN)


def test_of_somebody_who_was_erased_nothing_is_left() -> None:
    assert seal("ann@example.com", None, "t/0/0", "a") == "enc_erased"

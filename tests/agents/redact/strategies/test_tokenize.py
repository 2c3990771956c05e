import pytest
from cryptography.exceptions import InvalidTag

from penstock.agents.redact._recognizer import Recognizer
from penstock.agents.redact._sealing import SubjectKey, body
from penstock.agents.redact.strategies import tokenize

ANN, BOB = SubjectKey("a" * 16, b"a" * 32), SubjectKey("b" * 16, b"b" * 32)
seal = tokenize.build(Recognizer("email", "high"), None)


def test_a_token_is_the_same_in_every_record() -> None:
    assert seal("ann@example.com", ANN, "t/0/0", "a") == seal("ann@example.com", ANN, "t/0/1", "b")
    again = SubjectKey("a" * 16, b"a" * 32)
    assert seal("ann@example.com", again, "t/0/0", "a") == seal("ann@example.com", ANN, "t/0/0", "a")


def test_the_bytes_stay_what_they_were_in_earlier_versions() -> None:
    token = "tok_aaaaaaaaaaaaaaaa_uwawl67kc5xyi6jqll6stv7umstziwxnywkgnuwyv6bt7jzhaq"
    assert seal("ann@example.com", ANN, "t/0/0", "a") == token


def test_others_have_other_tokens() -> None:
    assert seal("ann@example.com", ANN, "", "")[21:] != seal("ann@example.com", BOB, "", "")[21:]
    assert seal("ann@example.com", ANN, "", "") != seal("ann@example.org", ANN, "", "")


@pytest.mark.parametrize("text", ["ann@example.com", "", "Ä\udc80\0", "x" * 5000])
def test_only_its_subject_s_key_reveals_it(text: str) -> None:
    sealed = body(seal(text, ANN, "t/0/0", "a").rpartition("_")[2])
    assert tokenize.reveal(sealed, ANN) == text
    with pytest.raises(InvalidTag):
        tokenize.reveal(sealed, SubjectKey("a" * 16, b"b" * 32))
    with pytest.raises(InvalidTag):
        tokenize.reveal(sealed, SubjectKey("b" * 16, b"a" * 32))


def test_of_somebody_who_was_erased_nothing_is_left() -> None:
    assert seal("ann@example.com", None, "t/0/0", "a") == "tok_erased"

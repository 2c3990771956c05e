import pytest

from penstock.agents.redact._recognizer import load
from penstock.agents.redact.recognizers import email


def test_mask_never_leaves_the_local_part() -> None:
    assert email.mask("john@example.com") == "j***@e***.com"
    assert email.mask("jo@example.com") == "***@e***.com"
    assert email.mask("j@x.org") == "***@x***.org"
    assert email.mask(" ann@host ") == "a***@h***"


@pytest.mark.parametrize(
    "text, address",
    [
        ("to=a@b.org", "a@b.org"),
        ("mailto:john@example.com?subject=x", "john@example.com"),
        ("'john@example.com'", "john@example.com"),
        ("john@example.com.", "john@example.com"),
        ("john@example.com--see", "john@example.com"),
        ("john@example.com.12", "john@example.com"),
        ("请联系john@example.com谢谢", "john@example.com"),
        ("<ann@b.co>,<x", "ann@b.co"),
        ("用户@例子.广告", "用户@例子.广告"),
    ],
)
def test_what_belongs_to_an_address(text: str, address: str) -> None:
    item = load("email", None, ())
    assert {text[first:last] for number in range(2) for first, last in item.spans(number, text)} == {address}


def test_case_makes_no_other_address() -> None:
    assert email.canonical("John@Example.com") == "john@example.com"

"""url: parts, registered domains, one spelling for one address, and what is none."""

import doctest
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.agents import registry
from penstock.agents.enrich import url


def body(run: Any, value: str, **options: Any) -> dict[str, Any]:
    found: dict[str, Any] = run("url", {"url": value}, **options)["url"]["url_url"]
    return found


def test_docstring(run: Any) -> None:
    parsed = doctest.DocTestParser().get_doctest(url.__doc__ or "", {"run": run}, "url", None, None)
    assert doctest.DocTestRunner().run(parsed) == (0, 2)


def test_all_parts(run: Any) -> None:
    value = "HTTPS://ann:secret@Shop.Example.CO.UK:8443/a/./b/../c%7ed?q=x%20y&q=z&empty=#top"
    assert body(run, value) == {
        "valid": True,
        "url": "https://shop.example.co.uk:8443/a/c~d?q=x%20y&q=z&empty=#top",
        "scheme": "https",
        "host": "shop.example.co.uk",
        "port": 8443,
        "subdomain": "shop",
        "domain": "example.co.uk",
        "suffix": "co.uk",
        "path": "/a/c~d",
        "query": {"q": ["x y", "z"], "empty": ""},
        "fragment": "top",
        "username": "ann",
        "has_password": True,
    }
    assert "secret" not in str(body(run, value))


@pytest.mark.parametrize(
    ("value", "spelled"),
    [
        # RFC 3986, 5.4.1 and 6.2.2
        ("http://a/b/c/./../../g", "http://a/g"),
        ("http://a/../../g", "http://a/g"),
        ("http://a/b/c/..", "http://a/b/"),
        ("http://a/b/.", "http://a/b/"),
        ("HTTP://www.EXAMPLE.com/%7Euser/%3a%2f", "http://www.example.com/~user/%3A%2F"),
        ("http://example.com", "http://example.com/"),
        ("http://example.com:80/", "http://example.com/"),
        ("http://example.com:/", "http://example.com/"),
        ("https://example.com:80/", "https://example.com:80/"),
        ("http://example.com./", "http://example.com/"),
        ("http://%65xample.com/", "http://example.com/"),
        ("http://[2001:DB8:0:0::1]:80/", "http://[2001:db8::1]/"),
        ("http://Bücher.example/ü", "http://xn--bcher-kva.example/ü"),
        ("http://例え.テスト/", "http://xn--r8jz45g.xn--zckzah/"),
        (" http://a.example/ ", "http://a.example/"),
        ("mailto:Ann@example.com", "mailto:Ann@example.com"),
        ("urn:isbn:0451450523", "urn:isbn:0451450523"),
    ],
)
def test_one_spelling(run: Any, value: str, spelled: str) -> None:
    found = body(run, value)
    assert found["url"] == spelled
    assert body(run, spelled) == found  # and it stays


@pytest.mark.parametrize(
    ("host", "subdomain", "domain", "suffix"),
    [
        ("example.com", None, "example.com", "com"),
        ("a.b.example.com", "a.b", "example.com", "com"),
        ("co.uk", None, None, "co.uk"),
        ("www.city.kawasaki.jp", "www", "city.kawasaki.jp", "kawasaki.jp"),  # an exception of the list
        ("a.b.c.kawasaki.jp", "a", "b.c.kawasaki.jp", "c.kawasaki.jp"),
        ("ann.github.io", None, "ann.github.io", "github.io"),
        ("1.2.3.4", None, None, None),
        ("localhost", None, None, "localhost"),
    ],
)
def test_registered_domains(run: Any, host: str, subdomain: str, domain: str, suffix: str) -> None:
    found = body(run, f"http://{host}/")
    assert (found["subdomain"], found["domain"], found["suffix"]) == (subdomain, domain, suffix)


def test_suffixes_of_companies_may_be_left_out(run: Any) -> None:
    found = body(run, "http://ann.github.io/", private_suffixes=False)
    assert (found["subdomain"], found["domain"], found["suffix"]) == ("ann", "github.io", "io")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("www.example.com", "no_scheme"),
        ("//example.com/", "no_scheme"),
        ("localhost:8080/x", "no_scheme"),
        ("http://", "no_host"),
        ("http:///x", "no_host"),
        ("http://:80/", "no_host"),
        ("http://[", "invalid_host"),
        ("http://[::g]/", "invalid_host"),
        ("http://1.2.3.256/", "invalid_host"),
        ("http://a..b/", "invalid_host"),
        ("http://-a.example/", "invalid_host"),
        (f"http://{'a' * 64}.example/", "invalid_host"),
        ("http://a%2fb/", "invalid_host"),
        ("http://a:99999/", "invalid_port"),
        ("http://a:b/", "invalid_port"),
        ("http://a b/", "invalid_character"),
        ("http://a\\b/", "invalid_character"),
        ("http://a/\n", ""),
        ("java\nscript:x", "invalid_character"),
        ("http://a/" + "x" * 9000, "too_long"),
    ],
)
def test_what_is_no_address_is_named(run: Any, value: str, reason: str) -> None:
    found = body(run, value)
    assert found == {"valid": False, "reason": reason} if reason else found["valid"]


@pytest.mark.parametrize("value", [None, 5, True, [], {}])
def test_what_is_no_text_gets_nothing(run: Any, value: Any) -> None:
    assert run("url", {"url": value}) is None


def test_parameters_are_bounded(run: Any) -> None:
    found = body(run, "http://a/?" + "&".join(f"k{n}=1" for n in range(100)), most_parameters=3)
    assert list(found["query"]) == ["k0", "k1", "k2"]


READ = url._reader(url.Config())


@settings(derandomize=True, max_examples=300)
@given(st.text(max_size=30) | st.text("ah:/@[]%.?#&=0é\\ ", max_size=30).map(lambda rest: f"http://{rest}"))
def test_any_text_is_read_or_named_and_the_spelling_stays(value: str) -> None:
    try:
        once = READ(value)
    except url.Invalid as invalid:
        assert invalid.reason
        return
    again = READ(once["url"])
    assert again["url"] == once["url"]
    assert (again["host"], again["path"]) == (once["host"], once["path"])


def test_redact_must_stand_behind_it() -> None:
    assert registry.STAGES.load("url").ADDS_TEXT

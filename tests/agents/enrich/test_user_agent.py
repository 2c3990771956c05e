"""user_agent: browsers, systems, devices and bots that are known, and what is none."""

import doctest
from typing import Any

import pytest

from penstock.agents.enrich import user_agent

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"
)
PIXEL = "Mozilla/5.0 (Linux; Android 13; Pixel 7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/116.0.0.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 16_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.5"
    " Mobile/15E148 Safari/604.1"
)
IPAD = IPHONE.replace("iPhone;", "iPad;").replace("iPhone OS", "OS")
FIREFOX = "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/117.0"
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.1 Safari/605"
TV = "Mozilla/5.0 (SMART-TV; Linux; Tizen 5.0) AppleWebKit/538.1 (KHTML, like Gecko) Version/5.0 TV Safari/538.1"
GOOGLE = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
GPT = "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.0; +https://openai.com/gptbot)"


def body(run: Any, value: str, **options: Any) -> dict[str, Any]:
    found: dict[str, Any] = run("user_agent", {"User-Agent": value}, **options)["user_agent"]["User-Agent_user_agent"]
    return found


def test_docstring(run: Any) -> None:
    parsed = doctest.DocTestParser().get_doctest(user_agent.__doc__ or "", {"run": run}, "user_agent", None, None)
    assert doctest.DocTestRunner().run(parsed) == (0, 3)


def test_the_whole_shape(run: Any) -> None:
    assert body(run, IPHONE) == {
        "valid": True,
        "browser": {"name": "Mobile Safari", "version": "16.5"},
        "os": {"name": "iOS", "version": "16.5"},
        "device": {"name": "iPhone", "brand": "Apple", "model": "iPhone", "type": "mobile"},
        "bot": False,
    }


@pytest.mark.parametrize(
    ("value", "browser", "system", "kind", "bot"),
    [
        (CHROME, "Chrome", "Windows", "desktop", False),
        (FIREFOX, "Firefox", "Ubuntu", "desktop", False),
        (MAC, "Safari", "Mac OS X", "desktop", False),
        (PIXEL + " Mobile Safari/537.36", "Chrome Mobile", "Android", "mobile", False),
        (PIXEL + " Safari/537.36", "Chrome", "Android", "tablet", False),
        (IPAD, "Mobile Safari", "iOS", "tablet", False),
        (TV, None, None, "tv", False),
        (GOOGLE, "Googlebot", None, "bot", True),
        (GPT, "GPTBot", None, "bot", True),
        ("curl/8.4.0", "curl", None, "other", False),
        ("python-requests/2.31.0", "Python Requests", None, "other", False),
    ],
)
def test_known_ones(run: Any, value: str, browser: str | None, system: str | None, kind: str, bot: bool) -> None:
    found = body(run, value)
    assert (found["device"]["type"], found["bot"]) == (kind, bot)
    assert browser is None or found["browser"]["name"] == browser
    assert system is None or found["os"]["name"] == system


@pytest.mark.parametrize(
    ("value", "reason"), [("", "empty"), (" ", "empty"), ("???", "unrecognised"), (CHROME * 40, "too_long")]
)
def test_what_is_none_is_named(run: Any, value: str, reason: str) -> None:
    assert body(run, value) == {"valid": False, "reason": reason}


@pytest.mark.parametrize("value", [None, 5, True])
def test_what_is_no_text_gets_nothing(run: Any, value: Any) -> None:
    assert run("user_agent", {"ua": value}) is None

"""The demo's records: support tickets, and web, login and sensor events."""

from datetime import UTC, datetime
from typing import Any, Final

from penstock.cli.demo._phrases import LANGUAGES, Language
from penstock.cli.demo._values import Draw

COLUMNS: Final = (
    "id",
    "created_at",
    "name",
    "email",
    "phone",
    "locale",
    "subject",
    "message",
    "priority",
    "tags",
    "card",
    "iban",
    "ssn",
    "ip",
    "rating",
    "license",
)
LICENSES: Final = (
    ("CC-BY-4.0",) * 7 + ("CC0-1.0",) * 5 + ("ODbL-1.0",) * 3 + ("CC-BY-SA-4.0",) * 3 + ("CC-BY-NC-4.0",) * 2
)
"""Of twenty records."""

DENIED: Final = frozenset({"CC-BY-NC-4.0"})
"""What the demo's policy denies."""

_START: Final = 1_767_600_000  # 2026-01-05T08:00:00Z
_TAGS: Final = ("billing", "vip", "rückruf", "urgente", "返品", "spam?", "beta 🚀")
_AGENTS: Final = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "curl/8.9.1",
)
_PATHS: Final = ("/", "/cart", "/search?q=caf%C3%A9", "/account/settings", "/orders/4711", "/help/größen")
_UNITS: Final = (("temperature", "°C", 400), ("humidity", "%", 1000), ("pressure", "hPa", 11000), ("co2", "ppm", 20000))


def ticket(draw: Draw, index: int) -> list[str]:
    """One row of ``tickets.csv``, its fields in the order of COLUMNS; what is not known is empty."""
    language = draw.pick(LANGUAGES)
    name, mail = _person(draw, language)
    return [
        f"T-{index:08d}",
        _time(index),
        name,
        draw.email(mail),
        draw.phone() if draw.chance(70) else "",
        draw.pick(language.locales),
        draw.pick(language.subjects),
        _message(draw, language),
        draw.pick(("low", "normal", "high")),
        ";".join(_tags(draw)),
        draw.card(valid=draw.chance(67)) if draw.chance(15) else "",
        draw.iban(valid=draw.chance(67)) if draw.chance(12) else "",
        draw.ssn() if draw.chance(5) else "",
        "" if draw.chance(10) else _address(draw),
        draw.pick(("", "1", "2", "3", "4", "5")),
        draw.pick(LICENSES),
    ]


def event(draw: Draw, index: int) -> dict[str, Any]:
    """One line of ``events.jsonl``; its ``type`` is web, login or sensor."""
    kind, make = draw.pick((("web", _web), ("web", _web), ("login", _login), ("sensor", _sensor)))
    head = {"id": f"E-{index:08d}", "type": kind, "time": _time(index)}
    return {**head, **make(draw), "license": draw.pick(LICENSES)}


def _web(draw: Draw) -> dict[str, Any]:
    language = draw.pick(LANGUAGES)
    name, mail = _person(draw, language)
    return {
        "user": {"name": name, "email": draw.email(mail) if draw.chance(60) else None, "ip": _address(draw)},
        "request": {
            "method": draw.pick(("GET", "GET", "POST", "DELETE")),
            "path": draw.pick(_PATHS),
            "status": draw.pick((200, 200, 200, 204, 301, 404, 500)),
            "duration_ms": draw.below(90_000) / 100,
            "user_agent": draw.pick(_AGENTS),
            "referrer": None,
        },
        "tags": _tags(draw),
        "locale": draw.pick(language.locales),
        "message": _message(draw, language) if draw.chance(40) else None,
    }


def _login(draw: Draw) -> dict[str, Any]:
    language = draw.pick(LANGUAGES)
    name, mail = _person(draw, language)
    second = {"method": "sms", "phone": draw.phone()} if draw.chance(50) else None
    return {
        "account": {"name": name, "contacts": [{"email": draw.email(mail)}, {"phone": draw.phone()}]},
        "client_ip": _address(draw),
        "success": draw.chance(90),
        "mfa": second,
        "payment": {"card": draw.card(valid=draw.chance(67)), "iban": draw.iban(valid=draw.chance(67))}
        if draw.chance(20)
        else {},
        "ssn": draw.ssn() if draw.chance(5) else None,
        "locale": draw.pick(language.locales),
        "comment": _message(draw, language) if draw.chance(20) else "",
    }


def _sensor(draw: Draw) -> dict[str, Any]:
    readings = [
        {"name": name, "unit": unit, "value": draw.below(bound) / 10}
        for name, unit, bound in _UNITS[: 1 + draw.below(len(_UNITS))]
    ]
    return {
        "device": {
            "id": f"sensor-{draw.below(500)}",
            "ip": draw.private_ip(),
            "room": draw.pick(("Büro", "salle d’eau", "倉庫")),
        },
        "readings": readings,
        "battery": None if draw.chance(10) else draw.below(101),
        "history": [[draw.below(100), draw.below(100)], []],
        "ok": draw.chance(97),
    }


def _person(draw: Draw, language: Language) -> tuple[str, str]:
    """A name as it is written, and what of it stands in a mail address."""
    given, mail = draw.pick(language.given)
    family = draw.pick(language.family)
    return (f"{family} {given}" if language.code == "ja" else f"{given} {family}"), mail


def _message(draw: Draw, language: Language) -> str:
    parts = [draw.pick(language.openings)]
    for _ in range(draw.below(3)):
        category, request = draw.pick(language.requests)
        parts.append(request.format(_value(draw, language, category)))
    parts.append(draw.pick(language.closings))
    return draw.pick((" ", " ", "\n")).join(parts)


def _value(draw: Draw, language: Language, category: str) -> str:
    match category:
        case "email":
            return draw.email(draw.pick(language.given)[1])
        case "phone":
            return draw.phone()
        case "credit_card":
            return draw.card()
        case "iban":
            return draw.iban()
        case "ssn":
            return draw.ssn()
    return draw.ip()


def _address(draw: Draw) -> str:
    return draw.private_ip() if draw.chance(20) else draw.ip()


def _tags(draw: Draw) -> list[str]:
    return [draw.pick(_TAGS) for _ in range(draw.below(3))]


def _time(index: int) -> str:
    return datetime.fromtimestamp(_START + index * 7, UTC).isoformat()

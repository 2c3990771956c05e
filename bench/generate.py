"""The benchmark's records: a pure function of seed and index, the same on every machine and Python.

Nothing here uses `random`: each record draws from a BLAKE2b digest of (seed, index), so record 150,000 can be made
without the ones before it, and a checker can make a record again to know what was hidden in it.

A record is about 420 bytes of JSON: an event of one of 5,000 users, with a sentence in one of six languages. Three in
ten sentences carry an e-mail address, a telephone number, a payment card, an IBAN or a US social security number.
One record in ten has a license that the job must refuse.

>>> record(1)["id"]
'evt-00000001'
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any, TypeVar

import orjson

T = TypeVar("T")

SEED = 7
USERS = 5_000
START = datetime(2026, 3, 1, tzinfo=UTC)

ALLOWED_LICENSES = ("Apache-2.0", "CC-BY-4.0", "CC0-1.0", "MIT", "ODbL-1.0")
REFUSED_LICENSES = ("CC-BY-NC-4.0", "LicenseRef-Proprietary")

# The first two numbers of blocks that whole institutions hold, so that an address has one true country.
NETWORKS = (
    "8.8", "18.9", "81.2", "131.111", "130.149", "129.199",
    "150.214", "150.217", "89.160", "133.11", "200.144", "193.0",
)  # fmt: skip

FIRST = ("Amara", "Bruno", "Chiara", "Diego", "Elena", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Katya", "Luis")
LAST = (
    "Almeida",
    "Berger",
    "Conti",
    "Dubois",
    "Eriksen",
    "Fischer",
    "Garcia",
    "Horvat",
    "Ivanova",
    "Jansen",
    "Kowalska",
)
MAIL_HOSTS = ("example.com", "example.org", "mail.example.net", "post.example.de")
TAGS = ("support", "billing", "delivery", "refund", "mobile", "web", "priority", "returning", "trial", "partner")
SYSTEMS = ("android", "ios", "linux", "macos", "windows")
SCREENS = ((1080, 2400), (1170, 2532), (1920, 1080), (2560, 1440), (1366, 768))

SENTENCES: dict[str, tuple[str, ...]] = {
    "en": (
        "The parcel that I ordered last week has still not arrived at our office.",
        "Please tell your colleagues that the new version works much better than before.",
        "I would like to change the delivery address before the driver leaves tomorrow morning.",
        "Nobody answered when we called about the invoice that was sent twice.",
    ),
    "de": (
        "Das Paket, das ich letzte Woche bestellt habe, ist immer noch nicht angekommen.",
        "Bitte sagen Sie Ihren Kollegen, dass die neue Version viel besser funktioniert.",
        "Ich möchte die Lieferadresse ändern, bevor der Fahrer morgen früh losfährt.",
        "Niemand hat geantwortet, als wir wegen der doppelten Rechnung angerufen haben.",
    ),
    "fr": (
        "Le colis que j'ai commandé la semaine dernière n'est toujours pas arrivé chez nous.",
        "Merci de dire à vos collègues que la nouvelle version fonctionne beaucoup mieux.",
        "Je voudrais changer l'adresse de livraison avant le départ du chauffeur demain matin.",
        "Personne n'a répondu quand nous avons appelé au sujet de la facture envoyée deux fois.",
    ),
    "es": (
        "El paquete que pedí la semana pasada todavía no ha llegado a nuestra oficina.",
        "Por favor, diga a sus compañeros que la nueva versión funciona mucho mejor que antes.",
        "Quisiera cambiar la dirección de entrega antes de que el conductor salga mañana.",
        "Nadie contestó cuando llamamos por la factura que nos enviaron dos veces.",
    ),
    "pl": (
        "Paczka, którą zamówiłam w zeszłym tygodniu, nadal nie dotarła do naszego biura.",
        "Proszę powiedzieć kolegom, że nowa wersja działa znacznie lepiej niż poprzednia.",
        "Chciałbym zmienić adres dostawy, zanim kierowca wyjedzie jutro rano.",
        "Nikt nie odebrał, kiedy dzwoniliśmy w sprawie rachunku wysłanego dwa razy.",
    ),
    "ru": (
        "Посылка, которую я заказал на прошлой неделе, до сих пор не пришла.",
        "Передайте коллегам, что новая версия работает намного лучше прежней.",
        "Я хотел бы изменить адрес доставки до того, как водитель уедет.",
        "Никто не ответил, когда мы звонили по поводу второго счёта.",
    ),
}
LANGUAGES = tuple(SENTENCES)


@dataclass(frozen=True, slots=True)
class Planted:
    """What is known of one record: what a job must hide, and what it must find."""

    secrets: tuple[str, ...]
    language: str
    license: str

    @property
    def allowed(self) -> bool:
        return self.license in ALLOWED_LICENSES


class _Draw:
    """Numbers drawn one after another from the digest of a name; equal names draw equally."""

    def __init__(self, *name: object) -> None:
        digest = blake2b(":".join(map(str, name)).encode(), digest_size=64).digest()
        self._left = int.from_bytes(digest, "big")

    def below(self, limit: int) -> int:
        self._left, number = divmod(self._left, limit)
        return number

    def digits(self, count: int) -> str:
        return str(self.below(10**count)).zfill(count)

    def pick(self, choices: Sequence[T]) -> T:
        return choices[self.below(len(choices))]


def record(index: int, seed: int = SEED) -> dict[str, Any]:
    """Return record `index` as a dict of JSON values."""
    return _make(index, seed)[0]


def planted(index: int, seed: int = SEED) -> Planted:
    """Return what record `index` hides and shows, for checking what a job made of it."""
    return _make(index, seed)[1]


def encoded(count: int, seed: int = SEED) -> Iterator[bytes]:
    """Yield the first `count` records as JSON bytes."""
    return (orjson.dumps(record(index, seed)) for index in range(count))


def expected(count: int, seed: int = SEED) -> set[int]:
    """Return the indexes below `count` whose license is allowed: what has to come out, each once."""
    return {index for index in range(count) if _license(index, seed) in ALLOWED_LICENSES}


def index_of(record_id: str) -> int:
    """Return the index that `record` wrote into an id."""
    return int(record_id.removeprefix("evt-"))


def _make(index: int, seed: int) -> tuple[dict[str, Any], Planted]:
    draw = _Draw(seed, "record", index)
    user, ip = _user(draw.below(USERS), seed)
    language = draw.pick(LANGUAGES)
    secret = _secret(draw)
    sentence = draw.pick(SENTENCES[language])
    width, height = draw.pick(SCREENS)
    tags, amount = [draw.pick(TAGS), draw.pick(TAGS)], draw.below(50_000) / 100
    system, trusted = draw.pick(SYSTEMS), draw.below(4) > 0
    license_id = _license(index, seed)
    data = {
        "id": f"evt-{index:08d}",
        "timestamp": (START + timedelta(seconds=index)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "user": user,
        "ip": ip,
        "message": f"{sentence[:-1]} ({secret})." if secret else sentence,
        "license": license_id,
        "tags": tags,
        "amount": amount,
        "device": {"os": system, "screen": {"width": width, "height": height}, "trusted": trusted},
    }
    secrets = (user["email"], user["phone"], ip, *((secret,) if secret else ()))
    return data, Planted(secrets, language, license_id)


def _license(index: int, seed: int) -> str:
    draw = _Draw(seed, "license", index)
    return draw.pick(REFUSED_LICENSES if draw.below(10) == 0 else ALLOWED_LICENSES)


def _user(number: int, seed: int) -> tuple[dict[str, str], str]:
    draw = _Draw(seed, "user", number)
    first, last = draw.pick(FIRST), draw.pick(LAST)
    email = f"{first}.{last}{number}@{draw.pick(MAIL_HOSTS)}".lower()
    # 1 to 254: a host of 0 is the network's own name, which a masked address may well show
    ip = f"{draw.pick(NETWORKS)}.{draw.below(256)}.{1 + draw.below(254)}"
    return {"name": f"{first} {last}", "email": email, "phone": _phone(draw)}, ip


def _phone(draw: _Draw) -> str:
    """Return a number that national plans accept; the ranges are for fiction or belong to switchboards."""
    shape = draw.pick(("+44 20 7946 0{}", "+49 30 2345 6{}", "+1 212 736 5{}", "+33 1 42 68 5{}"))
    return shape.format(draw.digits(3))


def _secret(draw: _Draw) -> str | None:
    kind = draw.below(40)
    if kind < 4:
        return f"{draw.pick(FIRST)}_{draw.digits(3)}@{draw.pick(MAIL_HOSTS)}".lower()
    if kind < 7:
        return _phone(draw)
    if kind < 10:
        return _card("4" + draw.digits(14))
    if kind == 10:
        return _iban("DE", "37040044" + draw.digits(10))
    if kind == 11:
        return f"{100 + draw.below(500)}-{10 + draw.below(80)}-{1000 + draw.below(8000)}"
    return None


def _card(body: str) -> str:
    """Return `body` with its Luhn check digit (ISO/IEC 7812-1), in groups of four."""
    doubled = sum(sum(divmod(int(digit) * 2, 10)) for digit in body[::-2])
    check = -(doubled + sum(int(digit) for digit in body[-2::-2])) % 10
    number = f"{body}{check}"
    return " ".join(number[start : start + 4] for start in range(0, len(number), 4))


def _iban(country: str, account: str) -> str:
    """Return the account with its check digits (ISO 13616-1: letters as 10 to 35, modulo 97)."""
    letters = "".join(str(ord(letter) - 55) for letter in country)
    return f"{country}{98 - int(account + letters + '00') % 97:02d}{account}"

"""Annotated records for the categories that `pii_corpus` has no texts of: a pure function of seed and index.

Numbers stand in sentences, in the forms that countries print them in, drawn until python-stdnum (or the check that
stands here) takes them; what only the name of a field tells stands in a field, called as people call such fields. Half
of the records hold what is nobody's. Nothing here knows the recognizers.

>>> records(1)[0].data == records(1)[0].data
True
"""

from __future__ import annotations

import random
import re
import string
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

SEED = 13
COUNT = 6_000
_NEGATIVES = 0.3
_MOST_DRAWS = 100_000


@dataclass(frozen=True, slots=True)
class Annotated:
    """A record of one field, and what is personal there: (start, end, category), nothing in what is nobody's."""

    data: dict[str, Any]
    entities: tuple[tuple[int, int, str], ...]
    kind: str = "record"


# a letter of a shape -> what it is drawn from: # a digit, @ a capital, D M Y the digits of a day
_SHAPES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "au_tfn": ("au.tfn", "### ### ###", ("TFN", "tax file number")),
    "be_nn": ("be.nn", "YY.MM.DD-###.##", ("rijksregisternummer", "numéro national")),
    "br_cnpj": ("br.cnpj", "##.###.###/0001-##", ("CNPJ", "CNPJ da empresa")),
    "ch_ahv": ("ch.ssn", "756.####.####.##", ("AHV-Nummer", "numéro AVS")),
    "cn_ric": ("cn.ric", "110101198YMMDD###%", ("ID card number", "身份证号码")),
    "dk_cpr": ("dk.cpr", "DDMMYY-####", ("CPR-nummer", "CPR")),
    "fi_hetu": ("fi.hetu", "DDMMYY-###&", ("henkilötunnus", "HETU")),
    "ie_pps": ("ie.pps", "#######@A", ("PPS number", "PPSN")),
    "il_id": ("il.idnr", "#########", ("teudat zehut", "Israeli ID")),
    "in_aadhaar": ("in_.aadhaar", "#### #### ####", ("Aadhaar", "Aadhaar number")),
    "it_codice_fiscale": ("it.codicefiscale", "@@@@@@YYADDF###@", ("codice fiscale", "tax code")),
    "kr_rrn": ("kr.rrn", "YYMMDD-1######", ("RRN", "resident registration number")),
    "mx_curp": ("mx.curp", "BAXXYYMMDDHDFLLL0#", ("CURP", "clave CURP")),
    "no_fodselsnummer": ("no.fodselsnummer", "DDMMYY #####", ("fødselsnummer", "personnummer")),
    "pt_nif": ("pt.nif", "2########", ("NIF", "número de contribuinte")),
    "tr_tckn": ("tr.tckimlik", "###########", ("TC kimlik no", "T.C. kimlik numarası")),
    "us_ein": ("us.ein", "##-#######", ("EIN", "employer identification number")),
    "za_id": ("za.idnr", "YYMMDD####08#", ("SA ID number", "South African ID")),
}
_TEMPLATES = (
    "{label}: {value}", "My {label} is {value}.", "Please update {label} {value} in the file", "{label} = {value};",
    "the form says {label} {value}, as before", "{value} is my {label}",
)  # fmt: skip
_FIELDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "biometric": (("fingerprint_template", "faceEmbedding", "iris_code", "voiceprint", "retina scan", "gait_data"),
                  ("Rk1SACAyMAAAAADwAAA", "0.12,0.55,0.81", "a91f77c0")),
    "ethnicity": (("ethnicity", "Ethnic Group", "race", "ethnie", "origen_etnico", "ethnische_herkunft"),
                  ("Roma", "Asian British", "mixed", "Sámi")),
    "genetic": (("genotype", "dnaProfile", "genome", "dna_sequence", "snp", "brca1_result"),
                ("rs429358 CT", "AGCTTAGC", "variant of unknown significance")),
    "health": (("diagnosis", "Medication", "allergies", "krankheit", "maladie", "blood_type", "chronic_conditions"),
               ("type 2 diabetes", "metformin 500 mg", "peanuts", "asthma", "A+")),
    "political_opinion": (("party_membership", "politicalView", "trade_union", "Gewerkschaft", "voted for", "syndicat"),
                          ("Green Party", "left", "IG Metall", "yes")),
    "religion": (("religion", "Religious Affiliation", "konfession", "faith", "Religionszugehörigkeit", "culte"),
                 ("Buddhist", "ev.", "none", "Sunni")),
    "sexual_orientation": (("sexual_orientation", "sexualPreference", "orientation sexuelle", "gender_identity",
                            "sexuelle_orientierung", "lgbt_status"), ("gay", "heterosexual", "prefer not to say")),
}  # fmt: skip
_NOBODYS = (
    "order {n} shipped in {m} parcels", "part no. {n}-{m}, revision 4", "build {m}.{m}.{n} of {d}",
    "meter reads {n} kWh",
    "invoice {n} of {d} over {m},00 EUR", "ticket {n} closed by the team", "call id {n}, trace {m}{m}", "SKU {n}",
)  # fmt: skip
_PLAIN_FIELDS = (
    "carrier",
    "race_time",
    "diagnostics_url",
    "party_size",
    "union_type",
    "genre",
    "voice_volume",
    "colour",
)


def records(count: int = COUNT, seed: int = SEED) -> list[Annotated]:
    """Make the first `count` records."""
    return [_record(random.Random(f"{seed}:{index}")) for index in range(count)]


def _record(draw: random.Random) -> Annotated:
    if draw.random() < _NEGATIVES:
        return _nobodys(draw)
    category = draw.choice(CATEGORIES)
    if category in _FIELDS:
        names, values = _FIELDS[category]
        value = draw.choice(values)
        return Annotated({draw.choice(names): value}, ((0, len(value), category),))
    value, labels = VALUES[category](draw)
    before, _, behind = draw.choice(_TEMPLATES).partition("{value}")
    label = draw.choice(labels)
    before, behind = before.replace("{label}", label), behind.replace("{label}", label)
    places = tuple((len(before) + first, len(before) + last, category) for first, last in _lines(value))
    return Annotated({"text": before + value + behind}, places)


def _lines(value: str) -> list[tuple[int, int]]:
    """The lines of a value, without those that only say what the others are (of a PEM block)."""
    return [match.span() for match in re.finditer(r"[^\n]+", value) if not match[0].startswith("-----")]


def _nobodys(draw: random.Random) -> Annotated:
    if draw.random() < 0.3:
        return Annotated({draw.choice(_PLAIN_FIELDS): draw.choice(("left", "A+", "none", "12.5", "mixed"))}, ())
    day = f"20{draw.randint(10, 24)}-{draw.randint(1, 12):02}-{draw.randint(1, 28):02}"
    number = str(draw.randint(10**5, 10**11))
    return Annotated({"text": draw.choice(_NOBODYS).format(n=number, m=draw.randint(1, 99), d=day)}, ())


def _drawn(category: str) -> Callable[[random.Random], tuple[str, tuple[str, ...]]]:
    """Draws numbers of a shape until the country's own check takes one."""
    module, shape, labels = _SHAPES[category]
    is_valid: Callable[[str], bool] = import_module(f"stdnum.{module}").is_valid

    def make(draw: random.Random) -> tuple[str, tuple[str, ...]]:
        for _ in range(_MOST_DRAWS):
            value = _shaped(draw, shape)
            if is_valid(value):
                return value, labels
        raise RuntimeError(f"{category}: no number of the shape {shape} is valid")

    return make


def _shaped(draw: random.Random, shape: str) -> str:
    year, month, day = draw.randint(50, 99), draw.randint(1, 12), draw.randint(1, 28)
    if shape.startswith("@@@@@@"):  # the month of a codice fiscale is a letter
        name = "".join(draw.choice("BCDFGLMNPRST") for _ in range(6))
        place = f"F{draw.randint(100, 999)}"
        return f"{name}{year}{draw.choice('ABCDEHLMPRST')}{day:02}{place}{draw.choice(string.ascii_uppercase)}"
    shape = re.sub("YY", f"{year:02}", shape, count=1).replace("198Y", f"198{draw.randint(0, 9)}")
    shape = shape.replace("MM", f"{month:02}", 1).replace("DD", f"{day:02}", 1)
    drawn = {
        "#": string.digits,
        "@": string.ascii_uppercase,
        "%": "0123456789X",
        "&": "0123456789ABCDEFHJKLMNPRSTUVWXY",
    }
    return "".join(draw.choice(drawn[each]) if each in drawn else each for each in shape)


def medicare(draw: random.Random) -> tuple[str, tuple[str, ...]]:
    """Medicare card of Australia: eight digits, a check digit and the issue."""
    body = str(draw.randint(2, 6)) + "".join(draw.choice(string.digits) for _ in range(7))
    check = sum(int(digit) * weight for digit, weight in zip(body, (1, 3, 7, 9, 1, 3, 7, 9), strict=True)) % 10
    number = f"{body}{check}{draw.randint(1, 9)}"
    return f"{number[:4]} {number[4:9]} {number[9]}", ("Medicare number", "Medicare card")


def nric(draw: random.Random) -> tuple[str, tuple[str, ...]]:
    """NRIC of Singapore."""
    body = "".join(draw.choice(string.digits) for _ in range(7))
    rest = sum(int(digit) * weight for digit, weight in zip(body, (2, 7, 6, 5, 4, 3, 2), strict=True)) % 11
    return f"S{body}{'JZIHGFEDCBA'[rest]}", ("NRIC", "NRIC number")


def vin(draw: random.Random) -> tuple[str, tuple[str, ...]]:
    """Vehicle identification number with its check digit (49 CFR 565)."""
    letters = "ABCDEFGHJKLMNPRSTUVWXYZ"
    values = dict(zip(letters, (1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 7, 9, 2, 3, 4, 5, 6, 7, 8, 9), strict=True))
    body = [draw.choice(letters + string.digits) for _ in range(17)]
    body[:3], body[12:] = "1HG", [draw.choice(string.digits) for _ in range(5)]
    body[8] = "0"
    weights = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
    rest = sum((values.get(one) or int(one)) * weight for one, weight in zip(body, weights, strict=True)) % 11
    body[8] = "0123456789X"[rest]
    return "".join(body), ("VIN", "chassis number")


def private_key(draw: random.Random) -> tuple[str, tuple[str, ...]]:
    """A PEM block."""
    kind = draw.choice(("RSA ", "EC ", "", "OPENSSH "))
    letters = string.ascii_letters + string.digits + "+/"
    lines = "\n".join("".join(draw.choice(letters) for _ in range(64)) for _ in range(draw.randint(2, 6)))
    return f"-----BEGIN {kind}PRIVATE KEY-----\n{lines}\n-----END {kind}PRIVATE KEY-----", ("key", "server key")


VALUES: dict[str, Callable[[random.Random], tuple[str, tuple[str, ...]]]] = {
    **{category: _drawn(category) for category in _SHAPES},
    "au_medicare": medicare, "private_key": private_key, "sg_nric": nric, "vin": vin,
}  # fmt: skip
CATEGORIES = sorted(VALUES.keys() | _FIELDS.keys())

"""Indicators in a text: CVE and MITRE ATT&CK ids, hashes, URLs, domains, e-mail and IP addresses, wallets.

Each finder gives spans in the text it was handed, which has no harmless spellings left (see `_defang`).
"""

import re
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Final, NamedTuple

from penstock.agents._wallets import valid


class Found(NamedTuple):
    """A piece of text that names something. Attributes ---------- type : str start, end : int In characters.
    confidence : float value : str In one spelling; empty where the text is that already. kind : str Which sort
    of its type, empty where there is one only."""

    type: str
    start: int
    end: int
    confidence: float
    value: str = ""
    kind: str = ""


_CVE: Final = re.compile(r"(?<![\w-])CVE[-\u2010-\u2013_ ](\d{4})[-\u2010-\u2013_](\d{4,19})(?!\d)", re.IGNORECASE)
_MITRE: Final = re.compile(r"(?<![\w.-])(?:TA\d{4}|T\d{4}(?:\.\d{3})?|DS\d{4}|[GSMC]\d{4})(?![\w-]|\.\d)")
_MITRE_CONTEXT: Final = re.compile(
    r"MITRE|ATT&(?:amp;)?CK|threat group|intrusion set|(?<![\w.-])T(?:A0[01]\d\d|[01]\d{3}(?:\.\d{3})?)(?!\w)"
)
_HEX: Final = re.compile(
    r"(?<![0-9A-Za-z])(?:[0-9A-Fa-f]{128}|[0-9A-Fa-f]{96}|[0-9A-Fa-f]{64}|[0-9A-Fa-f]{56}|[0-9A-Fa-f]{40}"
    r"|[0-9A-Fa-f]{32})"
    r"(?![0-9A-Za-z])"
)
_HASHES: Final = {32: "md5", 40: "sha1", 56: "sha224", 64: "sha256", 96: "sha384", 128: "sha512"}
_URL: Final = re.compile(
    r"(?<![\w])(?:https?|ftps?|sftp|ssh|wss?|tcp|udp|ldaps?|smb)://[^\s<>\"'`{}|\\^]+", re.IGNORECASE
)
_EMAIL: Final = re.compile(
    r"(?<![\w.%+~!#$&*/=?^`{|}-])[\w%+~!#$&*/=?^`{|}-]+(?:\.[\w%+~!#$&*/=?^`{|}-]+)*+"
    r"@((?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+(?:[^\W\d_]{2,63}|xn--[a-z0-9-]{2,59}))(?![\w-]|\.\w)"
)
_IPV4: Final = re.compile(r"(?<![\w.-])(?:\d{1,3}\.){3}\d{1,3}(?!\w|\.\d)")
_IPV6: Final = re.compile(
    r"(?<![\w:.])(?=[0-9A-Fa-f:]*:[0-9A-Fa-f:]*:)[0-9A-Fa-f:]{2,39}(?:\d{1,3}(?:\.\d{1,3}){3})?(?![\w:])"
)
_VERSION: Final = re.compile(r"(?:\bv|\bver|version|release|build|chrome|firefox|openssl)[\s./:]*$", re.IGNORECASE)
_DOMAIN: Final = re.compile(
    r"(?<![\w@.-])(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,10}(xn--[a-z0-9-]{2,59}|[^\W\d_]{2,24})(?![\w@-]|\.\w)"
)
_WALLET: Final = re.compile(
    r"(?<![0-9A-Za-z])(?:[13LM][1-9A-HJ-NP-Za-km-z]{25,34}|(?:bc|ltc|BC|LTC)1[0-9A-Za-z]{11,87}|0x[0-9A-Fa-f]{40})"
    r"(?![0-9A-Za-z])"
)

_GENERIC: Final = frozenset(
    str.split(
        """com net org info biz edu gov mil int arpa aero app art asia bank bar bid bike blog box buzz cab cafe cam
    camp capital car cards care careers cash center chat cheap church city click clinic cloud club codes coffee
    college community company computer construction consulting contact cool coop country coupons credit cyou
    dance date deals delivery design dev digital direct directory download earth education email energy
    engineering estate events exchange expert express family fans farm film finance financial fish fit
    foundation fun fund futbol fyi gallery game games garden gift gifts global gmbh gold golf graphics gratis
    green group guide guru health help holdings hospital host hosting house icu ink institute insurance
    international jobs kim land law legal life limited link live loan loans lol london ltd luxe management
    market marketing mba media memorial men menu mobi moe money monster mortgage museum name network news ninja
    one onion online ooo page partners parts party pet photo photos pics pictures pink pizza place plus poker
    porn press pro productions properties pub quest racing realty recipes red rehab reise ren rent repair report
    rest restaurant review reviews rip rocks run sale sbs school science security services sex sexy shoes shop
    show site ski social software solar solutions space store stream studio style support surf surgery systems
    tax taxi team tech technology tel theater tips today tokyo tools top tours town toys trade training travel
    university vacations ventures vet video villas vin vip vision vote wang watch webcam website wedding wiki
    win wine work works world wtf xxx xyz yoga zone berlin hamburg koeln wien paris amsterdam cat swiss scot bzh
    eus gal quebec moscow africa example test invalid local localhost internal lan corp home"""
    )
)
_COUNTRIES: Final = frozenset(
    str.split(
        """ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs bt bw by bz ca
    cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg er es et eu fi fj fk fm fo
    fr ga gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it je
    jm jo jp ke kg kh ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mg mh mk ml mm mn mo
    mp mq mr ms mt mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt
    pw py qa re ro rs ru rw sa sb sc sd se sg sh si sk sl sm sn so sr ss st su sv sx sy sz tc td tf tg th tj tk
    tl tm tn to tr tt tv tw tz ua ug uk us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw рф бг мкд срб укр 中国
    公司 网络 한국 भारत"""
    )
)
_FILES: Final = frozenset(str.split("py pl sh md rs ps so cc ml st mm mo ms ai do bz vi la tf app dev test zip mov"))
"""Top-level domains that files end with as well: with two labels they are domains only where something says so."""
_WORDS: Final = frozenset(str.split("is it in no so to me my be at as do us am id de la by he if or an on"))
"""Those that are words: a full stop without a blank behind it joins two sentences as a dot joins labels."""


def indicators(text: str) -> Iterator[Found]:
    """Everything of these kinds, in no order; spans may overlap."""
    yield from _ids(text)
    yield from _long(text)
    hosts = list(_hosts(text))
    yield from hosts
    if "." in text:
        yield from _addresses4(text)
        yield from _domains(text)
    if text.count(":") > 1:
        yield from _addresses6(text)


def _ids(text: str) -> Iterator[Found]:
    for match in _CVE.finditer(text):
        if 1999 <= int(match[1]) <= 2099:
            yield Found("cve", *match.span(), 0.99, f"CVE-{match[1]}-{match[2]}")
    told = None
    for match in _MITRE.finditer(text):
        sure = match[0].startswith("T") and ("." in match[0] or match[0].startswith(("TA00", "TA01")))
        if not sure and told is None:
            told = _MITRE_CONTEXT.search(text) is not None
        if sure or told or _technique(match[0]):
            kind = {"TA": "tactic", "DS": "data_source"}.get(match[0][:2]) or _MITRE_KINDS[match[0][0]]
            yield Found("mitre", *match.span(), 0.95 if sure or told else 0.75, kind=kind)


_MITRE_KINDS: Final = {"T": "technique", "G": "group", "S": "software", "M": "mitigation", "C": "campaign"}


def _technique(text: str) -> bool:
    """Whether an id without context is one of a technique: T1001 to T1699, or T0800 to T0899 (ICS)."""
    if text[0] != "T" or not text[1:5].isdecimal():
        return False
    return 1001 <= int(text[1:5]) <= 1699 or 800 <= int(text[1:5]) <= 899


def _long(text: str) -> Iterator[Found]:
    for match in _HEX.finditer(text):
        letters = match[0].lower()
        if len(set(letters)) > 4 and not letters.isdecimal() and not letters.isalpha():
            one = letters if letters != match[0] else ""
            yield Found("hash", *match.span(), 0.95, one, _HASHES[len(letters)])
    for match in _WALLET.finditer(text):
        if valid(match[0]):
            eth = match[0].startswith("0x")
            single = match[0][2:] in (match[0][2:].lower(), match[0][2:].upper())
            kind = "ethereum" if eth else "litecoin" if match[0][0] in "LMl" else "bitcoin"
            yield Found("wallet", *match.span(), 0.85 if eth and single else 0.99, kind=kind)


def _hosts(text: str) -> Iterator[Found]:
    if "://" in text:
        for match in _URL.finditer(text):
            found = _trimmed(match[0])
            if len(found.partition("://")[2]) > 1:
                yield Found("url", match.start(), match.start() + len(found), 0.98)
    if "@" in text:
        for match in _EMAIL.finditer(text):
            if _top(match[1]) and match.end() - match.start() <= 254:
                lower = match[0].lower()
                yield Found("email", *match.span(), 0.98, lower if lower != match[0] else "")


def _trimmed(url: str) -> str:
    """A URL without what the sentence around it ends with."""
    while url and (
        url[-1] in ".,;:!?*_~"
        or (url[-1] == ")" and url.count("(") < url.count(")"))
        or (url[-1] in "]" and "[" not in url)
    ):
        url = url[:-1]
    return url


def _addresses4(text: str) -> Iterator[Found]:
    for match in _IPV4.finditer(text):
        parts = match[0].split(".")
        if any(int(part) > 255 or (len(part) > 1 and part[0] == "0") for part in parts):
            continue
        if _VERSION.search(text, max(0, match.start() - 12), match.start()) is None:
            yield Found("ip", *match.span(), 0.95 if int(parts[0]) else 0.6, kind="v4")


def _addresses6(text: str) -> Iterator[Found]:
    for match in _IPV6.finditer(text):
        written = match[0].rstrip(":") if match[0].endswith(":") and not match[0].endswith("::") else match[0]
        try:
            address = ip_address(written)
        except ValueError:
            continue
        if any(char.isdigit() for char in written):
            one = str(address)
            yield Found("ip", match.start(), match.start() + len(written), 0.95, one if one != written else "", "v6")


def _domains(text: str) -> Iterator[Found]:
    for match in _DOMAIN.finditer(text):
        name, top = match[0], match[1]
        if not _top(name) or not (top.islower() or top.isupper() or not top.isascii()):
            continue
        labels = name.count(".") + 1
        said = text.endswith(("//", "www."), 0, match.start()) or name.lower().startswith("www.")
        if top.lower() in _FILES and labels < 3 and not said:
            continue
        if name.isupper() and labels < 3 and top.lower() not in ("com", "net", "org"):  # U.S., N.V.
            continue
        if top in _WORDS and labels == 2 and not said and len(name) - len(top) < 4:
            continue
        lower = name.lower()
        sure = 0.95 if said or top in ("com", "net", "org") or labels > 2 else 0.6 if top in _WORDS else 0.85
        yield Found("domain", *match.span(), sure, lower if lower != name else "")


def _top(name: str) -> bool:
    top = name.rpartition(".")[2].lower()
    return top in _GENERIC or top in _COUNTRIES or top.startswith("xn--")

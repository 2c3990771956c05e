"""Annotated texts for measuring recognizers: a pure function of seed and index.

A text is a template in English, German, French or Spanish, filled with values that are made here by the rules that
countries, banks and networks publish (check digits included), with their places noted; or a hard negative, full of
numbers that are nobody's. Nothing here knows the recognizers: what they are measured by must not be made of them.

>>> texts(1)[0].text == texts(1)[0].text
True
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from dataclasses import dataclass

SEED = 11
COUNT = 6_000
_NEGATIVES = 0.4


@dataclass(frozen=True, slots=True)
class Text:
    """A text and what is personal in it.

    Attributes
    ----------
    text : str
    entities : tuple of (start, end, category)
        Characters; empty for a hard negative.
    language : str
    kind : str
        ``positive``, or what sort of hard negative it is.
    """

    text: str
    entities: tuple[tuple[int, int, str], ...]
    language: str
    kind: str = "positive"


def texts(count: int = COUNT, seed: int = SEED) -> list[Text]:
    """Make the first `count` texts."""
    return [_text(index, seed) for index in range(count)]


def _text(index: int, seed: int) -> Text:
    draw = random.Random(f"{seed}:{index}")
    if draw.random() < _NEGATIVES:
        kind = draw.choice(list(NEGATIVES))
        language, template = draw.choice(NEGATIVE_TEMPLATES[kind])
        text = template.replace("{}", NEGATIVES[kind](draw))
        return Text(f"{_around(draw, language)} {text} {_around(draw, language)}".strip(), (), language, kind)
    language, template = draw.choice(TEMPLATES)
    before, behind = _around(draw, language), _around(draw, language)
    return _filled(f"{before} {template} {behind}".strip(), language, draw)


def _around(draw: random.Random, language: str) -> str:
    """None to three sentences of which nothing is personal."""
    return " ".join(draw.sample(PROSE[language], draw.choice((0, 0, 1, 1, 2, 3))))


def _filled(template: str, language: str, draw: random.Random) -> Text:
    out, entities = "", []
    for literal, name, _, _ in string.Formatter().parse(template):
        out += literal
        if name:
            value = VALUES[name](draw, language)
            entities.append((len(out), len(out) + len(value), name.partition("__")[0]))
            out += value
    return Text(out, tuple(entities), language)


# Values


def _digits(draw: random.Random, count: int) -> str:
    return "".join(draw.choice("0123456789") for _ in range(count))


def _shaped(draw: random.Random, shape: str) -> str:
    """``#`` a digit, ``%`` a digit from 2, ``@`` a capital."""
    drawn = {"#": "0123456789", "%": "23456789", "@": string.ascii_uppercase}
    return "".join(draw.choice(drawn[c]) if c in drawn else c for c in shape)


def _luhn(body: str) -> str:
    total = 0
    for place, digit in enumerate(reversed(body)):
        total += sum(divmod(int(digit) * (2 - place % 2), 10))
    return str(-total % 10)


PHONES = {
    "us": (
        "(%##) %##-####", "(%##)%##-####", "%##-%##-####", "%##.%##.####", "+1-%##-%##-####", "+1 %## %## ####",
        "+1%##%######", "1-%##-%##-####", "001-%##-%##-####", "%##-%##-####x###", "(%##) %##-#### x##",
        "%##.%##.#### ext. ###", "+1 (%##) %##-####", "(###)###-####", "###-###-####", "+1-###-###-####x####",
    ),
    "gb": (
        "+44 20 7946 0###", "020 7946 0###", "(0114) 496 0###", "0118 496 0###", "+44 7700 900###", "07700 900###",
        "+44(0)1632 960###", "01632 960###", "07700900###",
    ),
    "de": ("+49 30 2345 6###", "030 2345 6###", "030/23456###", "+49 (0)89 3456 ####", "0171 23456##", "0049 40 234567#"),
    "fr": ("+33 1 42 68 5# ##", "01 42 68 5# ##", "06.12.34.5#.##", "+33 6 12 34 5# ##", "0612345###"),
    "es": ("+34 91 123 45 ##", "91 123 45 ##", "612 34 56 ##", "+34 612 34 5# ##", "0034 93 123 45 ##"),
    "il": ("02-6#1-#23#", "+972-3-512345#", "054-123-45##", "+972 54 123 45##"),
}  # fmt: skip
_HOMES = {"en": ("us", "us", "us", "gb", "il"), "de": ("de",), "fr": ("fr",), "es": ("es",)}


def phone(draw: random.Random, language: str) -> str:
    return _shaped(draw, draw.choice(PHONES[draw.choice(_HOMES[language])]))


def bare_phone(draw: random.Random, language: str) -> str:
    """Ten digits in a row."""
    return _shaped(draw, "%##%######")


_CARDS = (("4", 16), ("51", 16), ("55", 16), ("2221", 16), ("34", 15), ("37", 15), ("6011", 16), ("3530", 16),
          ("36", 14), ("4", 13), ("65", 16), ("5018", 16), ("4", 19))  # fmt: skip


def card(draw: random.Random, language: str) -> str:
    prefix, length = draw.choice(_CARDS)
    body = prefix + _digits(draw, length - len(prefix) - 1)
    number = body + _luhn(body)
    if length != 16 or draw.random() < 0.4:
        return number
    return draw.choice((" ", "-")).join(number[at : at + 4] for at in range(0, 16, 4))


_IBANS = {
    "DE": "#" * 18, "GB": "@@@@" + "#" * 14, "FR": "#" * 23, "ES": "#" * 20, "NL": "@@@@" + "#" * 10, "CH": "#" * 17,
    "IT": "@" + "#" * 22, "PL": "#" * 24,
}  # fmt: skip


def iban(draw: random.Random, language: str) -> str:
    country = draw.choice(list(_IBANS))
    body = _shaped(draw, _IBANS[country])
    letters = "".join(str(int(c, 36)) for c in f"{body}{country}00")
    number = f"{country}{98 - int(letters) % 97:02d}{body}"
    grouped = " ".join(number[at : at + 4] for at in range(0, len(number), 4))
    return draw.choice((number, grouped))


def ssn(draw: random.Random, language: str) -> str:
    area = draw.choice([n for n in (draw.randint(1, 899) for _ in range(9)) if n != 666])
    return f"{area:03d}-{draw.randint(1, 99):02d}-{draw.randint(1, 9999):04d}"


def bare_ssn(draw: random.Random, language: str) -> str:
    return ssn(draw, language).replace("-", draw.choice(("", " ")))


_FIRST = ("anna", "john", "maria", "luc", "jose", "emma", "paul", "ines", "karl", "zoe", "omar", "li")
_LAST = ("miller", "garcia", "dupont", "schmidt", "oneill", "rossi", "chen", "novak", "haddad", "larsen")
_HOSTS = (
    "gmail.com",
    "example.org",
    "mail.example.co.uk",
    "web.de",
    "orange.fr",
    "uni-bonn.de",
    "acme.io",
    "hotmail.es",
)


def email(draw: random.Random, language: str) -> str:
    first, last, host = draw.choice(_FIRST), draw.choice(_LAST), draw.choice(_HOSTS)
    form = draw.choice(("{f}.{l}", "{f}{n}", "{f}_{l}", "{f}-{l}+news", "{F}.{L}", "{l}{n}"))
    return form.format(f=first, l=last, n=draw.randint(1, 999), F=first.title(), L=last.title()) + "@" + host


def ip(draw: random.Random, language: str) -> str:
    if draw.random() < 0.7:
        return ".".join(str(draw.randint(1, 254)) for _ in range(4))
    groups = [f"{draw.getrandbits(16):x}" for _ in range(8)]
    return draw.choice(
        (":".join(groups), f"2001:db8:{groups[0]}::{draw.randint(1, 9999)}", f"fe80::{groups[1]}:{groups[2]}")
    )


_LICENCES = ("@########", "@#######", "########", "#######", "@@######", "@###-####-####", "@############", "#########",
             "@###-###-##-###-#", "##-###-####", "@##-###-###")  # fmt: skip


def licence(draw: random.Random, language: str) -> str:
    return _shaped(draw, draw.choice(_LICENCES))


def passport(draw: random.Random, language: str) -> str:
    return _shaped(draw, draw.choice(("#########", "@########", "@@#######", "C01X##T##")))


def account(draw: random.Random, language: str) -> str:
    return _digits(draw, draw.randint(8, 12))


def bitcoin(draw: random.Random, language: str) -> str:
    import hashlib

    body = bytes((draw.choice((0, 5)),)) + draw.randbytes(20)
    whole = body + hashlib.sha256(hashlib.sha256(body).digest()).digest()[:4]
    number, text = int.from_bytes(whole, "big"), ""
    while number:
        number, rest = divmod(number, 58)
        text = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"[rest] + text
    return "1" * (len(whole) - len(whole.lstrip(b"\0"))) + text


def mac(draw: random.Random, language: str) -> str:
    return draw.choice((":", "-")).join(f"{draw.getrandbits(8):02X}" for _ in range(6))


def secret(draw: random.Random, language: str) -> str:
    letters = string.ascii_letters + string.digits
    form = draw.choice(("AKIA", "ghp_", "sk_live_", "AIza"))
    length = {"AKIA": 16, "ghp_": 36, "sk_live_": 24, "AIza": 35}[form]
    return form + "".join(draw.choice(letters.upper()[26:] if form == "AKIA" else letters) for _ in range(length))


def password(draw: random.Random, language: str) -> str:
    return draw.choice(("hunter", "Secret", "tr0ub4dor", "Sommer", "azerty")) + _digits(draw, 3) + draw.choice("!#$x")


def birth(draw: random.Random, language: str) -> str:
    year, month, day = draw.randint(1940, 2005), draw.randint(1, 12), draw.randint(1, 28)
    if language == "en":
        name = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
                "November", "December")[month - 1]  # fmt: skip
        return draw.choice((f"{month:02d}/{day:02d}/{year}", f"{name} {day}, {year}", f"{year}-{month:02d}-{day:02d}"))
    return f"{day:02d}.{month:02d}.{year}" if language == "de" else f"{day:02d}/{month:02d}/{year}"


def person(draw: random.Random, language: str) -> str:
    return f"{draw.choice(_FIRST).title()} {draw.choice(_LAST).title()}"


_STREETS = {
    "en": (
        ("Oak", "Maple Hill", "Baker", "Queen Anne", "Martin"),
        ("Street", "Ave", "Road", "Blvd", "Lane"),
        "{n} {a} {b}",
    ),
    "de": (("Haupt", "Garten", "Goethe", "Linden"), ("straße", "weg", "allee"), "{a}{b} {n}"),
    "fr": (("rue", "avenue", "boulevard"), ("Victor Hugo", "de la Liberté", "Voltaire"), "{n} {a} {b}"),
    "es": (("Calle", "Avenida", "Plaza"), ("Mayor", "de Cervantes", "Colón"), "{a} {b} {n}"),
}


def street(draw: random.Random, language: str) -> str:
    first, second, form = _STREETS[language]
    return form.format(a=draw.choice(first), b=draw.choice(second), n=draw.randint(1, 240))


def nino(draw: random.Random, language: str) -> str:
    body = draw.choice(("AB", "JG", "CE", "PX", "SK")) + _digits(draw, 6) + draw.choice("ABCD")
    return draw.choice((body, f"{body[:2]} {body[2:4]} {body[4:6]} {body[6:8]} {body[8]}"))


def nif(draw: random.Random, language: str) -> str:
    number = _digits(draw, 8)
    return number + "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23]


def nir(draw: random.Random, language: str) -> str:
    body = f"{draw.choice('12')}{draw.randint(40, 99)}{draw.randint(1, 12):02d}{draw.randint(10, 89)}{_digits(draw, 6)}"
    return f"{body}{97 - int(body) % 97:02d}"


def tax(draw: random.Random, language: str) -> str:
    """A German identification number: one of the first ten digits twice, ISO 7064 mod 11,10."""
    digits = draw.sample("0123456789", 9)
    digits.insert(draw.randint(1, 9), draw.choice(digits))
    if digits[0] == "0":
        digits = digits[::-1] if digits[-1] != "0" else ["1", *digits[1:]]
    product = 10
    for digit in digits:
        total = (int(digit) + product) % 10 or 10
        product = total * 2 % 11
    return "".join(digits) + str((11 - product) % 10)


def _mod_11_10(digits: str) -> str:
    """The check digit of ISO 7064, mod 11,10."""
    product = 10
    for digit in digits:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return str((11 - product) % 10)


def _weighted(digits: str, weights: tuple[int, ...]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True))


def _drawn(draw: random.Random, length: int, check: Callable[[str], int], first: str = "") -> str:
    """Digits with a check digit behind them; drawn again where there is none."""
    while True:
        body = first + _digits(draw, length - len(first))
        if 0 <= (digit := check(body)) <= 9:
            return f"{body}{digit}"


def vat(draw: random.Random, language: str) -> str:
    body = draw.choice("123456789") + _digits(draw, 7)
    return f"DE{body}{_mod_11_10(body)}"


def itin(draw: random.Random, language: str) -> str:
    return f"9{_digits(draw, 2)}-{draw.choice((70, 75, 81, 88, 90, 95))}-{_digits(draw, 4)}"


def nhs(draw: random.Random, language: str) -> str:
    number = _drawn(draw, 9, lambda body: (11 - _weighted(body, tuple(range(10, 1, -1))) % 11) % 11)
    return draw.choice((number, f"{number[:3]} {number[3:6]} {number[6:]}"))


def bsn(draw: random.Random, language: str) -> str:
    return _drawn(draw, 8, lambda body: _weighted(body, tuple(range(9, 1, -1))) % 11, first=draw.choice("123"))


def _day(draw: random.Random) -> str:
    return f"{draw.randint(40, 99)}{draw.randint(1, 12):02d}{draw.randint(1, 28):02d}"


def pesel(draw: random.Random, language: str) -> str:
    return _drawn(draw, 10, lambda body: -_weighted(body, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)) % 10, first=_day(draw))


def personnummer(draw: random.Random, language: str) -> str:
    body = _day(draw) + _digits(draw, 3)
    return f"{body[:6]}-{body[6:]}{_luhn(body)}"


def cpf(draw: random.Random, language: str) -> str:
    body = _digits(draw, 9)
    for start in (10, 11):
        rest = _weighted(body, tuple(range(start, 1, -1))) % 11
        body += str(0 if rest < 2 else 11 - rest)
    return f"{body[:3]}.{body[3:6]}.{body[6:9]}-{body[9:]}"


def sin(draw: random.Random, language: str) -> str:
    body = draw.choice("1245679") + _digits(draw, 7)
    number = body + _luhn(body)
    return draw.choice((" ", "-")).join((number[:3], number[3:6], number[6:]))


def imei(draw: random.Random, language: str) -> str:
    body = "35" + _digits(draw, 12)
    return body + _luhn(body)


def pan(draw: random.Random, language: str) -> str:
    return _shaped(draw, f"@@@{draw.choice('PCHF')}@%%%%@")


def bic(draw: random.Random, language: str) -> str:
    return _shaped(draw, f"@@@@{draw.choice(('DE', 'FR', 'GB', 'ES', 'US'))}%%") + draw.choice(("", "500"))


def token(draw: random.Random, language: str) -> str:
    import base64
    import json

    def part(value: dict[str, str]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part({'sub': _digits(draw, 9)})}.{draw.getrandbits(128):x}"


def credentials(draw: random.Random, language: str) -> str:
    return f"{draw.choice(_FIRST)}:{password(draw, language).replace('#', '!')}@db{draw.randint(1, 9)}.example.com"


def record_number(draw: random.Random, language: str) -> str:
    return _shaped(draw, draw.choice(("########", "MR-######", "@#######")))


def place(draw: random.Random, language: str) -> str:
    return _coordinates(draw)


def years(draw: random.Random, language: str) -> str:
    return str(draw.randint(18, 95))


def postcode(draw: random.Random, language: str) -> str:
    return _digits(draw, 5) if language != "en" else _shaped(draw, draw.choice(("#####", "#####-####")))


VALUES: dict[str, Callable[[random.Random, str], str]] = {
    "phone": phone, "phone__bare": bare_phone, "credit_card": card, "iban": iban, "ssn": ssn, "ssn__bare": bare_ssn,
    "email": email, "ip": ip, "driving_licence": licence, "passport": passport, "bank_account": account,
    "crypto_address": bitcoin, "mac": mac, "api_key": secret, "password": password, "date_of_birth": birth,
    "person_name": person, "street_address": street, "uk_nino": nino, "es_nif": nif, "fr_nir": nir, "de_tax_id": tax,
    "vat_id": vat, "us_itin": itin, "uk_nhs": nhs, "nl_bsn": bsn, "pl_pesel": pesel, "se_personnummer": personnummer,
    "br_cpf": cpf, "ca_sin": sin, "imei": imei, "in_pan": pan, "bic": bic, "jwt": token, "url_credentials": credentials,
    "medical_record": record_number, "coordinates": place, "age": years, "postal_code": postcode,
}  # fmt: skip

_ENGLISH = """
My credit card {credit_card} was stolen, please block it at once.
Can you raise the limit on card {credit_card}?
I was charged twice on {credit_card} last month
Use {credit_card} for the deposit and send the receipt to {email}
The number on the front reads {credit_card}.
visa {credit_card} exp 12/27
Please wire the money to {iban} before Friday.
What does a transfer from {iban} to another bank cost?
Our IBAN is {iban}; the reference goes in the second line.
Refund to: {iban}
Call me at {phone} when you are back.
You can reach our office on {phone} or by mail at {email}.
My number has changed to {phone}
Phone: {phone}
Tel. {phone}, fax {phone}
Have the manager ring {phone__bare} tomorrow
Text {phone} to confirm the appointment.
{phone} is not answering, who else is on duty?
His cell is {phone__bare}.
Contact details: {email}, {phone}
The caller left {phone} as a callback number, and {email}
My SSN is {ssn}, do you need anything else?
Social security number: {ssn__bare}
She wrote {ssn} on the form by mistake
ssn {ssn__bare} belongs to the spouse
Please verify {ssn} with the authority
Write to {email} for a quote.
{email} bounced again
From: {email} To: {email}
The account {email} signed in from {ip}.
Failed login from {ip} port 22
The server at {ip} does not answer.
blocked {ip} after five attempts
My driver's license is {driving_licence}
I lost my driver license, number {driving_licence}.
Driver's license number: {driving_licence}
She showed driving licence {driving_licence} at the desk
DL: {driving_licence}
The passport number is {passport}.
My passport {passport} expires next spring
Passport: {passport}
Please pay into account number {bank_account}.
My bank account is {bank_account}
Acct no {bank_account}
Send coins to {crypto_address}
The wallet {crypto_address} was emptied.
The laptop with MAC {mac} left the network
lease for {mac} at {ip}
Somebody committed {api_key} to the repository.
key={api_key}
The password is {password}, change it soon.
Password: {password}
She was born on {date_of_birth} in Leeds.
Date of birth: {date_of_birth}
DOB {date_of_birth}, phone {phone}
My name is {person_name} and I would like to return a parcel.
Please forward this to Mr. {person_name}.
Dr. {person_name} will see you now
National insurance number {uk_nino}
His NINO is {uk_nino}.
He moved to {street_address} in spring.
Ship it to {street_address}, please.
Our VAT number is {vat_id}
He filed with {us_itin}, an ITIN
ITIN: {us_itin}
NHS number {uk_nhs}
The patient with NHS no. {uk_nhs} was discharged.
Her Dutch BSN is {nl_bsn}.
PESEL {pl_pesel} is on the contract
Swedish personnummer {se_personnummer}
His CPF is {br_cpf}.
Canadian SIN {ca_sin}
My social insurance number is {ca_sin}.
The phone with IMEI {imei} was reported stolen.
PAN card {in_pan}
BIC {bic}, IBAN {iban}
SWIFT: {bic}
curl -H "Authorization: Bearer {jwt}" failed
connect to postgres://{url_credentials}/orders
MRN {medical_record}
Patient ID: {medical_record}
She was last seen at {coordinates}.
He is {age} years old.
Aged {age}, retired
ZIP code {postal_code}
"""
_GERMAN = """
Meine Kreditkarte {credit_card} wurde gestohlen.
Bitte überweisen Sie den Betrag auf {iban}.
IBAN: {iban}
Rufen Sie mich unter {phone} an.
Sie erreichen uns telefonisch: {phone} oder per Mail: {email}.
Telefon {phone}
Meine neue Handynummer ist {phone}
Schreiben Sie bitte an {email}.
Die Anmeldung kam von {ip}.
Meine Steuer-ID ist {de_tax_id}.
Steueridentifikationsnummer: {de_tax_id}
Geboren am {date_of_birth} in Köln
Geburtsdatum: {date_of_birth}
Mein Name ist {person_name}.
Herr {person_name} hat angerufen
Das Passwort lautet {password}
Reisepass Nr. {passport}
Kontonummer {bank_account}
Führerschein {driving_licence}
Ich wohne in der {street_address}.
USt-IdNr. {vat_id}
Sie ist {age} Jahre alt.
PLZ {postal_code}
"""
_FRENCH = """
Ma carte bancaire {credit_card} a été volée.
Merci de virer la somme sur le compte {iban}.
IBAN : {iban}
Appelez-moi au {phone} demain matin.
Vous pouvez nous joindre au {phone} ou par courriel : {email}.
Téléphone : {phone}
Écrivez à {email} pour un devis.
Connexion depuis {ip} refusée
Son numéro de sécurité sociale est {fr_nir}.
Numéro {fr_nir} au dossier
Née le {date_of_birth} à Lyon
Date de naissance : {date_of_birth}
Je m'appelle {person_name}.
Madame {person_name} est absente
Mot de passe : {password}
Passeport n° {passport}
Il habite {street_address}.
"""
_SPANISH = """
Me han robado la tarjeta {credit_card}.
Por favor, transfiera el importe a {iban}.
IBAN: {iban}
Llámeme al {phone} esta tarde.
Teléfono: {phone}
Mi correo es {email}, gracias.
Escriba a {email} o llame al {phone}.
Acceso desde {ip} denegado
Mi DNI es {es_nif}.
El NIF {es_nif} no coincide
Nacido el {date_of_birth} en Sevilla
Fecha de nacimiento: {date_of_birth}
Me llamo {person_name}.
La señora {person_name} no está
Contraseña: {password}
Pasaporte {passport}
Vive en {street_address}.
"""


def _lines(text: str, language: str) -> list[tuple[str, str]]:
    return [(language, line) for line in text.strip().splitlines()]


TEMPLATES = (
    _lines(_ENGLISH, "en") + _lines(_GERMAN, "de") + _lines(_FRENCH, "fr") + _lines(_SPANISH, "es")
)  # fmt: skip


PROSE = {
    "en": ["Thanks for getting back to me so quickly.", "I have been a customer for more than ten years.",
           "The weather was bad and the train came late.", "Could you please look into this before the weekend?",
           "We changed the supplier in spring and prices went up by 12 percent.", "Kind regards from the whole team.",
           "The meeting room on the third floor is taken until 4 pm."],
    "de": ["Vielen Dank für die schnelle Antwort.", "Ich bin seit über zehn Jahren Kunde bei Ihnen.",
           "Das Paket kam leider zu spät an.", "Können Sie das bitte bis Freitag klären?",
           "Die Preise sind um 12 Prozent gestiegen.", "Der Raum im dritten Stock ist bis 16 Uhr belegt."],
    "fr": ["Merci pour votre réponse rapide.", "Je suis client depuis plus de dix ans.", "Le colis est arrivé trop tard.",
           "Pouvez-vous regarder cela avant vendredi ?", "Les prix ont augmenté de 12 pour cent."],
    "es": ["Gracias por su rápida respuesta.", "Soy cliente desde hace más de diez años.", "El paquete llegó tarde.",
           "¿Puede revisarlo antes del viernes?", "Los precios subieron un 12 por ciento."],
}  # fmt: skip


# Hard negatives


def _uuid(draw: random.Random) -> str:
    text = f"{draw.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


def _time(draw: random.Random) -> str:
    day = f"20{draw.randint(18, 27)}-{draw.randint(1, 12):02d}-{draw.randint(1, 28):02d}"
    clock = f"{draw.randint(0, 23):02d}:{draw.randint(0, 59):02d}:{draw.randint(0, 59):02d}"
    seconds = draw.randint(1_500_000_000, 1_900_000_000)
    return draw.choice(
        (f"{day}T{clock}Z", f"{day} {clock}", f"{seconds}", f"{seconds}{_digits(draw, 3)}", f"{seconds}.{_digits(draw, 6)}",
         f"{day.replace('-', '')}{clock.replace(':', '')}", f"{day}T{clock}.{_digits(draw, 6)}+02:00")
    )  # fmt: skip


def _order(draw: random.Random) -> str:
    return draw.choice(
        (_digits(draw, 8), _digits(draw, 9), _digits(draw, 10), _digits(draw, 12), f"{_digits(draw, 3)}-{_digits(draw, 7)}",
         f"{_digits(draw, 3)}-{_digits(draw, 7)}-{_digits(draw, 7)}", f"ORD-{_digits(draw, 9)}", f"2024/{_digits(draw, 6)}")
    )  # fmt: skip


def _phone_like(draw: random.Random) -> str:
    return _shaped(draw, draw.choice(("###-###-####", "## ### ####", "###-##-####", "#### ### ###", "##-####-####")))


def _part(draw: random.Random) -> str:
    return _shaped(
        draw, draw.choice(("@@-####-##", "@####@##", "@@@######", "###-@@-####", "##@####-###", "####.###.##"))
    )


def _version(draw: random.Random) -> str:
    n = [draw.randint(0, 30) for _ in range(3)]
    return draw.choice((f"v{n[0]}.{n[1]}.{n[2]}", f"{n[0]}.{n[1]}.{n[2]}-rc{n[0]}", f"{n[0]}.{n[1]}.{n[2]}.{draw.randint(1000, 9999)}",
                        f"{n[0]}.{n[1]}.{n[2]}+build.{_digits(draw, 6)}"))  # fmt: skip


def _coordinates(draw: random.Random) -> str:
    return f"{draw.uniform(-89, 89):.6f}, {draw.uniform(-179, 179):.6f}"


def _hash(draw: random.Random) -> str:
    return f"{draw.getrandbits(256):064x}"[: draw.choice((7, 32, 40, 64))]


def _amount(draw: random.Random) -> str:
    return draw.choice((f"{draw.randint(1, 999)},{_digits(draw, 3)}.{_digits(draw, 2)}", f"{draw.randint(1, 9)}.{_digits(draw, 3)}.{_digits(draw, 3)},{_digits(draw, 2)}",
                        f"{draw.randint(1000, 999999)} EUR", f"{_digits(draw, 2)}.{_digits(draw, 9)}"))  # fmt: skip


def _article(draw: random.Random) -> str:
    body = "40" + _digits(draw, 10)
    ean = f"{body}{-sum(int(digit) * (1 + place % 2 * 2) for place, digit in enumerate(body)) % 10}"
    book = f"978-3-{_digits(draw, 4)}-{_digits(draw, 4)}-{_digits(draw, 1)}"
    return draw.choice((book, ean, f"1Z{_shaped(draw, '@@@')}{_digits(draw, 13)}"))


NEGATIVES: dict[str, Callable[[random.Random], str]] = {
    "order number": _order, "timestamp": _time, "part number": _part, "version": _version, "phone-like id": _phone_like,
    "uuid": _uuid, "coordinates": _coordinates, "hash": _hash, "amount": _amount, "article number": _article,
}  # fmt: skip

NEGATIVE_TEMPLATES: dict[str, list[tuple[str, str]]] = {
    "order number": [("en", "Order {} was shipped this morning."), ("en", "Where is my order number {}?"),
                     ("de", "Ihre Bestellung {} ist unterwegs."), ("fr", "Votre commande {} est prête."),
                     ("es", "Su pedido {} ha salido."), ("en", "Invoice no. {} is overdue"), ("en", "RMA {} approved")],
    "timestamp": [("en", "The job ended at {} without errors."), ("en", "ts={} level=info"), ("de", "Stand: {}"),
                  ("fr", "Mis à jour le {}"), ("es", "Última copia: {}"), ("en", "offset 42 at epoch {}")],
    "part number": [("en", "Replace part {} before the next run."), ("de", "Teilenummer {} ist lieferbar"),
                    ("fr", "La pièce {} est en stock."), ("es", "La pieza {} no está"), ("en", "SKU {} sold out")],
    "version": [("en", "Upgrade to {} today."), ("en", "Version {} fixes the crash"), ("de", "Seit Version {} geht es."),
                ("fr", "La version {} corrige le défaut."), ("es", "La versión {} lo arregla")],
    "phone-like id": [("en", "Ticket {} was closed."), ("en", "Case no. {} is open"), ("de", "Vorgang {} liegt vor"),
                      ("en", "tracking number {}"), ("en", "Serial number: {}"), ("fr", "Facture {} réglée"),
                      ("es", "Factura {} pagada")],
    "uuid": [("en", "Request {} timed out."), ("en", "trace id {}"), ("de", "Sitzung {} beendet"), ("fr", "Session {} close")],
    "coordinates": [("en", "The buoy drifts at {} now."), ("de", "Messpunkt {} ausgefallen"), ("es", "Sensor en {} activo")],
    "hash": [("en", "commit {} broke the build"), ("en", "sha256 {} matches"), ("de", "Prüfsumme {}")],
    "amount": [("en", "Revenue rose to {} this year."), ("de", "Der Umsatz stieg auf {}."), ("fr", "Le total est {}.")],
    "article number": [("en", "The book {} is out of print."), ("de", "Artikel {} ist ausverkauft"), ("en", "EAN {} scanned")],
}  # fmt: skip

"""The benchmark's records: the same everywhere, and what they promise to hide really is what it looks like."""

import hashlib
import importlib.util
import ipaddress
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import orjson
import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum import iban, luhn

COUNT = 3_000


def load() -> ModuleType:
    """Import bench/generate.py, which is a script's neighbour and no package's module."""
    path = Path(__file__).parents[2] / "bench" / "generate.py"
    spec = importlib.util.spec_from_file_location("bench_generate", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


generate = load()


@pytest.fixture(scope="module")
def records() -> list[dict]:
    return [orjson.loads(value) for value in generate.encoded(COUNT)]


def planted_extras() -> list[str]:
    """Return what is hidden in the sentences, beside the e-mail, telephone and address every record has."""
    return [secret for index in range(COUNT) for secret in generate.planted(index).secrets[3:]]


def test_the_bytes_are_the_same_on_every_machine_and_python():
    digest = hashlib.sha256(b"\n".join(generate.encoded(1_000))).hexdigest()
    assert digest == "32138588b4c48e071d734dc8698e8110376ca6781207f629bf7a31e120e6113b"


@settings(derandomize=True, max_examples=50, deadline=None)
@given(index=st.integers(0, 99_999_999), seed=st.integers(0, 2**32))
def test_a_record_is_a_function_of_seed_and_index_alone(index, seed):
    record = generate.record(index, seed)
    generate.record(index + 1, seed)
    assert generate.record(index, seed) == record
    assert generate.record(index, seed + 1) != record
    assert generate.index_of(record["id"]) == index


def test_a_record_is_about_420_bytes(records):
    sizes = [len(orjson.dumps(record)) for record in records]
    assert 400 < sum(sizes) / COUNT < 440
    assert min(sizes) > 330
    assert max(sizes) < 600


def test_every_record_has_the_same_shape(records):
    assert {tuple(record) for record in records} == {
        ("id", "timestamp", "user", "ip", "message", "license", "tags", "amount", "device")
    }
    assert {tuple(record["user"]) for record in records} == {("name", "email", "phone")}
    assert all(isinstance(record["amount"], float) and len(record["tags"]) == 2 for record in records)
    assert len({record["id"] for record in records}) == COUNT


def test_what_is_planted_stands_in_the_record(records):
    for index, record in enumerate(records):
        planted = generate.planted(index)
        text = orjson.dumps(record).decode()
        assert all(secret in text for secret in planted.secrets)
        assert record["license"] == planted.license
        assert {record["user"]["email"], record["user"]["phone"], record["ip"]} <= set(planted.secrets)


def test_three_sentences_in_ten_hide_something_of_five_kinds():
    kinds: Counter[str] = Counter()
    for secret in planted_extras():
        if "@" in secret:
            kinds["email"] += 1
        elif secret.startswith("+"):
            kinds["phone"] += 1
        elif secret.startswith("DE"):
            kinds["iban"] += iban.is_valid(secret)
        elif len(secret) == 11:
            kinds["ssn"] += 1
        else:
            kinds["card"] += luhn.is_valid(secret.replace(" ", ""))
    assert set(kinds) == {"email", "phone", "iban", "ssn", "card"}
    assert kinds.total() == len(planted_extras())
    assert kinds.total() / COUNT == pytest.approx(0.3, abs=0.03)


def test_telephone_numbers_are_valid_and_addresses_public(records):
    for record in records:
        assert phonenumbers.is_valid_number(phonenumbers.parse(record["user"]["phone"]))
        assert ipaddress.ip_address(record["ip"]).is_global


def test_six_languages_and_one_refused_license_in_ten(records):
    languages = Counter(generate.planted(index).language for index in range(COUNT))
    assert set(languages) == {"en", "de", "fr", "es", "pl", "ru"}
    assert min(languages.values()) > COUNT / 12
    refused = sum(record["license"] in generate.REFUSED_LICENSES for record in records)
    assert refused / COUNT == pytest.approx(0.1, abs=0.02)


def test_expected_names_the_records_whose_license_is_allowed(records):
    allowed = {index for index, record in enumerate(records) if record["license"] in generate.ALLOWED_LICENSES}
    assert generate.expected(COUNT) == allowed
    assert allowed == {index for index in range(COUNT) if generate.planted(index).allowed}

"""Records without end: how many of them have to come out, and how large they are."""

import orjson
import pytest
from feed import sized, supply
from generate import ALLOWED_LICENSES, expected


@pytest.fixture(scope="module")
def records():
    return supply(200)


@pytest.mark.parametrize("stop", [0, 1, 199, 200, 201, 450])
def test_as_many_are_kept_as_have_an_allowed_license(records, stop):
    values = [orjson.loads(value) for value in records.values(0, stop)]
    assert records.kept(stop) == sum(value["license"] in ALLOWED_LICENSES for value in values)


def test_the_first_round_is_the_benchmark_s_records(records):
    assert records.kept(200) == len(expected(200))
    assert [orjson.loads(value)["id"] for value in records.values(198, 202)] == [
        "evt-00000198", "evt-00000199", "evt-00000000", "evt-00000001",
    ]  # fmt: skip


def test_without_a_license_stage_all_of_them_come_out():
    assert supply(50, all_kept=True).kept(120) == 120


@pytest.mark.parametrize("size", [100, 250, 420, 1_000, 10_000])
def test_a_record_of_a_size_has_it_and_what_the_stages_look_at(size):
    for index in range(60):
        record = sized(index, size)
        assert size - 2 <= len(orjson.dumps(record)) <= size + 1
        assert {"id", "ip", "license", "message"} <= record.keys()

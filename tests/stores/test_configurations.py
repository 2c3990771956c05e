"""Configurations: versions by name and tenant, none twice, none without lineage."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from penstock.stores.configurations import ID_PATTERN, Configurations


@pytest.fixture
def store(tmp_path: Path) -> Configurations:
    times = iter(range(1000, 9999))
    return Configurations(f"sqlite:///{tmp_path}/c.db", lambda: float(next(times)))


def test_a_name_has_versions_and_the_same_again_is_none(store: Configurations) -> None:
    first = store.record(store.save("acme", "orders", {"a": 1, "b": 2}), "@c/acme#0")
    assert (first.version, first.created_at, first.lineage) == (1, 1000.0, "@c/acme#0")
    again = store.save("acme", "orders", {"b": 2, "a": 1})
    assert (again.id, again.version, again.lineage) == (first.id, 1, "@c/acme#0")
    second = store.record(store.save("acme", "orders", {"a": 2}), "@c/acme#1")
    assert (second.id, second.version) == (first.id, 2)
    back = store.record(store.save("acme", "orders", {"a": 1, "b": 2}), "@c/acme#2")
    assert back.version == 3  # it was another one in between
    assert [saved.body for saved in store.versions(first.id)] == [first.body, second.body, back.body]
    assert store.get(first.id) == back and store.get(first.id, 2) == second and store.get(first.id, 4) is None


def test_tenants_have_names_of_their_own(store: Configurations) -> None:
    saved = [store.record(store.save(tenant, name, {}), "x") for tenant in ("a", "b") for name in ("two", "one")]
    assert len({one.id for one in saved}) == 4
    assert [one.name for one in store.all("a")] == ["one", "two"]
    assert store.all("c") == [] and store.get("cfg_0000000000000000") is None


def test_a_version_without_lineage_is_not_there_and_saving_goes_on_with_it(store: Configurations) -> None:
    begun = store.save("acme", "orders", {})
    assert begun.lineage is None
    assert store.get(begun.id) is None and store.all("acme") == [] and store.versions(begun.id) == []
    again = store.save("acme", "orders", {})
    assert (again.version, again.lineage) == (1, None)
    assert store.record(again, "first").lineage == "first"
    assert store.record(begun, "second").lineage == "first"


def test_many_at_once_make_one_name_and_all_versions(tmp_path: Path) -> None:
    stores = [Configurations(f"sqlite:///{tmp_path}/c.db") for _ in range(4)]

    def save(number: int) -> tuple[str, int]:
        saved = stores[number % 4].save("acme", "orders", {"n": number})
        stores[number % 4].record(saved, f"#{number}")
        return saved.id, saved.version

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(save, range(24)))
    assert len({id for id, _ in found}) == 1
    assert sorted(version for _, version in found) == list(range(1, 25))
    assert len(stores[0].versions(found[0][0])) == 24


def test_ids_look_like_ids(store: Configurations) -> None:
    import re

    assert re.fullmatch(ID_PATTERN, store.save("acme", "orders", {}).id)

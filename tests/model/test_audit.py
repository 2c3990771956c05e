import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.model import ledger
from penstock.model.audit import Finding, verify_chain

CHAIN = "orders/orders.raw/2"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(32))
replace = msgspec.structs.replace
Rows = list[ledger.StoredEntry]


def entry(seq: int) -> ledger.Entry:
    return ledger.Entry(
        seq=seq,
        epoch=0,
        offset=seq,
        last=seq,
        record_id=f"orders.raw/2/{seq}",
        verdict="kept",
        stage="redact",
        code="ok",
        content_hash=ledger.sha256(str(seq).encode()).hexdigest(),
        license="CC-BY-4.0",
        pii=("email",),
        timestamp=1_700_000_000_000 + seq,
    )


@dataclass
class Book:
    """What a ledger holds of one chain, and what was published."""

    rows: Rows = field(default_factory=list)
    heads: list[ledger.SignedHead] = field(default_factory=list)
    published: list[ledger.SignedHead] = field(default_factory=list)

    def audit(self) -> list[Finding]:
        keys = {ledger.key_id(KEY.public_key()): KEY.public_key()}
        return verify_chain(CHAIN, iter(self.rows), iter(self.heads), iter(self.published), keys)

    def found(self) -> list[tuple[str, int]]:
        return [(finding.kind, finding.seq) for finding in self.audit()]


def book(sizes: Sequence[int] = (4, 1, 5, 3), key: Ed25519PrivateKey = KEY, code: str = "ok") -> Book:
    made, previous, seq = Book(), ledger.genesis_hash(CHAIN), 0
    for size in sizes:
        entries = [replace(entry(number), code=code) for number in range(seq, seq + size)]
        head = ledger.seal(key, CHAIN, entries, previous=previous)
        hashes = ledger.extend(previous, entries)
        for one, value in zip(entries, hashes, strict=True):
            made.rows.append(ledger.StoredEntry(entry=one, hash=value.hex()))
        made.heads.append(head)
        previous, seq = hashes[-1], seq + size
    made.published = list(made.heads)
    return made


ALL = range(13)


def change(one: ledger.Entry, name: str) -> ledger.Entry:
    value = getattr(one, name)
    other = value + 1 if isinstance(value, int) else value[:-1] if value else value
    return replace(one, **{name: other})


def edit(rows: Rows, at: int, **changes: object) -> None:
    rows[at] = replace(rows[at], entry=replace(rows[at].entry, **changes))


def renumber(rows: Rows) -> Rows:
    return [replace(row, entry=replace(row.entry, seq=seq)) for seq, row in enumerate(rows)]


def rehash(rows: Rows, start: int, stop: int) -> None:
    before = bytes.fromhex(rows[start - 1].hash) if start else ledger.genesis_hash(CHAIN)
    for at in range(start, stop):
        before = ledger.link(before, rows[at].entry)
        rows[at] = replace(rows[at], hash=before.hex())


def test_a_chain_as_it_was_written_has_no_findings() -> None:
    assert book().audit() == []
    assert Book().audit() == []


def test_nothing_published_yet_is_no_finding() -> None:
    made = book()
    made.published = []
    assert made.audit() == []


@pytest.mark.parametrize("name", ledger.Entry.__struct_fields__)
@pytest.mark.parametrize("at", ALL)
def test_one_changed_field_of_one_entry_is_named(at: int, name: str) -> None:
    made = book()
    made.rows[at] = replace(made.rows[at], entry=change(made.rows[at].entry, name))
    assert made.found() == [("changed", at)]
    assert made.audit()[0].record_id == made.rows[at].entry.record_id


@pytest.mark.parametrize("at", ALL)
def test_a_changed_hash_is_named(at: int) -> None:
    made = book()
    for damaged in ("0" * 64, "", "zz", made.rows[at].hash.upper()):
        made.rows[at] = replace(made.rows[at], hash=damaged)
        assert made.found() == [("changed", at)]


@pytest.mark.parametrize("at", [0, 1, 2, 5, 6, 7, 8, 10, 11])
def test_an_entry_changed_together_with_its_hash_is_named(at: int) -> None:
    made = book()
    edit(made.rows, at, license="MIT")
    rehash(made.rows, at, at + 1)
    assert made.found() == [("changed", at)]


@pytest.mark.parametrize(("at", "first"), [(6, 5), (4, 4), (12, 10)])
def test_a_batch_rewritten_to_its_end_has_a_bad_root(at: int, first: int) -> None:
    made = book()
    edit(made.rows, at, license="MIT")
    rehash(made.rows, at, next(head.next_seq for head in made.heads if head.next_seq > at))
    assert made.found() == [("bad_root", first)]


@pytest.mark.parametrize("at", ALL)
def test_a_removed_entry_is_named(at: int) -> None:
    made = book()
    del made.rows[at]
    assert made.found() == [("missing", at)]


def test_removed_entries_in_a_row_are_one_finding() -> None:
    made = book()
    del made.rows[3:7]
    assert made.found() == [("missing", 3)]
    assert "3 to 6" in made.audit()[0].message


@pytest.mark.parametrize("at", ALL)
def test_a_removed_entry_is_named_even_if_those_behind_it_are_numbered_anew(at: int) -> None:
    made = book()
    del made.rows[at]
    made.rows = renumber(made.rows)
    assert made.found() == [("missing", at)]


@pytest.mark.parametrize("one", ALL)
@pytest.mark.parametrize("two", ALL)
@pytest.mark.parametrize("with_hashes", [False, True])
def test_two_exchanged_entries_are_named(one: int, two: int, with_hashes: bool) -> None:
    if one >= two:
        return
    made = book()
    here, there = made.rows[one], made.rows[two]
    made.rows[one] = ledger.StoredEntry(
        entry=replace(there.entry, seq=one), hash=there.hash if with_hashes else here.hash
    )
    made.rows[two] = ledger.StoredEntry(
        entry=replace(here.entry, seq=two), hash=here.hash if with_hashes else there.hash
    )
    assert made.found() == [("swapped", one)]
    assert f"{one} and {two}" in made.audit()[0].message


@pytest.mark.parametrize("at", ALL)
@pytest.mark.parametrize("consistent", [False, True])
@pytest.mark.parametrize("numbered_anew", [False, True])
def test_an_added_entry_is_named(at: int, consistent: bool, numbered_anew: bool) -> None:
    made = book()
    before = bytes.fromhex(made.rows[at - 1].hash) if at else ledger.genesis_hash(CHAIN)
    added = replace(entry(at), record_id="orders.raw/2/added")
    value = ledger.link(before, added).hex() if consistent else "5" * 64
    made.rows.insert(at, ledger.StoredEntry(entry=added, hash=value))
    if numbered_anew:
        made.rows = renumber(made.rows)
    findings = made.audit()
    assert [(finding.kind, finding.seq, finding.record_id) for finding in findings] == [
        ("inserted", at, "orders.raw/2/added")
    ]


@pytest.mark.parametrize("consistent", [False, True])
def test_an_entry_added_at_the_end_is_named(consistent: bool) -> None:
    made = book()
    added = entry(13)
    value = ledger.link(bytes.fromhex(made.rows[-1].hash), added).hex() if consistent else "5" * 64
    made.rows.append(ledger.StoredEntry(entry=added, hash=value))
    assert made.found() == [("inserted", 13)]


@pytest.mark.parametrize("kept", [0, 1, 2, 3])
def test_an_end_cut_off_with_its_heads_is_found_by_what_was_published(kept: int) -> None:
    made = book()
    made.heads = made.heads[:kept]
    end = made.heads[-1].next_seq if made.heads else 0
    made.rows = made.rows[:end]
    assert made.found() == [("cut_off", end)]
    made.published = []
    assert made.found() == []  # nobody outside the ledger could know


@pytest.mark.parametrize("at", [0, 1, 2, 3])
def test_a_head_that_is_gone_is_missing_or_cut_off(at: int) -> None:
    made = book()
    first = made.heads.pop(at).first_seq
    assert made.found() == [("cut_off" if at == 3 else "missing", first)]
    made.published = []
    kind = ("inserted", 10) if at == 3 else ("missing", first)
    assert made.found()[0] == kind


@pytest.mark.parametrize("at", [0, 1, 2, 3])
@pytest.mark.parametrize("name", ledger.SignedHead.__struct_fields__)
@pytest.mark.parametrize("published", [False, True])
def test_a_changed_head_has_a_bad_signature(at: int, name: str, published: bool) -> None:
    made = book()
    head = made.heads[at]
    value = getattr(head, name)
    made.heads[at] = replace(head, **{name: value + 1 if isinstance(value, int) else "x" + value[1:]})
    if not published:
        made.published = []
    kinds = {finding.kind for finding in made.audit()}
    assert kinds == {"unknown_key" if name == "key_id" else "bad_signature"}


def test_a_whole_chain_rewritten_with_another_key_is_named() -> None:
    made = book(key=STRANGER, code="forged")
    made.published = book().heads
    assert made.found() == [("unknown_key", 0), ("forked", 0)]
    made.published = []
    assert made.found() == [("unknown_key", 0)]


def test_a_chain_rewritten_with_the_stolen_key_contradicts_what_was_published() -> None:
    made = book(code="forged")
    made.published = book().heads
    assert made.found() == [("forked", 0)]


def test_two_published_histories_are_a_fork() -> None:
    made = book()
    made.published += book(code="forged").heads[2:]
    assert made.found() == [("forked", 5)]


def test_a_published_head_of_a_stranger_proves_nothing_but_is_named() -> None:
    made = book()
    made.published += book(sizes=(20,), key=STRANGER).heads
    assert made.found() == [("unknown_key", 0)]


def test_heads_of_other_chains_may_stand_in_the_same_topic() -> None:
    made = book()
    made.published.append(replace(made.heads[0], chain="orders/orders.raw/3"))
    assert made.audit() == []


Mutation = Callable[[Book, int, int], None]


def remove(made: Book, at: int, _other: int) -> None:
    del made.rows[at]


def duplicate(made: Book, at: int, other: int) -> None:
    made.rows.insert(other, made.rows[at])


def exchange(made: Book, at: int, other: int) -> None:
    made.rows[at], made.rows[other] = made.rows[other], made.rows[at]


def flip(made: Book, at: int, other: int) -> None:
    names = ledger.Entry.__struct_fields__
    made.rows[at] = replace(made.rows[at], entry=change(made.rows[at].entry, names[other % len(names)]))


def cut(made: Book, at: int, _other: int) -> None:
    made.heads = [head for head in made.heads if head.next_seq <= at]
    made.rows = made.rows[: made.heads[-1].next_seq if made.heads else 0]


def rewrite(made: Book, at: int, _other: int) -> None:
    edit(made.rows, at, verdict="dropped")
    rehash(made.rows, at, len(made.rows))


@given(
    sizes=st.lists(st.integers(1, 6), min_size=1, max_size=6),
    mutate=st.sampled_from([remove, duplicate, exchange, flip, cut, rewrite]),
    data=st.data(),
)
@settings(derandomize=True, deadline=None, max_examples=300)
def test_any_single_mutation_is_found(sizes: list[int], mutate: Mutation, data: st.DataObject) -> None:
    made = book(sizes)
    at = data.draw(st.integers(0, sum(sizes) - 1))
    other = data.draw(st.integers(0, sum(sizes) - 1))
    before = list(made.rows)
    mutate(made, at, other)
    assert bool(made.audit()) == (made.rows != before)


def test_fifty_thousand_entries_are_verified_within_a_second() -> None:
    made = book(sizes=[500] * 100)
    started = time.process_time()
    assert made.audit() == []
    assert time.process_time() - started < 1


def test_a_field_rewritten_in_every_entry_is_named_everywhere_in_reasonable_time() -> None:
    made = book(sizes=[500] * 20)
    for at in range(len(made.rows)):
        edit(made.rows, at, license="MIT")
    started = time.process_time()
    assert made.found() == [("changed", at) for at in range(10_000)]
    assert time.process_time() - started < 2

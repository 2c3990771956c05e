"""Check a chain of the provenance ledger against its signed heads, and name what was done to it.

What each check rests on:

1. A head is believed only if a key that the caller trusts signed it. Heads published outside the ledger count like
   those inside; one that only the outside knows shows what was cut off, one that contradicts shows a fork.
2. Every entry is hashed with the hash kept for the entry before it. At the start of a batch that hash is the signed
   ``prev_hash``, so that damage never spreads past its batch.
3. The hashes kept for a batch must have the signed Merkle root: then each of them is genuine, and an entry that does
   not fit its own was changed, alone.
4. Where entries do not fit, the ways to explain it are tried on their hashes, which cannot match by accident: rows
   exchanged with or without their hashes, a row added or taken out with those behind it numbered anew.

Each entry is read once, in order, one ahead; memory holds one batch of hashes and what is wrong.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from penstock.model.ledger import Entry, SignedHead, StoredEntry, genesis_hash, link, merkle_root, verify_head

Kind = Literal[
    "changed", "missing", "swapped", "inserted", "cut_off", "bad_signature", "bad_root", "unknown_key", "forked"
]

# Exchanged rows are looked for among all pairs of this many misfits; among more, only between neighbours.
PAIRS_OF = 200


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong with a chain.

    Attributes
    ----------
    kind : str
        ``changed`` an entry (or its hash), ``missing`` entries or a batch's head, ``swapped`` two entries,
        ``inserted`` an entry nobody signed, ``cut_off`` the end, ``bad_signature``, ``bad_root`` a batch whose hashes
        were rewritten, ``unknown_key``, ``forked`` two histories.
    chain : str
    seq : int
        The first entry that it concerns.
    record_id : str
        That entry's record, as it stands now; empty if there is no such entry or it concerns a batch.
    message : str
        A sentence.
    """

    kind: Kind
    chain: str
    seq: int
    record_id: str
    message: str


def verify_chain(
    chain: str,
    entries: Iterable[StoredEntry],
    batches: Iterable[SignedHead],
    published_heads: Iterable[SignedHead],
    public_keys: Mapping[str, Ed25519PublicKey],
) -> list[Finding]:
    """Everything that is wrong with a chain, by place; empty for a chain as it was written.

    Parameters
    ----------
    entries : iterable of StoredEntry
        As the ledger holds them, in its order; read once. Of a ledger that is being written to, read the heads first
        and then the entries below the last ``next_seq``.
    batches : iterable of SignedHead
        As the ledger holds them.
    published_heads : iterable of SignedHead
        From the Kafka topic, in any order, repeated or not; those of other chains are ignored.
    public_keys : mapping of str to Ed25519PublicKey
        The keys to trust, by `penstock.model.ledger.key_id`.
    """
    report = _Report(chain)
    heads = _Heads(chain, public_keys, report)
    heads.settle(
        sorted(batches, key=lambda head: head.first_seq), [head for head in published_heads if head.chain == chain]
    )
    walk = _Walk(heads, report)
    walk.run(entries)
    _explain(walk, report)
    return sorted(report.findings, key=lambda finding: finding.seq)


class _Report:
    def __init__(self, chain: str) -> None:
        self.chain = chain
        self.findings: list[Finding] = []

    def add(self, kind: Kind, seq: int, message: str, record_id: str = "") -> None:
        self.findings.append(Finding(kind=kind, chain=self.chain, seq=seq, record_id=record_id, message=message))

    def head(self, kind: Kind, head: SignedHead, message: str) -> None:
        self.add(kind, head.first_seq, f"{message} (entries {head.first_seq} to {head.next_seq - 1})")


class _Heads:
    """Point 1: which heads to believe, and what they say.

    Attributes
    ----------
    believed : list of SignedHead
        By place.
    bounds : dict of int to bytes
        Signed hashes: what the entry of that number is hashed with.
    end : int
        Entries up to here must be there.
    covers : int or None
        Entries from here on were added; None where a damaged head hides how far the heads reach.
    """

    def __init__(self, chain: str, keys: Mapping[str, Ed25519PublicKey], report: _Report) -> None:
        self.chain = chain
        self.keys = keys
        self.report = report
        self.believed: list[SignedHead] = []
        self.bounds: dict[int, bytes] = {}
        self.end = 0
        self.covers: int | None = 0
        self._strangers: dict[int, str] = {}
        self._unknown: set[str] = set()
        self._damaged = False

    def settle(self, stored: list[SignedHead], published: list[SignedHead]) -> None:
        """Fill the attributes, and report heads that are not to be believed, are missing or contradict."""
        ours = {head.next_seq: head for head in stored if self._believe(head, "the head")}
        self._strangers = {head.next_seq: head.head_hash for head in stored if head.key_id not in self.keys}
        end = max((head.next_seq for head in stored), default=0)
        found = self._compare(ours, end, published)
        self.believed = sorted([*ours.values(), *found], key=lambda head: head.first_seq)
        genesis = genesis_hash(self.chain)
        self.bounds = {0: genesis} | {head.next_seq: bytes.fromhex(head.head_hash) for head in self.believed}
        if not self._damaged:
            self._continuous([*stored, *found])
        beyond = max((head.next_seq for head in found), default=0)
        if beyond > end:
            self.report.add("cut_off", end, f"the end was cut off: heads up to entry {beyond - 1} had been published")
        self.end = min(end, max((head.next_seq for head in self.believed), default=0))
        self.covers = None if self._damaged else max(end, beyond)

    def _believe(self, head: SignedHead, what: str) -> bool:
        key = self.keys.get(head.key_id)
        if key is not None and head.chain == self.chain and verify_head(head, key):
            return True
        if key is None:
            if head.key_id not in self._unknown:
                self.report.head("unknown_key", head, f"{what}, and maybe more, was signed by a key that nobody trusts")
            self._unknown.add(head.key_id)
        else:
            self._damaged = True
            self.report.head("bad_signature", head, f"{what} does not have the signature of its key {head.key_id}")
        return False

    def _compare(self, ours: Mapping[int, SignedHead], end: int, published: list[SignedHead]) -> list[SignedHead]:
        """The heads that only the outside knows; a fork is reported once, where it begins."""
        only: dict[int, SignedHead] = {}
        forked = False
        for head in sorted(published, key=lambda head: head.next_seq):
            twin = ours.get(head.next_seq) or only.get(head.next_seq)
            if twin == head or not self._believe(head, "the published head"):
                continue
            theirs = twin.head_hash if twin else self._strangers.get(head.next_seq, head.head_hash)
            if theirs != head.head_hash:
                if not forked:
                    self.report.head("forked", head, "two histories: another head was published for the same entries")
                forked = True
            elif twin is None:
                only[head.next_seq] = head
                if head.next_seq <= end and head.next_seq not in self._strangers and not self._damaged:
                    self.report.head("missing", head, "the published head is not in the ledger")
        return list(only.values())

    def _continuous(self, heads: list[SignedHead]) -> None:
        """Heads follow each other without gaps, each from the hash where the one before it ended."""
        seq = 0
        for head in sorted(heads, key=lambda head: head.first_seq):
            if head.first_seq > seq:
                self.report.add("missing", seq, f"the heads of entries {seq} to {head.first_seq - 1} are missing")
            seq = max(seq, head.next_seq)
        for head in self.believed:
            before = self.bounds.get(head.first_seq)
            if before is not None and before.hex() != head.prev_hash:
                self.report.head("forked", head, "two histories: the head does not continue the one before it")


@dataclass(frozen=True, slots=True)
class _Misfit:
    """An entry that does not have its hash; `before` is the hash and `neighbour` the record of the entry before it."""

    seq: int
    before: bytes
    row: StoredEntry
    neighbour: str


class _Walk:
    """Points 2 and 3: read the entries in order.

    `seq` counts what was written, `shift` how far the numbers in the ledger have come away from it.
    """

    def __init__(self, heads: _Heads, report: _Report) -> None:
        self.heads = heads
        self.report = report
        self.misfits: list[_Misfit] = []
        self.added: list[StoredEntry] = []
        self.lost: dict[int, bytes] = {}
        self.rewritten: list[tuple[SignedHead, list[bytes]]] = []
        self._seq = 0
        self._shift = 0
        self._last: bytes | None = None
        self._before_last: bytes | None = None
        self._record = ""
        self._hashes: dict[int, bytes] = {}
        self._open = iter(heads.believed)
        self._head = next(self._open, None)

    def run(self, entries: Iterable[StoredEntry]) -> None:
        for row, following in _with_next(entries):
            self._step(row, following)
        if self._seq < self.heads.end:
            self._gap(self.heads.end)
        self._close(all_of_them=True)

    def _step(self, row: StoredEntry, following: StoredEntry | None) -> None:
        if self._head is not None and self._seq > self._head.next_seq:
            self._close()
        if self.heads.covers is not None and self._seq >= self.heads.covers:
            self._insert(row, following)
            return
        number = self._seq + self._shift
        before = self.heads.bounds.get(self._seq, self._last)
        fits = before is None or _fits(before, row, self._seq)
        if row.entry.seq == number and fits:
            self._accept_or_add(row, following, before)
        elif row.entry.seq > number and not (before and fits) and not _is(following, number + 1):
            until = row.entry.seq - self._shift
            self._gap(until if self.heads.covers is None else min(until, self.heads.covers))
            self._step(row, following)
        else:
            self._misfit(row, following, before, number)

    def _accept_or_add(self, row: StoredEntry, following: StoredEntry | None, before: bytes | None) -> None:
        """An added entry fits too if its hash was computed; at the end of a batch the signed hash tells."""
        signed = self.heads.bounds.get(self._seq + 1)
        if signed and before and signed.hex() != row.hash and following and _fits(before, following, self._seq):
            self._insert(row, following)
        else:
            self._accept(row)

    def _misfit(self, row: StoredEntry, following: StoredEntry | None, before: bytes | None, number: int) -> None:
        """Point 4, as far as the neighbours tell: added, or taken out, or else for `_explain`."""
        seq, kept = self._seq, _digest(row.hash)
        if row.entry.seq == number and self._confirmed(kept, seq + 1, following):
            self._suspect(row, before)
        elif following and before and _fits(before, following, seq):
            if _fits(_digest(following.hash), row, seq + 1):  # these two were exchanged
                self._suspect(row, before)
            else:
                self._insert(row, following)
        elif self._before_last and _fits(self._before_last, row, seq - 1):
            self._replace_last(row)
        elif row.entry.seq == number and self._confirmed(kept, seq + 2, following):
            self._gap(seq + 1)
            self._shift -= 1
            self._accept(row)
        elif row.entry.seq < number and not _is(following, number + 1):
            self._insert(row, None)
        else:
            self._suspect(row, before)

    def _confirmed(self, value: bytes, seq: int, following: StoredEntry | None) -> bool:
        """Whether the entry `seq`, or a signed head, continues from this hash."""
        signed = self.heads.bounds.get(seq)
        if signed is not None:
            return signed == value
        return following is not None and _fits(value, following, seq)

    def _accept(self, row: StoredEntry) -> None:
        self._before_last = self.heads.bounds.get(self._seq, self._last)
        self._last = self._hashes[self._seq] = _digest(row.hash)
        self._record = row.entry.record_id
        self._seq += 1

    def _suspect(self, row: StoredEntry, before: bytes | None) -> None:
        self.misfits.append(_Misfit(self._seq, before or b"", row, self._record))
        self._accept(row)
        self._before_last = None

    def _insert(self, row: StoredEntry, following: StoredEntry | None) -> None:
        self.added.append(row)
        if following:
            self._shift = following.entry.seq - self._seq

    def _replace_last(self, row: StoredEntry) -> None:
        """The entry before this one fitted, and yet this one is what was written in its place."""
        self._seq -= 1
        self.report.add("inserted", self._seq + self._shift, "an entry was added that nobody signed", self._record)
        self._last = self._before_last
        self._shift = row.entry.seq - self._seq
        self._accept(row)

    def _gap(self, until: int) -> None:
        first, count = self._seq, until - self._seq
        before = self.heads.bounds.get(first, self._last)
        if count == 1 and before is not None:
            self.lost[first] = before
        else:
            self.report.add("missing", first, f"entries {first} to {until - 1} are missing")
        self._seq = until
        self._last = self._before_last = None

    def _close(self, all_of_them: bool = False) -> None:
        """Compare the batches that are read with their signed roots."""
        while self._head is not None and (all_of_them or self._seq > self._head.next_seq):
            head = self._head
            numbers = range(head.first_seq, min(head.next_seq, self._seq))
            hashes = [self._hashes.pop(seq) for seq in numbers if seq in self._hashes]
            if len(hashes) == head.next_seq - head.first_seq and not _has_root(head, hashes):
                self.rewritten.append((head, hashes))
            self._head = next(self._open, None)


def _explain(walk: _Walk, report: _Report) -> None:
    """Point 4 for what is left when all is read."""
    misfits = {misfit.seq: misfit for misfit in walk.misfits}
    _exchanged(misfits, walk.rewritten, report)
    for head, hashes in walk.rewritten:
        if not _has_root(head, hashes):
            _rewritten(head, hashes, misfits, report)
    for misfit in misfits.values():
        report.add("changed", misfit.seq, "the entry does not have the hash it was written with", _record(misfit.row))
    for seq, before in walk.lost.items():
        moved = next((row for row in walk.added if _fits(before, row, seq)), None)
        if moved:
            walk.added.remove(moved)
            report.add("changed", seq, f"the number of the entry was changed to {moved.entry.seq}", _record(moved))
        else:
            report.add("missing", seq, f"entry {seq} is missing")
    for row in walk.added:
        report.add("inserted", row.entry.seq, "an entry was added that nobody signed", _record(row))


def _exchanged(misfits: dict[int, _Misfit], rewritten: list[tuple[SignedHead, list[bytes]]], report: _Report) -> None:
    """Take out the misfits that are two exchanged entries, and put exchanged hashes back where they belong."""
    suspects = list(misfits.values())
    pairs = combinations(suspects, 2) if len(suspects) <= PAIRS_OF else pairwise(suspects)
    for one, two in pairs:
        if one.seq not in misfits or two.seq not in misfits:
            continue
        contents = _links(one.before, two.row.entry, one.seq, one.row.hash) and _links(
            two.before, one.row.entry, two.seq, two.row.hash
        )
        before = _digest(two.row.hash) if two.seq == one.seq + 1 else two.before
        rows = _fits(one.before, two.row, one.seq) and _fits(before, one.row, two.seq)
        if not contents and not rows:
            continue
        message = f"the entries {one.seq} and {two.seq} were exchanged"
        report.add("swapped", one.seq, message, _record(one.row))
        del misfits[one.seq], misfits[two.seq]
        if rows:
            _put_back(one, two, misfits, rewritten)


def _put_back(
    one: _Misfit, two: _Misfit, misfits: dict[int, _Misfit], rewritten: list[tuple[SignedHead, list[bytes]]]
) -> None:
    for here, there in ((one, two), (two, one)):
        genuine = _digest(there.row.hash)
        after = misfits.get(here.seq + 1)
        if after and _fits(genuine, after.row, after.seq):
            del misfits[after.seq]
        for head, hashes in rewritten:
            if head.first_seq <= here.seq < head.next_seq:
                hashes[here.seq - head.first_seq] = genuine


def _rewritten(head: SignedHead, hashes: list[bytes], misfits: dict[int, _Misfit], report: _Report) -> None:
    """The hashes of a batch are not those that were signed: name the entries where that shows, else the batch.

    An entry that was changed together with its hash fits; the one after it does not.
    """
    shown = [seq for seq in misfits if head.first_seq <= seq < head.next_seq]
    if not shown:
        report.head("bad_root", head, "the entries were rewritten with their hashes, which do not have the signed root")
    for seq in shown:
        misfit = misfits.get(seq)
        if misfit is None:
            continue
        if misfits.pop(seq + 1, None) or (seq + 1 == head.next_seq and hashes[-1].hex() != head.head_hash):
            continue
        if seq > head.first_seq:
            del misfits[seq]
            report.add("changed", seq - 1, "the entry was changed together with its hash", misfit.neighbour)


def _has_root(head: SignedHead, hashes: list[bytes]) -> bool:
    return hashes[-1].hex() == head.head_hash and merkle_root(hashes).hex() == head.merkle_root


def _fits(before: bytes, row: StoredEntry, seq: int) -> bool:
    return _links(before, row.entry, seq, row.hash)


def _links(before: bytes, entry: Entry, seq: int, value: str) -> bool:
    """Whether this entry, as number `seq` after the hash `before`, has the hash `value`."""
    return link(before, entry if entry.seq == seq else msgspec.structs.replace(entry, seq=seq)).hex() == value


def _digest(text: str) -> bytes:
    """The bytes of a hash; of a damaged one, bytes that are no hash."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        return text.encode(errors="replace")


def _is(row: StoredEntry | None, number: int) -> bool:
    return row is not None and row.entry.seq == number


def _record(row: StoredEntry) -> str:
    return row.entry.record_id


def _with_next(entries: Iterable[StoredEntry]) -> Iterator[tuple[StoredEntry, StoredEntry | None]]:
    rows = iter(entries)
    row = next(rows, None)
    while row is not None:
        following = next(rows, None)
        yield row, following
        row = following

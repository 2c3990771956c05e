"""Frames: golden bytes, round trips, what is refused, trimming and splitting."""

from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from penstock.codecs import frame as codec
from penstock.codecs.frame import MAGIC, Frame, Head, decode, decode_head, encode, split, weight
from penstock.model.errors import FrameError
from penstock.model.record import Entry, Kept, Lost, Stub

GOLDEN = Frame(
    "tid",
    1,
    40,
    47,
    9,
    True,
    [
        Kept(40, 1700, b'{"a":1}', {"tenant": b'"x"'}, b"k", [("h", b"v"), ("n", None)], "t/0/1", ""),
        Stub(42, 1701, "denied", "license", "license_denied", ""),
        Lost(43, 45),
        Kept(47, 1702, None, {}, None, [], "", "sha256:00:1"),
    ],
)
GOLDEN_BYTES = bytes.fromhex(
    "50534601"  # magic, version
    "97"  # seven fields
    "a3746964"  # topic_id "tid"
    "01"  # epoch
    "28"  # first 40
    "2f"  # last 47
    "09"  # input
    "c3"  # genesis
    "94"  # four entries
    "99" "00" "28" "cd06a4" "c4077b2261223a317d" "81" "a674656e616e74" "c403227822" "c4016b"
    "92" "92" "a168" "c40176" "92" "a16e" "c0" "a5742f302f31" "a0"  # kept
    "97" "01" "2a" "cd06a5" "a664656e696564" "a76c6963656e7365" "ae6c6963656e73655f64656e696564" "a0"  # stub
    "93" "02" "2b" "2d"  # lost
    "99" "00" "2f" "cd06a6" "c0" "80" "c0" "90" "a0" "ab7368613235363a30303a31"  # kept: a claim
)  # fmt: skip


def test_golden_bytes() -> None:
    assert encode(GOLDEN) == GOLDEN_BYTES
    assert decode(GOLDEN_BYTES) == GOLDEN
    assert decode_head(GOLDEN_BYTES) == Head("tid", 1, 40, 47, 9, True)


def test_entries_follow_the_documented_layout() -> None:
    fields = msgspec.msgpack.decode(encode(GOLDEN)[4:])
    assert fields[:6] == ["tid", 1, 40, 47, 9, True]
    assert [entry[0] for entry in fields[6]] == [0, 1, 2, 0]


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    """Frames as agents make them: contiguous ranges, entries in order, some offsets skipped by Kafka."""
    first = offset = draw(st.integers(0, 2**40))
    entries: list[Entry] = []
    for kind in draw(st.lists(st.sampled_from("kstLg"), max_size=8)):
        if kind == "g":
            offset += draw(st.integers(1, 5))
            continue
        if kind == "k":
            data = draw(st.none() | st.binary(min_size=1, max_size=60))
            notes = draw(st.dictionaries(st.sampled_from(["pii", "schema"]), st.binary(max_size=9)))
            headers = draw(st.lists(st.tuples(st.text(max_size=3), st.none() | st.binary(max_size=5)), max_size=2))
            entries.append(Kept(offset, 1, data, notes, draw(st.none() | st.binary(max_size=4)), headers, "", ""))
        elif kind == "L":
            entries.append(Lost(offset, offset + draw(st.integers(0, 9))))
            offset = entries[-1].last
        else:
            entries.append(Stub(offset, 1, "dropped", "s", "c", draw(st.text(max_size=3))))
        offset += 1
    last = offset - 1 + draw(st.integers(0 if entries and offset > first else 1, 3))
    return Frame(draw(st.text(max_size=5)), draw(st.integers(0, 9)), first, last, draw(st.integers(0, 99)),
                 draw(st.booleans()), entries)  # fmt: skip


@settings(derandomize=True, max_examples=200)
@given(frames())
def test_round_trip(frame: Frame) -> None:
    data = encode(frame)
    assert decode(data) == frame
    assert decode_head(data) == Head(*[getattr(frame, name) for name in Head.__struct_fields__])


@pytest.mark.parametrize("read", [decode, decode_head])
@pytest.mark.parametrize("length", range(len(GOLDEN_BYTES)))
def test_truncated_anywhere_is_refused(read: Any, length: int) -> None:
    with pytest.raises(FrameError):
        read(GOLDEN_BYTES[:length])


@pytest.mark.parametrize("read", [decode, decode_head])
@pytest.mark.parametrize(
    "data",
    [b"", b"PSF", b"PSF\x02" + GOLDEN_BYTES[4:], b'{"id":"orders.raw/2/1"}', b"psf\x01" + GOLDEN_BYTES[4:],
     MAGIC + b"\x90", MAGIC + b"\xc0", MAGIC + msgspec.msgpack.encode([1] * 7), GOLDEN_BYTES + b"\0"],
)  # fmt: skip
def test_what_is_no_frame_of_this_version_is_refused(read: Any, data: bytes) -> None:
    with pytest.raises(FrameError):
        read(data)


def test_another_version_is_said_so_and_no_content_is_told() -> None:
    with pytest.raises(FrameError, match="50534602 instead of 50534601"):
        decode(b"PSF\x02" + GOLDEN_BYTES[4:])
    with pytest.raises(FrameError) as caught:
        decode(MAGIC + msgspec.msgpack.encode(["ann@example.com"] * 7))
    assert "ann@" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("entry", [[3, 1, 1], [0, 1], [1, 1, 1, "gone", "s", "c", ""], [0, 1, 1, "text", {}], 7])
def test_entries_of_another_kind_are_refused(entry: Any) -> None:
    with pytest.raises(FrameError, match="cannot be decoded"):
        decode(MAGIC + msgspec.msgpack.encode(["t", 0, 0, 1, 0, False, [entry]]))


@settings(derandomize=True, max_examples=300)
@given(st.integers(4, len(GOLDEN_BYTES) - 1), st.integers(0, 255))
def test_damage_is_refused_or_decodes_to_another_frame(place: int, byte: int) -> None:
    assume(GOLDEN_BYTES[place] != byte)
    damaged = bytearray(GOLDEN_BYTES)
    damaged[place] = byte
    try:
        found = decode(bytes(damaged))
    except FrameError:
        return
    assert found != GOLDEN


def covered(frame: Frame) -> list[int]:
    return [entry.offset for entry in frame.entries]


@settings(derandomize=True, max_examples=200)
@given(frames(), st.integers(-2, 20))
def test_after_leaves_out_what_was_done(frame: Frame, step: int) -> None:
    owed = frame.first + step
    rest = frame.after(frame.epoch, owed)
    if step <= 0:
        assert rest is frame
        return
    assert (rest.first, rest.last, rest.input, rest.genesis) == (owed, frame.last, frame.input, False)
    kept = [e for e in frame.entries if (e.last if isinstance(e, Lost) else e.offset) >= owed]
    assert rest.entries == [Lost(max(e.offset, owed), e.last) if isinstance(e, Lost) else e for e in kept]


def test_after_of_another_epoch_is_the_whole_frame() -> None:
    assert GOLDEN.after(0, 45) is GOLDEN
    assert GOLDEN.after(2, 45) is GOLDEN


@settings(derandomize=True, max_examples=300)
@given(frames(), st.integers(1, 400))
def test_split_keeps_every_entry_and_leaves_no_hole(frame: Frame, limit: int) -> None:
    parts = split(frame, limit)
    assert [entry for part in parts for entry in part.entries] == frame.entries
    assert (parts[0].first, parts[-1].last) == (frame.first, frame.last)
    for part, following in pairwise(parts):
        assert following.first == part.last + 1
        assert not following.genesis
    for part in parts:
        assert part.first <= part.last
        assert all(part.first <= e.offset and getattr(e, "last", e.offset) <= part.last for e in part.entries)
        assert (part.topic_id, part.epoch, part.input) == (frame.topic_id, frame.epoch, frame.input)
    assert parts[0].genesis == frame.genesis


@settings(derandomize=True, max_examples=200)
@given(frames(), st.integers(64, 400))
def test_split_is_no_finer_than_it_must_be(frame: Frame, limit: int) -> None:
    def size(entry: Entry) -> int:
        return weight(entry) if isinstance(entry, Kept) else 64

    parts = split(frame, limit)
    for part in parts:
        assert len(part.entries) < 2 or sum(map(size, part.entries)) <= limit
    for part, following in pairwise(parts):
        assert sum(map(size, part.entries)) + size(following.entries[0]) > limit


def test_a_frame_within_the_limit_is_itself() -> None:
    assert split(GOLDEN)[0] is GOLDEN
    empty = Frame("t", 0, 5, 9, 0, False, [])
    assert split(empty, 1) == [empty]


@pytest.mark.parametrize("size", [1, 400, 20_000])
@pytest.mark.parametrize("stubs", [0, 3])
def test_parts_are_about_as_large_as_they_may_be(size: int, stubs: int) -> None:
    # the limit is on the bytes that go over the wire, the weights of the entries are an estimate of them
    entries: list[Entry] = [
        Stub(n, 1 << 40, "quarantined", "license", "license_missing", "")
        if n % 4 < stubs
        else Kept(n, 1 << 40, b"x" * size, {"pii": b"[]"}, b"k", [("h", b"v")], "", "")
        for n in range(max(4_000_000 // (size + 80), 2000))
    ]
    parts = split(Frame("t" * 22, 0, 0, len(entries) - 1, 0, True, entries))
    lengths = [len(encode(part)) for part in parts]
    assert max(lengths) <= codec.MAX_FRAME_BYTES + 1024
    if size > 1 and not stubs:
        assert min(lengths[:-1]) > codec.MAX_FRAME_BYTES * 0.8


def test_a_single_entry_is_never_split() -> None:
    big = Kept(1, 0, b"x" * 5000, {})
    parts = split(Frame("t", 0, 0, 2, 7, True, [Kept(0, 0, b"{}", {}), big, Kept(2, 0, b"{}", {})]), 100)
    assert [covered(part) for part in parts] == [[0], [1], [2]]
    assert parts[1].entries == [big]


@settings(derandomize=True, max_examples=200)
@given(frames())
def test_the_weight_of_an_entry_is_not_less_than_its_bytes(frame: Frame) -> None:
    for entry in frame.entries:
        if isinstance(entry, Kept):
            assert weight(entry) >= len(msgspec.msgpack.encode(entry))


def test_a_range_that_was_lost_is_cut_where_the_frame_is() -> None:
    whole = Frame("id", 0, 2, 9, 1, False, [Lost(2, 5), Stub(6, 0, "denied", "license", "x"), Lost(7, 9)])
    assert whole.after(0, 4).entries == [Lost(4, 5), *whole.entries[1:]]
    assert whole.after(0, 8).entries == [Lost(8, 9)]
    assert whole.upto(8).entries == [*whole.entries[:2], Lost(7, 8)]
    assert whole.upto(3).entries == [Lost(2, 3)] and whole.upto(9) is whole
    assert whole.upto(4).last == 4 and whole.after(0, 4).first == 4

"""State in layers: what is changed above is seen above, and below when it is kept."""

from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.agents.state import Draft

CHANGES = st.lists(
    st.tuples(st.sampled_from([b"a", b"b", b"c"]), st.none() | st.sampled_from([b"1", b"2"])), max_size=12
)


def _make(state: Draft, changes: list[tuple[bytes, bytes | None]]) -> None:
    for key, value in changes:
        if value is None:
            state.delete(key)
        else:
            state.put(key, value)


def _all(state: Draft) -> dict[bytes, bytes]:
    return {key: value for key in (b"a", b"b", b"c") if (value := state.get(key)) is not None}


@settings(derandomize=True)
@given(CHANGES, CHANGES, CHANGES)
def test_layers_say_what_one_state_would(first, second, third) -> None:
    plain, below = Draft(), Draft()
    _make(below, first)
    _make(plain, first)
    before = _all(below)
    above = Draft(below, b"")
    topmost = Draft(above)
    _make(above, second)
    _make(plain, second)
    _make(topmost, third)
    _make(plain, third)
    assert _all(topmost) == _all(plain)
    assert _all(below) == before
    topmost.keep()
    above.keep()
    assert _all(below) == _all(plain)
    assert below.changes == plain.changes, "a state of its own keeps nothing of what was deleted"
    _make(above, second)
    above.drop()
    assert _all(above) == _all(plain)


def test_several_share_what_lies_below() -> None:
    below = Draft()
    one, other = Draft(below, b"1"), Draft(below, b"2")
    one.put(b"k", b"a")
    other.put(b"k", b"b")
    one.keep()
    other.keep()
    assert (one.get(b"k"), other.get(b"k")) == (b"a", b"b")
    one.delete(b"k")
    one.keep()
    assert (one.get(b"k"), other.get(b"k")) == (None, b"b")
    assert below.changes == {b"2k": b"b"}

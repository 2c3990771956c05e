"""Batches."""

from collections.abc import Callable

import orjson
import pytest

from penstock.model.component import Batch
from penstock.model.record import Kept


def kept(offset: int, **notes: object) -> Kept:
    data = orjson.dumps({"n": offset})
    return Kept(offset, 1_700_000_000_000 + offset, data, {name: orjson.dumps(note) for name, note in notes.items()})


@pytest.fixture
def batch() -> Callable[..., Batch]:
    """A batch of offsets first … next - 1, of entries made by `make` where none are given."""

    def build(first, next, entries=None, *, epoch=0, genesis=None, make=kept, partition=2):
        if entries is None:
            entries = [make(offset) for offset in range(first, next)]
        genesis = first == 0 if genesis is None else genesis
        stream = f"orders/orders.raw/{partition}"
        return Batch(stream, "orders.raw", partition, epoch, first, next, genesis, entries)

    build.kept = kept
    return build

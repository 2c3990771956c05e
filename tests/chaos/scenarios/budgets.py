"""How long each scenario may take, in seconds, on two cores: the one place where that is said."""

from __future__ import annotations

import os
from typing import NamedTuple

SIZES = ("short", "full")
SHORT_MOST = 5 * 60
FULL_MOST = 80 * 60


class Budget(NamedTuple):
    """Seconds of one scenario: in `make test` and in `make chaos`."""

    short: int
    full: int


BUDGETS = {
    "kills": Budget(110, 900),
    "poison": Budget(60, 150),
    "injection": Budget(80, 450),
    "rocksdb": Budget(90, 300),
    "storm": Budget(70, 250),
    "services": Budget(110, 750),
    "cuts": Budget(100, 500),
    "broker": Budget(130, 500),
    "soak": Budget(50, 1450),
}
"""By scenario; `test_<scenario>.py` holds it."""

SIDE_BY_SIDE = {"short": 3, "full": 2}
"""How many scenarios run at a time, most of them waiting for a timeout."""
ALONE = {"short": ("soak",), "full": ("kills", "storm", "soak")}
"""Those that have the machine to themselves: they measure."""
CROWDED_SECONDS = {"short": 15.0, "full": 0.0}
"""How much longer a partition may stand still where others use the machine: what is promised is for the full size."""


def size() -> str:
    """`short` unless CHAOS_SIZE says `full`."""
    found = os.environ.get("CHAOS_SIZE", "short")
    assert found in SIZES, f"CHAOS_SIZE is {found}; there are {', '.join(SIZES)}"
    return found


def seed() -> int:
    """What faults are drawn from: CHAOS_SEED, 1 if not set."""
    return int(os.environ.get("CHAOS_SEED", "1"))


def table(took: dict[str, float] | None = None) -> str:
    """The budgets as lines, with what was measured beside them."""
    lines = [f"{'scenario':<12}{'short':>8}{'full':>8}{'took':>8}"]
    for name, budget in BUDGETS.items():
        seconds = (took or {}).get(name)
        lines.append(f"{name:<12}{budget.short:>8}{budget.full:>8}{'' if seconds is None else f'{seconds:.0f}':>8}")
    return "\n".join(lines)

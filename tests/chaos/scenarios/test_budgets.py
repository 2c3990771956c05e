"""The table of budgets: it is kept, it is printed, and every scenario is in it."""

from pathlib import Path

from . import budgets


def test_every_scenario_has_a_budget_and_all_fit() -> None:
    print("\n" + budgets.table())
    scenarios = {path.stem.removeprefix("test_") for path in Path(__file__).parent.glob("test_*.py")} - {
        "budgets",
        "load",
        "oracle",
    }
    assert scenarios == set(budgets.BUDGETS)
    for size, most in (("short", budgets.SHORT_MOST), ("full", budgets.FULL_MOST)):
        seconds = {name: getattr(budget, size) for name, budget in budgets.BUDGETS.items()}
        alone = sum(seconds[name] for name in budgets.ALONE[size])
        assert alone + (sum(seconds.values()) - alone) / budgets.SIDE_BY_SIDE[size] <= most, size

"""The table of budgets: it is kept, it is printed, and every scenario is in it."""

from pathlib import Path

from . import budgets


def test_every_scenario_has_a_budget_and_all_fit() -> None:
    print("\n" + budgets.table())
    scenarios = {path.stem.removeprefix("test_") for path in Path(__file__).parent.glob("test_*.py")} - {
        "budgets",
        "oracle",
    }
    assert scenarios == set(budgets.BUDGETS)
    short = sum(budget.short for budget in budgets.BUDGETS.values())
    assert short <= budgets.SHORT_MOST * budgets.SIDE_BY_SIDE["short"]
    alone = sum(budgets.BUDGETS[name].full for name in budgets.ALONE)
    apart = sum(budget.full for name, budget in budgets.BUDGETS.items() if name not in budgets.ALONE)
    assert alone + apart / budgets.SIDE_BY_SIDE["full"] <= budgets.FULL_MOST

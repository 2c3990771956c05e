"""Where a pipeline stands, as tables: what `penstock run` shows while it runs and `penstock status` prints."""

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from penstock.agents.runtime.status import AgentStatus, Snapshot


def live(snapshot: Snapshot) -> RenderableType:
    """A run while it runs: a row an agent, and the totals."""
    table = _table("agent", "in", "out", "records/s", "lag")
    for agent in snapshot.agents:
        out = "" if agent.name.startswith("sink-") else _number(agent.records_out)
        table.add_row(agent.name, _number(agent.records_in), out, _rate(agent.rate), _number(agent.lag))
    counts = [f"{name} {count:,}" for name, count in snapshot.records.items() if count or name == "delivered"]
    return Group(table, Text(", ".join(counts)))


def standing(snapshot: Snapshot) -> RenderableType:
    """A pipeline from outside: a row a partition of each agent, letters and cursors."""
    table = _table("agent", "partition", "end", "next", "lag", "offsets/s")
    for agent in snapshot.agents:
        for number, partition in enumerate(agent.partitions):
            table.add_row(
                agent.name if number == 0 else "",
                str(partition.partition),
                _number(partition.end),
                "-" if partition.next is None else _number(partition.next),
                _number(partition.lag),
                _rate(agent.rate) if number == 0 else "",
            )
    parts: list[RenderableType] = [table, *(_problem(agent) for agent in snapshot.agents if agent.problem)]
    waiting = _table("set aside, not replayed", "records")
    for name, count in {**snapshot.records, **snapshot.reasons}.items():
        waiting.add_row(name if name in snapshot.records else f"  {name}", _number(count))
    parts.append(waiting)
    if snapshot.sources:
        cursors = _table("source", "cursor")
        for name, cursor in snapshot.sources.items():
            cursors.add_row(name, Text(str(cursor)))
        parts.append(cursors)
    return Group(*parts)


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, name in enumerate(columns):
        table.add_column(name, justify="left" if number == 0 or name == "cursor" else "right", overflow="fold")
    return table


def _problem(agent: AgentStatus) -> Text:
    return Text(f"{agent.name}: {agent.problem}")


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _rate(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"

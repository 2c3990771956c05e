"""What a person sees while the demo runs, and when it is done."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import orjson
from rich.console import Console, Group
from rich.json import JSON
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from penstock.agents.runtime.status import Snapshot
from penstock.cli.demo.outcome import Outcome
from penstock.cli.demo.scene import Scene

LONGEST_SHOWN: Final = 1000
"""Characters of a text."""


class LiveView:
    """Rate, lag by agent and verdicts, redrawn in place on a terminal."""

    def __init__(self, total: int, live: Live) -> None:
        self._live = live
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(40), TextColumn("{task.completed:,}/{task.total:,}"),
            TimeElapsedColumn(),
        )  # fmt: skip
        self._task = self._bar.add_task("accounted for", total=total)

    def show(self, snapshot: Snapshot) -> None:
        counts = snapshot.records
        done = sum(counts[name] for name in ("delivered", "denied", "dropped", "quarantined", "dead", "unreadable"))
        self._bar.update(self._task, completed=done)
        agents = Table(box=None, pad_edge=False)
        for name, justify in (("agent", "left"), ("records in", "right"), ("records/s", "right"), ("lag", "right")):
            agents.add_column(name, justify=justify)  # type: ignore[arg-type] # rich's own literal
        for agent in snapshot.agents:
            rate = "" if agent.rate is None else f"{agent.rate:,.0f}"
            agents.add_row(agent.name, f"{agent.records_in or 0:,}", rate, f"{agent.lag:,}")
        words = ("kept", "denied", "quarantined", "dead", "unreadable")
        verdicts = "   ".join(f"{word} {counts[word]:,}" for word in words)
        rate = f"{snapshot.rate or 0:,.0f} records/s delivered"
        self._live.update(Group(self._bar, agents, f"{verdicts}   {rate}"))


@contextmanager
def live_view(total: int, console: Console) -> Iterator[LiveView]:
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        yield LiveView(total, live)


def print_outcome(outcome: Outcome, scene: Scene, console: Console) -> None:
    """The table, three enriched records and how to go on."""
    table = Table("", "", show_header=False, title=f"pipeline {scene.pipeline.name}", title_justify="left")
    table.columns[1].justify = "right"
    rate = outcome.read / outcome.seconds if outcome.seconds else 0.0
    table.add_row(f"read from {scene.inputs}", f"{outcome.read:,}")
    table.add_row("enriched", f"{outcome.enriched:,}")
    table.add_row("denied by license", f"{outcome.denied:,}")
    table.add_row("quarantined", f"{outcome.quarantined:,}")
    table.add_row("dead-lettered", f"{outcome.dead_lettered:,}")
    for reason, count in outcome.letters.most_common():
        table.add_row(f"  {reason}", f"{count:,}")
    table.add_row("unaccounted for", f"{outcome.unaccounted:,}", style="bold red" if outcome.unaccounted else "green")
    table.add_section()
    if outcome.read_out:
        table.add_row("texts read out of pictures, PDFs and recordings", f"{outcome.read_out:,}")
    for reason, count in outcome.failed.most_common():
        table.add_row(f"enrichment failed, the record went on: {reason}", f"{count:,}")
    for category, count in outcome.pii.most_common():
        table.add_row(f"PII hidden: {category}", f"{count:,}")
    table.add_section()
    table.add_row("graph entities and relations", f"{outcome.graph_entities:,} and {outcome.graph_relations:,}")
    verified = "verified" if outcome.ledger_verified else "NOT VERIFIED"
    table.add_row("ledger entries", f"{outcome.ledger_entries:,} {verified}")
    table.add_row("records/s, from the first read to the last sink", f"{rate:,.0f} in {outcome.seconds:.1f} s")
    console.print(table)
    for finding in outcome.findings[:20]:
        console.print(f"[red]{finding}[/red]")
    for record in outcome.samples:
        console.print(JSON(orjson.dumps(_shortened(record)).decode(), indent=None))
    console.print(f"\nGo on with\n{commands(scene)}", highlight=False, soft_wrap=True)


def _shortened(value: Any) -> Any:
    """The same with the contents of files cut off."""
    if isinstance(value, dict):
        return {key: _shortened(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_shortened(item) for item in value]
    return f"{value[:60]}…" if isinstance(value, str) and len(value) > LONGEST_SHOWN else value


def commands(scene: Scene) -> str:
    """What to type next."""
    name, file = scene.pipeline.name, scene.file
    data = f"DEMO_DATA={scene.environ['DEMO_DATA']} GEOIP_DATABASE={scene.environ['GEOIP_DATABASE']} DEMO_NAME={name}"
    return (
        f"  export {data}\n"
        "  penstock services start\n"
        f"  penstock consume {name}.enriched --from-beginning --max 3\n"
        f"  penstock plan {file}\n"
        f"  penstock dlq list {file}\n"
        f"  penstock ledger verify {file}\n"
        "  penstock stage run redact < your.jsonl\n"
        "  penstock init --sample your.csv\n"
        "  penstock services stop; penstock broker stop"
    )

"""Kill, freeze and cut off: every record comes out once, everywhere, and the ledger says so.

The demo's pipeline as two worker processes; ten SIGKILLs of workers, two SIGSTOPs of 25 seconds, two SIGKILLs of the
broker, all under load.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from penstock.broker import embedded
from penstock.cli.demo import networks
from penstock.cli.demo.generate import EVENTS, generate

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600)]

NAME = "demo"
RECORDS = 12_000
RATE = 60  # records a second while faults happen
KILLS, FREEZES, BROKER_KILLS = 10, 2, 2
FROZEN_SECONDS = 25.0
DENIED = "CC-BY-NC-4.0"
REPOSITORY = Path(__file__).parents[2]


def lines(folder: Path) -> list[tuple[str, bytes, str]]:
    """Own id, line and expected outcome of the generated events."""
    generate(folder, RECORDS * 2, seed=11)
    found = []
    for number, line in enumerate((folder / EVENTS).read_bytes().splitlines()):
        try:
            data = json.loads(line, parse_constant=lambda _: 1 / 0)
            identity, outcome = data["id"], "denied" if data["license"] == DENIED else "enriched"
        except (ValueError, ZeroDivisionError, TypeError):
            identity, outcome = f"broken-{number}", "dead"
        found.append((identity, line, outcome))
    return found


def test_nothing_is_lost_and_nothing_comes_twice(
    tmp_path, broker, services, make_fleet, oracle_for, until, chance: random.Random
):
    environ = {
        **os.environ,
        **services.env(),
        "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap,
        "PENSTOCK_HOME": str(tmp_path / "home"),
        "PENSTOCK_HASH_KEY": "only-for-this-test-0123456789abcdef",
        "GEOIP_DATABASE": str(networks.build(tmp_path / "networks.mmdb")),
        "DEMO_DATA": str(tmp_path / "data"),
    }
    pipeline = REPOSITORY / "topology" / "pipelines" / "demo.yml"
    fleet = make_fleet([str(pipeline)], environ)
    fleet.start("a")
    fleet.start("b")
    oracle = oracle_for(broker.bootstrap, NAME, tmp_path / "home")
    until(lambda: (fleet.tend(), oracle.topic_exists("heads"))[-1], 60, "the workers made the topics")
    todo = iter(lines(tmp_path / "data"))

    warm = [next(todo) for _ in range(200)]
    for identity, line, outcome in warm:
        oracle.send(identity, line, outcome)
    until(lambda: (oracle.look(), fleet.tend(), oracle.arrived() > 0)[-1], 90, "the first record came out")

    faults = ["kill"] * KILLS + ["freeze"] * FREEZES + ["broker"] * BROKER_KILLS
    chance.shuffle(faults)
    began, sent, due = time.monotonic(), 0, time.monotonic() + 5
    while faults or fleet.frozen:
        now = time.monotonic()
        while sent < (now - began) * RATE and (item := next(todo, None)) is not None:
            oracle.send(*item)
            sent += 1
        oracle.look()
        fleet.tend()
        if faults and now > due and not fleet.frozen:
            strike(faults.pop(), chance, fleet, broker, tmp_path)
            due = time.monotonic() + chance.uniform(4, 9)
        time.sleep(0.02)
    for item in todo:
        oracle.send(*item)
    oracle.flush()

    wanted = oracle.expected("enriched")
    until(lambda: (oracle.look(), fleet.tend(), oracle.arrived() >= len(wanted))[-1], 120, "all records came out")
    until(lambda: ledger_offsets(oracle) == oracle.per_partition, 60, "the ledger accounts for every offset")
    until(lambda: graph_positions(oracle) == oracle.per_partition, 60, "the graph has every record")
    oracle.look()

    came = [identity for ids in oracle.enriched.values() for identity in ids]
    assert Counter(came) == Counter(wanted), "each record once on the enriched topic"
    order = {identity: number for number, identity in enumerate(oracle.sent)}
    for ids in oracle.enriched.values():
        assert ids == sorted(ids, key=order.__getitem__), "order within a partition"
    assert len(oracle.dead_letters()) == len(oracle.expected("dead"))
    assert ledger_verdicts(oracle) == Counter(
        kept=len(wanted), denied=len(oracle.expected("denied")), dead=len(oracle.expected("dead"))
    )
    verified = subprocess.run(
        [sys.executable, "-m", "penstock.cli.main", "ledger", "verify", str(pipeline)],
        env=environ, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert verified.returncode == 0, verified.stdout + verified.stderr
    print(f"longest stalls: { {p: round(s, 1) for p, s in sorted(oracle.stalls.items())} } s; exits: {fleet.exits}")


def strike(fault: str, chance: random.Random, fleet, broker, folder: Path) -> None:
    name = chance.choice("ab")
    print(f"{time.strftime('%X')} {fault} {name if fault != 'broker' else ''}")
    if fault == "kill":
        fleet.kill(name)
    elif fault == "freeze":
        fleet.freeze(name, FROZEN_SECONDS)
    else:
        embedded.kill(embedded.status(folder / "broker") or broker)
        embedded.start(data=folder / "broker", port=broker.port)


def ledger_offsets(oracle) -> Counter[int]:
    """Distinct raw offsets by partition in the ledger's own database."""
    with oracle.database("ledger") as database:
        rows = database.execute(
            'SELECT c.chain, COUNT(DISTINCT e."offset"), COUNT(*) FROM ledger_entries e '
            "JOIN ledger_chains c ON c.id = e.chain_id WHERE c.chain LIKE ? GROUP BY c.chain",
            (f"{NAME}/%",),
        ).fetchall()
    assert all(distinct == number for _, distinct, number in rows), "an offset stands in the ledger twice"
    return Counter({int(name.rpartition("/")[2]): number for name, _, number in rows})


def ledger_verdicts(oracle) -> Counter[str]:
    with oracle.database("ledger") as database:
        return Counter(
            dict(database.execute("SELECT verdict, COUNT(*) FROM ledger_entries GROUP BY verdict").fetchall())
        )


def graph_positions(oracle) -> Counter[int]:
    with oracle.database("graph") as database:
        rows = database.execute(
            "SELECT stream, next FROM graph_position WHERE stream LIKE ?", (f"{NAME}/%",)
        ).fetchall()
    return Counter({int(stream.rpartition("/")[2]): position for stream, position in rows})

"""penstock worker: what it chooses, what it tells, how it ends."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from penstock.cli.worker import choose
from penstock.model.errors import ConfigurationError
from penstock.topology.load import loads
from penstock.topology.plan import plan

PLAN = plan(loads("name: orders\nstages: [tag, hash]\nchain: topics\nsinks: [graph, ledger]", {}))
AGENTS = ["ingest", "tag", "hash", "deliver"]


@pytest.mark.parametrize(
    ("agents", "sinks", "chosen"),
    [
        (None, None, (AGENTS, ["graph", "ledger"])),
        ("hash,ingest", None, (["hash", "ingest"], [])),
        (None, "graph", ([], ["graph"])),
        ("none", "ledger, graph", ([], ["ledger", "graph"])),
        ("tag", "none", (["tag"], [])),
    ],
)
def test_either_option_alone_means_only_those(
    agents: str | None, sinks: str | None, chosen: tuple[list[str], list[str]]
) -> None:
    assert choose(PLAN, agents, sinks) == chosen


@pytest.mark.parametrize(("agents", "sinks"), [("other", None), (None, "other")])
def test_an_unknown_name_is_refused(agents: str | None, sinks: str | None) -> None:
    with pytest.raises(ConfigurationError, match="is called other"):
        choose(PLAN, agents, sinks)


@contextmanager
def working(*arguments: str) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "penstock.cli.main", "worker", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ))
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.integration
def test_it_says_when_it_is_ready_and_ends_in_order(
    call: Callable[..., Any], pipeline: Callable[..., Path], pipeline_name: str
) -> None:
    file = pipeline()
    with working(str(file), "--metrics-port", "0") as process:
        assert process.stdout is not None
        ready = process.stdout.readline()
        found = re.fullmatch(rf"ready: {pipeline_name}: ingest, tag, deliver; (http://127.0.0.1:\d+)/metrics\n", ready)
        assert found, ready
        assert httpx.get(f"{found[1]}/ready").status_code == 200
        call("produce", f"{pipeline_name}.raw", input='{"id":1}\n')
        shown = call("consume", f"{pipeline_name}.enriched", "--from-beginning", "--max", "1", "--timeout", "20")
        assert f'"{pipeline_name}.raw/' in shown.stdout
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        _, told = process.communicate(timeout=30)
        assert time.monotonic() - began < 12
        assert process.returncode == 0, told


@pytest.mark.integration
def test_a_second_signal_ends_it_at_once(pipeline: Callable[..., Path]) -> None:
    with working(str(pipeline()), "--agents", "none", "--sinks", "none") as process:
        assert process.stdout is not None
        assert "no agents" in process.stdout.readline()
        os.kill(process.pid, signal.SIGSTOP)  # so that both are there before it looks
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGINT)
        os.kill(process.pid, signal.SIGCONT)
        assert process.wait(10) in (128 + signal.SIGTERM, 128 + signal.SIGINT)


@pytest.mark.integration
def test_a_port_that_is_none_is_named(program: Callable[..., Any], pipeline: Callable[..., Path]) -> None:
    result = program("worker", pipeline(), METRICS_PORT="many")
    assert result.returncode == 2 and "METRICS_PORT" in result.stderr

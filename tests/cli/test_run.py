"""penstock run: as a process, to its end and to its interruption."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration


def test_until_idle_tells_what_it_did(
    call: Callable[..., Any], program: Callable[..., Any], pipeline: Callable[..., Path], pipeline_name: str
) -> None:
    file = pipeline()
    call("produce", f"{pipeline_name}.raw", input='{"id":1}\n{"id":2}\n{broken\n')
    result = program("run", file, "--until-idle", "--json")
    assert result.returncode == 1, result.stderr
    found = json.loads(result.stdout)
    assert (found["records_extracted"], found["records_loaded"], found["records_failed"]) == (3, 2, 1)
    assert found["errors"][0]["error_type"] == "decode" and "broken" not in result.stdout + result.stderr


def test_ctrl_c_ends_it_with_what_was_done(
    call: Callable[..., Any], pipeline: Callable[..., Path], pipeline_name: str
) -> None:
    command = [sys.executable, "-m", "penstock.cli.main", "run", str(pipeline())]
    call("produce", f"{pipeline_name}.raw", input='{"id":1}\n')
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ))
    try:
        call("consume", f"{pipeline_name}.enriched", "--from-beginning", "--max", "1", "--timeout", "30")
        process.send_signal(signal.SIGINT)
        began = time.monotonic()
        out, told = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert time.monotonic() - began < 12
    assert process.returncode == 0, told
    assert "stopped" in out and "loaded        1" in out


def test_a_stage_that_cannot_be_built_is_wrong_configuration(
    call: Callable[..., Any], program: Callable[..., Any], pipeline: Callable[..., Path], pipeline_name: str
) -> None:
    file = pipeline("stages: [tag, {redact: {policy: {email: hash}}}]\nungoverned: true\n")
    call("produce", f"{pipeline_name}.raw", input='{"id":1}\n')
    result = program("run", file, "--until-idle")
    assert result.returncode == 2 and "PENSTOCK_HASH_KEY" in result.stderr and "Traceback" not in result.stderr

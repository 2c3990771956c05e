import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from penstock.broker import process


def _start(data: Path, script: str) -> int:
    command = ["/bin/sh", "-c", script, process.mark(data), process.MAIN_CLASS]
    return process.spawn(command, folder=data, console=data / "console.log", environ={"PATH": os.environ["PATH"]})


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_it_runs_apart_writes_to_its_file_and_ends_on_a_signal(tmp_path: Path) -> None:
    number = _start(tmp_path, "echo ready; pwd; while :; do sleep 0.1; done")
    try:
        assert process.runs(number, tmp_path)
        assert os.getsid(number) != os.getsid(0)
        _until(lambda: (tmp_path / "console.log").read_text() == f"ready\n{tmp_path}\n")
    finally:
        assert process.end(number, tmp_path, with_signal=signal.SIGTERM, wait_seconds=10)
    assert not process.runs(number, tmp_path)


def test_one_that_ignores_the_signal_is_told_from_one_that_ended(tmp_path: Path) -> None:
    number = _start(tmp_path, "trap '' TERM; echo ready; while :; do sleep 0.1; done")
    try:
        _until(lambda: (tmp_path / "console.log").read_text() == "ready\n")
        assert not process.end(number, tmp_path, with_signal=signal.SIGTERM, wait_seconds=0.2)
    finally:
        assert process.end(number, tmp_path, with_signal=signal.SIGKILL, wait_seconds=10)


def test_a_number_that_belongs_to_another_process_is_never_signalled(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    number = _start(other, "while :; do sleep 0.1; done")
    try:
        assert not process.runs(number, tmp_path)
        assert process.end(number, tmp_path, with_signal=signal.SIGKILL, wait_seconds=1)
        assert process.runs(number, other)
    finally:
        process.end(number, other, with_signal=signal.SIGKILL, wait_seconds=10)


def test_one_between_two_programs_is_not_gone(tmp_path: Path) -> None:
    (tmp_path / "again.sh").write_text('exec /bin/sh "$0" "$@"\n')  # for ever: now and then it has no command line
    number = _start(tmp_path, 'exec /bin/sh again.sh "$0" "$@"')
    try:
        blank = 0
        deadline = time.monotonic() + 20
        while blank < 3 and time.monotonic() < deadline:
            blank += not process.runs(number, tmp_path)
            assert not process.gone(number, tmp_path)
        assert blank, "it was never seen without a command line"
    finally:
        assert process.end(number, tmp_path, with_signal=signal.SIGKILL, wait_seconds=10)
    assert process.gone(number, tmp_path)


def test_ps_gives_the_same_answer(tmp_path: Path) -> None:
    data = tmp_path / "with a blank"
    data.mkdir()
    number = _start(data, "while :; do sleep 0.1; done")
    try:
        assert process.mark(data) in process._arguments_by_ps(number)
        assert process._arguments_by_ps(os.getpid()) == []
    finally:
        process.end(number, data, with_signal=signal.SIGKILL, wait_seconds=10)
    assert process._arguments_by_ps(number) == []


@pytest.mark.parametrize("name", ["JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "PENSTOCK_API_TOKEN", "CLASSPATH"])
def test_java_sees_neither_secrets_nor_options(name: str) -> None:
    assert process.java_environment({name: "x", "PATH": "/bin"}) == {"PATH": "/bin"}

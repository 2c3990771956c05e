"""The wheel: it holds every module and data file of every root, nothing else, and what it holds can be imported."""

import ast
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
DATA = (".yml", ".csv", ".json", ".html", ".md", ".typed")
IMPORTED = (
    "penstock.model.record",
    "penstock.model.entities",
    "penstock.codecs.frame",
    "penstock.topology.load",
    "penstock.agents.registry",
    "penstock.connectors.registry",
    "penstock.stores.claims",
    "penstock.broker.settings",
    "penstock.services.licenses",
    "penstock.api",
    "penstock.cli.demo.networks",
)
READS_DATA = """
from penstock.model.entities import built_in
from penstock.cli.demo.networks import networks
from penstock.agents.registry import STAGES
from penstock.connectors.registry import SINKS, SOURCES
assert networks() and built_in()
for registry in (STAGES, SOURCES, SINKS):
    assert registry.modules
    for name in registry.modules:
        registry.load(name)
"""


def roots() -> list[str]:
    """As setup.py lists them."""
    (found,) = [
        ast.literal_eval(node.value)
        for node in ast.parse((REPOSITORY / "setup.py").read_text()).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ROOTS"
    ]
    return list(found)


def expected(repository: Path) -> set[str]:
    """Names in the wheel of every module and data file below the roots."""
    return {
        f"penstock/{path.relative_to(repository).as_posix()}"
        for root in roots()
        for path in (repository / root).rglob("*")
        if path.suffix in (".py", *DATA) and "__pycache__" not in path.parts
    }


def missing(wheel: Path, repository: Path) -> set[str]:
    """What `wheel` lacks of what stands below the roots."""
    with zipfile.ZipFile(wheel) as archive:
        return expected(repository) - set(archive.namelist())


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources, where a build may write beside them."""
    folder = tmp_path_factory.mktemp("sources")
    for name in [*roots(), "tests/contract", "bench"]:
        shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "out", ".venv"))
    for name in ("setup.py", "pyproject.toml", "LICENSE", "README.md"):
        if (REPOSITORY / name).exists():
            shutil.copy(REPOSITORY / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def wheel(copy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(copy)]
    built = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert built.returncode == 0, built.stdout[-2000:] + built.stderr[-2000:]
    (found,) = out.glob("penstock-*.whl")
    return found


def test_every_module_and_data_file_is_there(wheel: Path, copy: Path) -> None:
    assert len(expected(copy)) > 100
    assert {Path(name).suffix for name in expected(copy)} >= {".py", ".yml", ".csv", ".json"}
    assert missing(wheel, copy) == set()


def test_nothing_else_is_there(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}
        inside = {name.split("/")[1] for name in archive.namelist() if name.startswith("penstock/")}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"penstock"}
    assert inside == set(roots())


def test_the_command_is_there(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (points,) = [name for name in archive.namelist() if name.endswith("entry_points.txt")]
        assert "penstock = penstock.cli.main:main" in archive.read(points).decode()
        assert "penstock/cli/main.py" in archive.namelist()


@pytest.mark.parametrize(
    "lost", ["penstock/model/entities.yml", "penstock/agents/chain.py", "penstock/cli/demo/networks.csv"]
)
def test_a_file_that_is_not_there_is_missed(wheel: Path, copy: Path, tmp_path: Path, lost: str) -> None:
    without = tmp_path / "without.whl"
    with zipfile.ZipFile(wheel) as archive, zipfile.ZipFile(without, "w") as target:
        for name in archive.namelist():
            if name != lost:
                target.writestr(name, archive.read(name))
    assert missing(without, copy) == {lost}


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def in_wheel(unpacked: Path, code: str) -> "subprocess.CompletedProcess[str]":
    """Run code where `penstock` is the unpacked wheel's: the checkout's finder of the namespace is taken away."""
    start = (
        "import sys\n"
        "sys.meta_path[:] = [finder for finder in sys.meta_path if '__editable__' not in str(finder)]\n"
        f"sys.path[:] = [{str(unpacked)!r}, *(path for path in sys.path if path and '__editable__' not in path)]\n"
    )
    return subprocess.run(
        [sys.executable, "-P", "-c", start + code],
        cwd=unpacked,
        env={"PATH": "", "HOME": str(unpacked)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_it_can_be_imported_and_finds_its_data(unpacked: Path) -> None:
    code = "\n".join(
        [
            *(f"import {name}" for name in IMPORTED),
            READS_DATA,
            "ours = [m for n, m in sys.modules.items() if n.startswith('penstock.') and getattr(m, '__file__', None)]",
            f"assert ours and all(m.__file__.startswith({str(unpacked)!r}) for m in ours), ours",
        ]
    )
    ran = in_wheel(unpacked, code)
    assert ran.returncode == 0, ran.stderr[-2000:]


def test_without_a_file_it_cannot(unpacked: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(unpacked, damaged)
    (damaged / "penstock/model/entities.yml").unlink()
    assert "entities.yml" in in_wheel(damaged, READS_DATA).stderr
    (damaged / "penstock/model/record.py").unlink()
    assert "penstock.model.record" in in_wheel(damaged, "import penstock.model.record").stderr

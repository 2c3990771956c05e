"""What no file of the repository may hold: addresses of package indexes, paths of one machine, work left for later."""

import re
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]

# put together, so that this file does not hold what it looks for
LATER = "|".join(("TO" + "DO", "FIX" + "ME", "X" * 3))
FOLDERS = "|".join(("home", "root", "tmp", "work"))
PATTERNS = {
    "the address of a package index": re.compile(
        r"--(?:extra-)?index-url|\bindex[-_]url\s*[=:]|https?://[^\s\"']*/simple\b"
    ),
    "a path of one machine": re.compile(rf"(?<![\w.$}}{{~*/-])/(?:{FOLDERS})/(?=[\w.{{$])"),
    "work left for later": re.compile(rf"\b(?:{LATER})\b"),
    "a stub": re.compile(r"\braise\s+NotImplemented" + r"Error\b"),
}


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, check=True, capture_output=True).stdout
    return [Path(name.decode()) for name in listed.split(b"\0") if name and (REPOSITORY / name.decode()).is_file()]


def findings(text: str) -> list[tuple[int, str]]:
    """Line and kind of everything in `text` that must not be there."""
    return [
        (number, kind)
        for number, line in enumerate(text.splitlines(), 1)
        for kind, pattern in PATTERNS.items()
        if pattern.search(line)
    ]


def test_nothing_of_the_kind_is_in_a_file() -> None:
    files = tracked()
    assert len(files) > 100
    found = []
    for path in files:
        try:
            text = (REPOSITORY / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{path}:{n} {kind}" for n, kind in findings(text)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("--index" + "-url https://a.example", "the address of a package index"),
        ("https://pypi.example.org" + "/simple", "the address of a package index"),
        ("open('" + "/" + "tmp/x')", "a path of one machine"),
        ("cd " + "/" + "root/x", "a path of one machine"),
        ("# " + "TO" + "DO: later", "work left for later"),
        ("# " + "FIX" + "ME", "work left for later"),
        ("    raise " + "NotImplemented" + "Error", "a stub"),
    ],
)
def test_each_kind_is_found(line: str, kind: str) -> None:
    assert findings(f"fine\n{line}\n") == [(2, kind)]


@pytest.mark.parametrize(
    "line",
    ["todo list", "http://localhost/work/items", "a/tmp/b", "${DATA}/" + "tmp/x", "~/work/x", "XXXX", "/works/x"],
)
def test_what_looks_like_it_is_not(line: str) -> None:
    assert findings(line) == []

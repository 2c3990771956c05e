"""bench/language.py: what it reads, what it counts, and that the enricher is as often right as its page says."""

import io
from pathlib import Path
from typing import Any

import language as bench
import orjson
import pytest

from penstock.agents import enrich


@pytest.mark.parametrize(
    ("written", "code"),
    [("de", "de"), ("deu", "de"), ("cmn", "zh"), ("zh-Hant", "zh"), ("zho_Hans", "zh"), ("nob", "no"), ("nn", "nn"),
     ("iw", "he"), ("pes", "fa"), ("arb", "ar"), ("zsm", "ms"), ("srp", "sr"), ("EN", "en"), ("eng_Latn", "en")],
)  # fmt: skip
def test_one_code_a_language(written: str, code: str) -> None:
    assert bench.code(written) == code


def test_a_file_of_one_s_own(tmp_path: Path) -> None:
    file = tmp_path / "own.tsv"
    file.write_text('de\t"Der Zug kommt.\n42\tfra\tMerci beaucoup\n', encoding="utf-8")
    assert list(bench.read(file)) == [
        bench.Text("text", "de", '"Der Zug kommt.'),
        bench.Text("text", "fr", "Merci beaucoup"),
    ]


@pytest.mark.parametrize("content", ["", "no tabs here\n", "de\t\n", "\ttext\n", "1\t2\t3\t4\n"])
def test_what_is_no_such_file_is_refused(tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "own.tsv"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(SystemExit) as exit_:
        bench.main([str(file)])
    assert exit_.value.code == 2
    assert "own.tsv" in capsys.readouterr().err


@pytest.fixture
def without_lingua(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its models take seconds to load."""
    monkeypatch.setattr(bench, "find_spec", lambda name: None)


@pytest.mark.usefixtures("without_lingua")
def test_shares_and_confusions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "own.tsv"
    german, french = "Der Zug kommt heute später an.", "Le colis n'est jamais arrivé et personne ne répond."
    file.write_text(f"de\t{german}\nde\t{french}\nfr\t{french}\nfra\t{french}\n", encoding="utf-8")
    printed = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr("sys.stdout", printed)
    before = bench.FIGURES.read_bytes()
    assert bench.main([str(file), "--json"]) == 0
    assert bench.FIGURES.read_bytes() == before
    found = orjson.loads(printed.buffer.getvalue())  # type: ignore[attr-defined]
    assert (found["texts"], found["languages"]) == ({"text": 4}, 2)
    assert list(found["contenders"]) == ["language", "language, defaults", "CLD2 alone", "fastText alone"]
    for one in found["contenders"].values():
        assert (one["text"]["right"], one["text"]["languages"]) == (0.75, {"de": 0.5, "fr": 1.0})
        assert one["text"]["taken_for"] == [{"is": "de", "guess": "fr", "count": 1}]
        assert one["text"]["microseconds"] > 0


@pytest.mark.usefixtures("without_lingua")
def test_a_table_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "own.tsv"
    file.write_text("de\tDer Zug kommt heute später an.\n", encoding="utf-8")
    assert bench.main([str(file)]) == 0
    out = capsys.readouterr().out
    assert "1.000" in out
    assert "µs" in out


def test_the_enricher_is_as_often_right_as_its_page_says() -> None:
    texts = list(bench.read(bench.TEXTS))
    assert (len(texts), len({text.language for text in texts})) == (15_000, 75)
    figures: dict[str, Any] = orjson.loads(Path(enrich.__path__[0], "figures.json").read_bytes())["language"]
    for kind, least in (("sentence", 0.96), ("pair", 0.82)):
        group = [text for text in texts if text.kind == kind]
        guesses, _ = bench.contenders()["language"](group)
        right = sum(guess == text.language for guess, text in zip(guesses, group, strict=True)) / len(group)
        assert right >= least
        assert right == pytest.approx(figures["contenders"]["language"][kind]["right"], abs=0.002)

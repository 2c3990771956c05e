"""How often the enricher `language` is right, and what a text costs, beside what it is made of.

    make bench-language                          the texts beside this file
    make bench-language DATA=texts.tsv           a file of your own: language, tab, text, a line each
    python bench/language.py texts.tsv --json    the same for programs

Languages are written as ISO 639-1 or 639-3 has them (``de``, ``deu``); where a line has a third column, as in the
files of Tatoeba, the first is passed over. Without a file the texts are sentences and pairs of words, 100 of each in
every one of 75 languages, drawn from the test texts of lingua (Apache-2.0, made of the Leipzig Corpora Collection, CC
BY): from the half by which the use of ELD was not chosen. Then the figures go to ``agents/enrich/figures.json``, from
which `make docs` makes ``docs/reference/enrichers.md``.

CLD2 alone says its first guess, sure or not, and fastText alone (lid.176.ftz) its likeliest; lingua is asked where its
package is installed. Bokmål counts as ``no`` and every orthography of Chinese as ``zh``. Cost is CPU time of one core:
of `language` that of the enricher, of the others that of their own call.
"""

from __future__ import annotations

import argparse
import csv
import gc
import lzma
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

import orjson
import pycld2
from babel.core import get_global
from rich.console import Console
from rich.table import Table

from penstock.agents.enrich import language
from penstock.model.record import Kept, Record

HERE: Final = Path(__file__).resolve().parent
TEXTS: Final = HERE / "language_texts.tsv.xz"
FIGURES: Final = HERE.parent / "agents" / "enrich" / "figures.json"
_SAME: Final = {"nb": "no", "iw": "he", "jw": "jv", "zh-Hant": "zh", "sr-ME": "sr", "sh": "sr", "fil": "tl"}
"""What is the same language here: other names of one, and orthographies."""

T = TypeVar("T")
A = TypeVar("A")
Guess: TypeAlias = Callable[[str], str | None]


class Text(NamedTuple):
    """A text, its kind (``sentence``, ``pair`` or ``text``) and the language it is in."""

    kind: str
    language: str
    text: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 2 where the file holds no texts."""
    parser = argparse.ArgumentParser(description="How often the enricher language is right.")
    parser.add_argument("file", nargs="?", type=Path, help="lines of language, tab, text (default: those beside this)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    try:
        texts = list(read(options.file or TEXTS))
    except (OSError, ValueError) as error:
        parser.exit(2, f"{options.file or TEXTS}: {error}\n")
    result = measured(texts)
    if options.file is None:
        figures = orjson.loads(FIGURES.read_bytes())
        figures["language"] = summary(result)
        FIGURES.write_bytes(orjson.dumps(figures, option=orjson.OPT_INDENT_2) + b"\n")
    if options.json:
        sys.stdout.buffer.write(orjson.dumps(result, option=orjson.OPT_INDENT_2) + b"\n")
    else:
        show(result)
    return 0


def read(file: Path) -> Iterator[Text]:
    """The texts of a file. Raises ValueError where it has none, or a line is not language, tab, text."""
    opened = lzma.open if file.suffix == ".xz" else open
    count = 0
    with opened(file, "rt", encoding="utf-8", newline="") as lines:
        for count, row in enumerate(csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE), 1):
            if len(row) not in (2, 3) or not row[-2].strip() or not row[-1].strip():
                raise ValueError(f"line {count} is not language, tab, text")
            kind = row[0] if len(row) == 3 and file == TEXTS else "text"
            yield Text(kind, code(row[-2].strip()), row[-1].strip())
    if not count:
        raise ValueError("it holds no texts")


def code(written: str) -> str:
    """The ISO 639-1 code of a language where it has one: ``de`` for ``deu``, ``zh`` for ``cmn_Hans``."""
    written = _SAME.get(written, written)
    base = written.replace("_", "-").partition("-")[0].lower()
    base = get_global("language_aliases").get(base, base)
    return _SAME.get(base, base)


def measured(texts: Sequence[Text]) -> dict[str, Any]:
    """Of each contender and kind of text: how many are right, in all and by language, and microseconds a text."""
    kinds = {kind: [text for text in texts if text.kind == kind] for kind in dict.fromkeys(text.kind for text in texts)}
    found: dict[str, Any] = {"texts": {kind: len(group) for kind, group in kinds.items()}, "contenders": {}}
    found["languages"] = len({text.language for text in texts})
    for name, guesses in contenders().items():
        found["contenders"][name] = {kind: _score(group, *guesses(group)) for kind, group in kinds.items()}
    return found


def _score(texts: Sequence[Text], guesses: Sequence[str | None], seconds: float) -> dict[str, Any]:
    total = Counter(text.language for text in texts)
    right = Counter(text.language for text, guess in zip(texts, guesses, strict=True) if guess == text.language)
    wrong = Counter(
        (text.language, guess or "")
        for text, guess in zip(texts, guesses, strict=True)
        if guess != text.language
    )  # fmt: skip
    return {
        "right": round(sum(right.values()) / len(texts), 4),
        "microseconds": round(seconds / len(texts) * 1e6, 1),
        "languages": {language: round(right[language] / count, 4) for language, count in sorted(total.items())},
        "taken_for": [{"is": is_, "guess": guess, "count": count} for (is_, guess), count in wrong.most_common(20)],
    }


Contender: TypeAlias = Callable[[Sequence[Text]], tuple[list[str | None], float]]
"""From texts to what is guessed of each, and the CPU seconds that it took."""


def contenders() -> dict[str, Contender]:
    """What is compared, by name."""
    found = {
        "language": _enricher({"min_text_length": 0, "confidence_threshold": 0}),
        "language, defaults": _enricher({}),
        "CLD2 alone": _timed(_cld2),
        "fastText alone": _timed(_fasttext()),
    }
    if find_spec("lingua") is not None:
        found["language, short_text: lingua"] = _enricher(
            {"min_text_length": 0, "confidence_threshold": 0, "short_text": "lingua"}
        )
        found["lingua alone"] = _timed(_lingua())
    return found


def _enricher(options: dict[str, Any]) -> Contender:
    enrich = language.build(language.Config.model_validate(options))

    def guesses(texts: Sequence[Text]) -> tuple[list[str | None], float]:
        work = [_record(text.text) for text in texts]
        for record in work[:200]:  # models are loaded at the first text that needs them
            enrich(record)
        answers, spent = _spent(enrich, work)
        bodies = [None if answer is None else answer["language"]["text_language"]["language"] for answer in answers]
        return [None if body is None else code(body) for body in bodies], spent

    return guesses


def _record(text: str) -> Record:
    record = Record(Kept(0, 1_736_330_400_000, orjson.dumps({"text": text}), {}), "bench.raw/0/0")
    assert record.data is not None
    return record


def _timed(guess: Guess) -> Contender:
    def guesses(texts: Sequence[Text]) -> tuple[list[str | None], float]:
        for text in texts[:200]:
            guess(text.text)
        answers, spent = _spent(guess, [text.text for text in texts])
        return [None if answer is None else code(answer) for answer in answers], spent

    return guesses


def _spent(answer: Callable[[T], A], work: Sequence[T]) -> tuple[list[A], float]:
    """The answers, and the CPU seconds: of every 250 texts those of the best round, so that neighbours do not count."""
    answers: list[A] = []
    seconds = 0.0
    gc.collect()
    gc.disable()  # what a collection takes is the heap's, which here is the benchmark's own
    try:
        for first in range(0, len(work), 250):
            part, rounds = work[first : first + 250], []
            while not rounds or (len(rounds) < 5 and rounds[0] < 0.05):
                start = time.process_time()
                found = [answer(each) for each in part]
                rounds.append(time.process_time() - start)
            answers += found
            seconds += min(rounds)
    finally:
        gc.enable()
    return answers, seconds


def _cld2(text: str) -> str | None:
    try:
        found: str = pycld2.detect(text, isPlainText=True, bestEffort=True)[2][0][1]
    except (pycld2.error, UnicodeEncodeError):
        return None
    return found


def _fasttext() -> Guess:
    model = language._load(language._model_path())

    def guess(text: str) -> str | None:
        labels, _ = model.predict(" ".join(text.split()), 1)
        return labels[0].removeprefix("__label__") if labels else None

    return guess


def _lingua() -> Guess:
    from lingua import LanguageDetectorBuilder

    detector = LanguageDetectorBuilder.from_all_languages().build()

    def guess(text: str) -> str | None:
        found = detector.detect_language_of(text)
        return None if found is None else found.iso_code_639_1.name.lower()

    return guess


def summary(result: dict[str, Any]) -> dict[str, Any]:
    """What the reference page shows of a result."""
    return {
        "texts": result["texts"],
        "languages": result["languages"],
        "contenders": {
            name: {kind: {"right": one["right"], "microseconds": one["microseconds"]} for kind, one in kinds.items()}
            for name, kinds in result["contenders"].items()
        },
        "least_right": {
            kind: dict(sorted(one["languages"].items(), key=lambda item: (item[1], item[0]))[:10])
            for kind, one in result["contenders"]["language"].items()
        },
    }


def show(result: dict[str, Any]) -> None:
    """Print the tables of a result."""
    console = Console()
    for kind, count in result["texts"].items():
        table = Table(title=f"{count:,} of kind {kind}, {result['languages']} languages: share that is right")
        table.add_column("language")
        scores = {name: kinds[kind] for name, kinds in result["contenders"].items()}
        for name in scores:
            table.add_column(name, justify="right")
        for one in scores["language"]["languages"]:
            table.add_row(one, *(f"{score['languages'][one]:.3f}" for score in scores.values()))
        table.add_section()
        table.add_row("all", *(f"{score['right']:.4f}" for score in scores.values()))
        table.add_row("CPU, µs a text", *(f"{score['microseconds']:.1f}" for score in scores.values()))
        console.print(table)
        console.print("taken for another: " + ", ".join(_taken(scores["language"]["taken_for"])), soft_wrap=True)


def _taken(confused: Iterable[dict[str, Any]]) -> Iterator[str]:
    return (f"{one['is']} for {one['guess'] or 'none'} {one['count']}×" for one in confused)


if __name__ == "__main__":
    sys.exit(main())

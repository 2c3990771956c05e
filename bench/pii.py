"""Measure what `penstock pii detect` finds, and how fast, beside Presidio.

    make bench-pii                   6,000 texts
    python bench/pii.py --no-peers   without Presidio

Each entity of `pii_corpus` that is found at its place (at least half of it, and no more than twice) under its category
counts; every other find is false. F2 weighs recall four times as much as precision, because what is missed leaks.
Presidio runs its pattern recognizers on a blank spaCy pipeline in `bench/.venv`; of four thresholds it is given the one
that serves it best, and it is asked only for categories that it knows. Speed is CPU time of one core.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import peers
import pii_corpus
import pii_rare
from rich.console import Console
from rich.table import Table

from penstock.agents.redact._recognizer import RECOGNIZERS
from penstock.agents.redact.redact import Config, detector

HERE = Path(__file__).parent
OUT = HERE / "out" / "pii.json"
QUALITY = HERE.parent / "agents" / "redact" / "quality.json"
"""What the reference pages say of each category; the same on every machine."""
OUR_RUNS = 3
FRAME = 500
THRESHOLDS = (0.0, 0.3, 0.4, 0.6)
THEIRS = {
    "PHONE_NUMBER": "phone", "CREDIT_CARD": "credit_card", "EMAIL_ADDRESS": "email", "IBAN_CODE": "iban",
    "US_SSN": "ssn",
    "IP_ADDRESS": "ip", "US_DRIVER_LICENSE": "driving_licence", "US_PASSPORT": "passport", "CRYPTO": "crypto_address",
    "US_BANK_NUMBER": "bank_account", "MAC_ADDRESS": "mac",
}  # fmt: skip

ON_REQUEST = tuple(name for name in RECOGNIZERS.modules if not getattr(RECOGNIZERS.load(name), "BY_DEFAULT", True))
BY_DEFAULT = set(RECOGNIZERS.modules) - set(ON_REQUEST)

Find = tuple[int, int, str]


@dataclass(frozen=True, slots=True)
class Score:
    """How well one category, or all of them, are found."""

    found: int
    false: int
    missed: int
    precision: float
    recall: float
    f2: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print a table, write bench/out/pii.json."""
    parser = argparse.ArgumentParser(description="What is found of personal data, and how fast.")
    parser.add_argument("--no-peers", action="store_true", help="leave Presidio out")
    parser.add_argument("--texts", type=int, default=pii_corpus.COUNT, help="texts (default: %(default)s)")
    options = parser.parse_args(arguments)
    corpus = pii_corpus.texts(options.texts)
    finds, result = measured(corpus)
    if not options.no_peers:
        result["presidio"] = theirs(corpus)
        known = set(THEIRS.values())
        result["penstock_same_categories"] = report(corpus, finds, known)
    if options.texts == pii_corpus.COUNT:
        QUALITY.write_text(json.dumps(quality(result), indent=2) + "\n", encoding="utf-8")
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    show(result)
    return 0


def measured(corpus: Sequence[pii_corpus.Text]) -> tuple[list[list[Find]], dict[str, Any]]:
    """What we find of the categories that are on by default, and our scores in all."""
    finds, speed = ours(corpus)
    return finds, {
        "texts": len(corpus),
        "bytes": sum(len(text.text.encode()) for text in corpus),
        "penstock": report(corpus, finds, BY_DEFAULT) | {"mb_per_second": speed},
        "penstock_on_request": on_request(corpus),
        "penstock_rare": rare(pii_rare.records()),
    }


def rare(records: Sequence[pii_rare.Annotated]) -> dict[str, Any]:
    """Our scores in the categories that the corpus has no texts of."""
    detect = detector(Config())
    found = [one for at in range(0, len(records), FRAME) for one in detect([r.data for r in records[at : at + FRAME]])]
    finds = [[(item.start, item.end, item.category) for item in one if not item.in_name] for one in found]
    return report(records, finds, set(pii_rare.CATEGORIES))


def on_request(corpus: Sequence[pii_corpus.Text]) -> dict[str, Any]:
    """Our scores in the other categories, without the hard negatives that are of one of them, as whose is unknown."""
    some = [text for text in corpus if text.kind not in ON_REQUEST]
    return report(some, ours(some, ON_REQUEST)[0], set(ON_REQUEST))


def ours(
    corpus: Sequence[pii_corpus.Text], categories: tuple[str, ...] | None = None
) -> tuple[list[list[Find]], float]:
    """What we find in every text, and our best speed in MB/s."""
    detect = detector(Config(categories=categories))
    records = [{"text": text.text} for text in corpus]
    detect(records[:FRAME])
    best, finds = float("inf"), []
    for _ in range(OUR_RUNS):
        start = time.process_time()
        found = [one for at in range(0, len(records), FRAME) for one in detect(records[at : at + FRAME])]
        best = min(best, time.process_time() - start)
        finds = [[(item.start, item.end, item.category) for item in one] for one in found]
    return finds, sum(len(text.text.encode()) for text in corpus) / best / 1e6


def quality(result: dict[str, Any]) -> dict[str, Any]:
    """Precision and recall by category, and how many places of it there are in the corpus."""
    scores = result["penstock"]["categories"] | result["penstock_on_request"]["categories"]
    scores = result["penstock_rare"]["categories"] | scores
    return {
        name: {
            "precision": round(score["precision"], 3),
            "recall": round(score["recall"], 3),
            "places": score["found"] + score["missed"],
        }
        for name, score in sorted(scores.items())
    }


def theirs(corpus: Sequence[pii_corpus.Text]) -> dict[str, Any]:
    """Presidio's scores at the threshold that serves it best, or why there are none."""
    try:
        peers.ensure(lambda text: print(text, file=sys.stderr))
    except (peers.PeersError, OSError) as error:
        return {"missing": str(error)}
    lines = "\n".join(json.dumps({"text": text.text, "language": text.language}) for text in corpus)
    environ = os.environ | {"TLDEXTRACT_CACHE_TIMEOUT": "0.01"}
    done = subprocess.run(
        [str(peers.PYTHON), str(HERE / "_presidio.py")], input=lines, text=True, capture_output=True, check=False,
        env=environ,
    )  # fmt: skip
    if done.returncode:
        return {"missing": (done.stderr.strip().splitlines() or ["it ended without a word"])[-1]}
    answer = json.loads(done.stdout)
    best: dict[str, Any] = {}
    for threshold in THRESHOLDS:
        finds = [
            _best_of((start, end, THEIRS[kind], score) for start, end, kind, score in items
                     if kind in THEIRS and score >= threshold)
            for items in answer["entities"]
        ]  # fmt: skip
        scores = report(corpus, finds, set(THEIRS.values())) | {"threshold": threshold}
        if not best or scores["all"]["f2"] > best["all"]["f2"]:
            best = scores
    size = sum(len(text.text.encode()) for text in corpus)
    return best | {"mb_per_second": size / answer["seconds"] / 1e6}


def _best_of(found: Iterable[tuple[int, int, str, float]]) -> list[Find]:
    """Without what overlaps with something surer."""
    kept: list[Find] = []
    for start, end, category, _ in sorted(found, key=lambda item: (-item[3], item[0] - item[1])):
        if not any(start < last and first < end for first, last, _ in kept):
            kept.append((start, end, category))
    return kept


def report(
    corpus: Sequence[pii_corpus.Text | pii_rare.Annotated],
    finds: Sequence[Sequence[Find]],
    categories: set[str] | None = None,
) -> dict[str, Any]:
    """Scores by category and over all; on hard negatives the share of texts in which nothing is found."""
    right, false, missed = Counter[str](), Counter[str](), Counter[str]()
    clean = negatives = 0
    wrong: Counter[str] = Counter()
    for text, found in zip(corpus, finds, strict=True):
        gold = [item for item in text.entities if categories is None or item[2] in categories]
        other = [item for item in text.entities if item not in gold]
        mine = [item for item in found if (categories is None or item[2] in categories) and not _any(item, other)]
        for item in mine:
            (right if any(_same(item, one) for one in gold) else false)[item[2]] += 1
        for one in gold:
            missed[one[2]] += not any(_same(item, one) for item in mine)
        if not text.entities:
            negatives += 1
            clean += not mine
            wrong[text.kind] += bool(mine)
    names = sorted(right.keys() | false.keys() | missed.keys())
    return {
        "categories": {name: asdict(_score(right[name], false[name], missed[name])) for name in names},
        "all": asdict(_score(right.total(), false.total(), missed.total())),
        "hard_negatives": {
            "texts": negatives,
            "precision": clean / negatives if negatives else 1.0,
            "wrong": dict(+wrong),
        },
    }


def _any(item: Find, others: Sequence[Find]) -> bool:
    return any(item[0] < last and first < item[1] for first, last, _ in others)


def _same(item: Find, gold: Find) -> bool:
    shared = min(item[1], gold[1]) - max(item[0], gold[0])
    return item[2] == gold[2] and 2 * shared >= max(item[1], gold[1]) - min(item[0], gold[0])


def _score(right: int, false: int, missed: int) -> Score:
    precision = right / (right + false) if right + false else 1.0
    recall = right / (right + missed) if right + missed else 1.0
    weighted = 4 * precision + recall
    return Score(right, false, missed, precision, recall, 5 * precision * recall / weighted if weighted else 0.0)


def show(result: dict[str, Any]) -> None:
    """Print the result as a table."""
    console = Console()
    if not console.is_terminal:
        console.width = 110
    rival = result.get("presidio", {})
    table = Table(title=f"{result['texts']:,} texts, {result['bytes']:,} bytes")
    for heading in ("category", "precision", "recall", "F2", "Presidio: precision", "recall", "F2"):
        table.add_column(heading, justify="left" if heading == "category" else "right")
    ours = result["penstock"]["categories"] | result["penstock_on_request"]["categories"]
    ours = result["penstock_rare"]["categories"] | ours
    for name, score in sorted(ours.items()):
        table.add_row(name, *_cells(score), *_cells(rival.get("categories", {}).get(name)))
    table.add_section()
    table.add_row("all by default", *_cells(result["penstock"]["all"]), "", "", "")
    if "all" in rival:
        table.add_row("what both know", *_cells(result["penstock_same_categories"]["all"]), *_cells(rival["all"]))
    console.print(table)
    for name in ("penstock", "presidio"):
        if "all" in result.get(name, {}):
            one = result[name]
            share = one["hard_negatives"]["precision"]
            console.print(
                f"{name}: {one['mb_per_second']:.2f} MB/s; nothing found in {share:.1%} of the hard negatives"
            )
    if "missing" in rival:
        console.print(f"presidio: no result: {rival['missing']}", markup=False)


def _cells(score: dict[str, float] | None) -> list[str]:
    return [f"{score[name]:.3f}" for name in ("precision", "recall", "f2")] if score else ["", "", ""]


if __name__ == "__main__":
    sys.exit(main())

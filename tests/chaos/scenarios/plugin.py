"""A stage from elsewhere, found by its entry point as any third party's is: it does not survive some records."""

from __future__ import annotations

from pathlib import Path

STAGE = '''"""fragile: ends the process when it looks at a record that is marked as poison, as native code can."""

import os

from penstock.model.component import Apply, StageConfig
from penstock.model.record import Record
from penstock.model.verdict import KEEP, Verdict


class Config(StageConfig):
    """It has no options."""


def build(config: Config) -> Apply:
    def apply(record: Record) -> Verdict:
        if record.data.get("marker") == "poison":
            os.abort()
        return KEEP

    return apply
'''


def install(folder: Path) -> Path:
    """Write the stage and its metadata, as `pip install --target` would; the folder belongs on PYTHONPATH."""
    metadata = folder / "chaos_fragile-1.0.dist-info"
    metadata.mkdir(parents=True)
    (folder / "chaos_fragile.py").write_text(STAGE, encoding="utf-8")
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: chaos-fragile\nVersion: 1.0\n", encoding="utf-8")
    (metadata / "entry_points.txt").write_text("[penstock.stages]\nfragile = chaos_fragile\n", encoding="utf-8")
    return folder

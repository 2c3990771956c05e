"""The benchmark's programs are scripts, and find each other by name: their folders go behind everything else."""

import sys
from pathlib import Path

BENCH = Path(__file__).parents[2] / "bench"

sys.path += [str(BENCH), str(BENCH / "jobs")]

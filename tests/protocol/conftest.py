"""Makes the model of the protocol importable: `hop_protocol`, beside this file."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

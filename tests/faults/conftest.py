"""The campaigns are programs of their own, in `benchmarks`; here small shares of them run."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

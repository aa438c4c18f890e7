"""The stepper of the fault tests cancels top-ups as well."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "faults"))

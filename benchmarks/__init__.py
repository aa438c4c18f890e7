"""Measurements, each a command: `python -m benchmarks.NAME`. Ratios are taken side by side in one run."""

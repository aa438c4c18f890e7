"""Tests of the ledgers, each by itself; what they share is in tests/contracts."""

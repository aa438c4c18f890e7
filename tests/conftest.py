"""What every test may use."""

import contextlib
import os
from pathlib import Path

import pytest

from venice_async.loading import load

with contextlib.suppress(ImportError):
    # Some tests import it themselves, and the recursion limit that it would leave is no user's.
    load("eth_account.messages")


@pytest.fixture
def anyio_backend() -> str:
    """The package is asyncio-native: async tests run on asyncio alone."""
    return "asyncio"


@pytest.fixture(scope="session")
def openapi_path() -> Path:
    """The vendor's OpenAPI text, where this machine has it; tests that need it are skipped elsewhere."""
    beside = Path(__file__).resolve().parents[2] / "shared"
    path = Path(os.environ.get("VENICE_OPENAPI_DIR", beside)) / "venice-video-openapi.tests.json"
    if not path.is_file():
        pytest.skip("the vendor's OpenAPI document is not on this machine")
    return path

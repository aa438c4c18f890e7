"""What the gallery's tests share."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from venice_async.errors import Charge
from venice_async.gallery import write_gallery
from venice_async.jobs import JobRecord, JobState
from venice_async.models import VideoRequest
from venice_async.wire.stored import request_to_text

from .example import run_example


@frozen
class Example:
    """The twelve jobs, and the gallery of them."""

    folder: Path
    records: list[JobRecord]
    page: Path


@pytest.fixture(scope="package")
def example(tmp_path_factory: pytest.TempPathFactory) -> Example:
    """Made once: nobody may write into it."""
    folder, records = run_example(tmp_path_factory.mktemp("example"))
    return Example(folder, records, write_gallery(folder, records, title="Coast and city, first cut"))


def made(key: str, folder: Path, *, prompt: str | None = "A quay", fields: Any = None, **facts: Any) -> JobRecord:
    """The record of a finished job; no file is written. `fields` are more of its request."""
    request = VideoRequest(model="wan-2.6-text-to-video", prompt=prompt, **{"duration": "5s", **(fields or {})})
    values: dict[str, Any] = {
        "id": f"id-{key}", "key": key, "model": request.model, "request": request_to_text(request),
        "output": str(folder / f"{key}.mp4"), "state": JobState.COMPLETED, "charge": Charge.CHARGED,
        "price_usd": Decimal("0.50"), "created_at": 1_800_000_000.0, "queued_at": 1_800_000_010.0,
        "finished_at": 1_800_000_052.0, **facts,
    }  # fmt: skip
    return JobRecord(**values)

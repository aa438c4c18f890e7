"""Ledger files as earlier programs left them."""

from decimal import Decimal
from pathlib import Path

from venice_async.jobs import JobRecord
from venice_async.ledger import SqliteLedger
from venice_async.models import VideoRequest
from venice_async.wire.stored import request_to_text

MODEL = "ltx-2-v2-3-fast-text-to-video"


def record(key: str, tmp_path: Path, **facts: object) -> JobRecord:
    request = VideoRequest(model=MODEL, prompt=f"About {key}", duration="6s", aspect_ratio="16:9")
    values: dict[str, object] = {
        "id": f"id-{key}", "key": key, "model": MODEL, "request": request_to_text(request),
        "output": str(tmp_path / "videos" / f"{key}.mp4"), "price_usd": Decimal("0.39"), **facts,
    }  # fmt: skip
    return JobRecord(**values)  # type: ignore[arg-type]


async def keep(path: Path, *records: JobRecord) -> None:
    ledger = SqliteLedger(path)
    await ledger.open()
    for one in records:
        await ledger.add(one)
    await ledger.aclose()


async def kept(path: Path) -> dict[str, JobRecord]:
    """What a ledger holds, by key."""
    ledger = SqliteLedger(path)
    await ledger.open()
    try:
        return {one.key: one for one in await ledger.records()}
    finally:
        await ledger.aclose()

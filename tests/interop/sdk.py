"""The SDK `venice-py` against a server: `python sdk.py base|solana '{"url": ..., "key": ...}'` prints what it got."""

import asyncio
import json
import sys
import tempfile
import warnings
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from venice_ai import VeniceClient
    from venice_ai.auth.x402 import X402Auth
    from venice_ai.auth.x402_solana import SolanaX402Auth
    from venice_ai.resources.video import VideoJob


async def attempt(call: Awaitable[Any]) -> Any:
    """What a call gives, or its error's name and words."""
    try:
        found = await call
    except Exception as error:  # noqa: BLE001 -- whatever it raises is what is looked at
        return {"error": type(error).__name__, "message": str(error)}
    return found.model_dump(mode="json") if hasattr(found, "model_dump") else found


async def video(client: VeniceClient) -> int:
    """The size of a video that the client brings home."""
    asked = {"model": "longcat-distilled-text-to-video", "prompt": "a wave", "duration_seconds": 5}
    job = VideoJob(client, await client.video.submit(**asked, aspect_ratio="16:9"))
    with tempfile.TemporaryDirectory() as folder:
        path = await job.download(Path(folder) / "video.mp4", await job.wait(poll_interval=0.1))
        return path.stat().st_size


async def collected(rows: AsyncIterator[Any]) -> list[Any]:
    """All of an asynchronous iterator."""
    return [row async for row in rows]


async def solana(url: str, key: str) -> dict[str, Any]:
    """Balance, a video, and what the books then show, for a wallet that has credit."""
    auth = SolanaX402Auth(private_key=key)
    async with VeniceClient(api_key="", auth=auth, base_url=url + "/api/v1") as client:
        return {
            "before": await attempt(client.x402.balance(auth=auth)),
            "video": await attempt(video(client)),
            "transactions": await attempt(client.x402.transactions(auth=auth)),
        }


async def base(url: str, key: str) -> dict[str, Any]:
    """Balance, a top-up, a video, and what the books then show."""
    auth = X402Auth(private_key=key)
    async with VeniceClient(api_key="", auth=auth, base_url=url + "/api/v1") as client:
        x402 = client.x402
        return {
            "before": await attempt(x402.balance(auth=auth)),
            "top_up": await attempt(x402.top_up_with(auth=auth, amount_usdc=10.0)),
            "after": await attempt(x402.balance(auth=auth)),
            "video": await attempt(video(client)),
            "transactions": await attempt(x402.transactions(auth=auth, limit=5)),
            "iterated": [row.type for row in await collected(x402.iter_transactions(auth=auth, page_size=1))],
        }


play = {"base": base, "solana": solana}[sys.argv[1]]
json.dump(asyncio.run(play(**json.loads(sys.argv[2]))), sys.stdout)

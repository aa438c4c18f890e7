"""Sign-ins at once: what one costs, and how long the event loop is kept from its other work meanwhile.

Command: `python benchmarks/signin.py [--count 1000]`
"""

import argparse
import asyncio
import time

from venice_async.signin import WalletAuth

KEYS = {
    "Base": "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",  # known to all the world
    "Solana": "4vJ9JU1bJJE96FWSJKvHsmmFADCg4gpZQff4P3bkLKi",  # the seed that is 32 times 1
}


async def worst_lag(stop: asyncio.Event) -> float:
    """The longest time beyond one millisecond that a sleep of one millisecond took."""
    worst = 0.0
    while not stop.is_set():
        begun = time.perf_counter()
        await asyncio.sleep(0.001)
        worst = max(worst, time.perf_counter() - begun - 0.001)
    return worst


async def measured(auth: WalletAuth, count: int) -> tuple[float, float]:
    """Milliseconds per header, and the worst lag in milliseconds, with all of them asked for at once."""
    stop = asyncio.Event()
    watch = asyncio.ensure_future(worst_lag(stop))
    await asyncio.sleep(0.01)
    begun = time.perf_counter()
    await asyncio.gather(*(auth.headers() for _ in range(count)))
    took = time.perf_counter() - begun
    stop.set()
    return took / count * 1e3, await watch * 1e3


def main() -> None:
    """Print one line for each chain and temperature."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    count = parser.parse_args().count
    for chain, key in KEYS.items():
        auth = WalletAuth(key)
        for name, number in (("first, with imports", 1), (f"{count} at once", count)):
            each, lag = asyncio.run(measured(auth, number))
            print(f"{chain:7} {name:20} {each:8.3f} ms per header, worst lag of the loop {lag:6.1f} ms")


if __name__ == "__main__":
    main()

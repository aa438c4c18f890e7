"""`emulator`: an emulated Venice on this machine, until it is stopped."""

import asyncio
import contextlib
import os
from collections.abc import Sequence

from attrs import frozen

from venice_async.cli.terminal import Terminal
from venice_async.cli.words import money
from venice_async.emulator import Emulator, parse_fault
from venice_async.errors import ConfigurationError
from venice_async.limits import RateLimits

_LIMITS = {
    "queue": "queue_per_minute",
    "retrieve": "retrieve_per_minute",
    "failures": "failures",
    "window": "failure_window",
}


@frozen(kw_only=True)
class EmulatorOptions:
    """How the emulator is to be."""

    host: str
    port: int
    time_scale: float
    seed: int
    limits: str
    faults: Sequence[str]
    wallets: Sequence[str] = ()

    def emulator(self) -> Emulator:
        """Make it. Raises ConfigurationError for a limit, fault or wallet that cannot be, and for a host elsewhere."""
        if not 0 < self.time_scale < float("inf"):
            raise ConfigurationError("--time-scale must be a positive number.")
        if not 0 <= self.port < 65536:
            raise ConfigurationError("--port must be between 0 and 65535; 0 takes a free one.")
        return Emulator(
            host=self.host,
            port=self.port,
            time_scale=self.time_scale,
            seed=self.seed,
            limits=parse_limits(self.limits),
            faults=[parse_fault(text) for text in self.faults],
            wallets=dict(parse_wallet(text) for text in self.wallets),
        )


def parse_limits(text: str) -> RateLimits:
    """Limits such as `queue=40,retrieve=120,failures=20,window=30`; what is not named stays as documented.

    Raises ConfigurationError that says what is possible.
    """
    given: dict[str, float] = {}
    for part in filter(None, text.split(",")):
        name, _, number = (word.strip() for word in part.partition("="))
        if name not in _LIMITS or not (number.isascii() and number.isdigit() and int(number)):
            known = ", ".join(f"{name}=NUMBER" for name in _LIMITS)
            raise ConfigurationError(f"--limits takes {known}, separated by commas, not {part!r}.")
        given[_LIMITS[name]] = int(number)
    return RateLimits(**given)  # type: ignore[arg-type]


def parse_wallet(text: str) -> tuple[str, str]:
    """A wallet and its credit, such as `0xADDRESS=25`. Raises ConfigurationError that says what is due.

    Whether address and amount can be is for the emulator to say.
    """
    address, _, usd = (word.strip() for word in text.partition("="))
    if not (address and usd):
        raise ConfigurationError("--wallet takes ADDRESS=USD, such as 0xADDRESS=25: its credit when the server starts.")
    return address, usd


async def serve(options: EmulatorOptions, terminal: Terminal) -> int:
    """Serve until cancelled. Raises ConfigurationError, and OSError where the port cannot be had."""
    async with contextlib.AsyncExitStack() as stack:
        emulator = options.emulator()
        reason = None
        try:
            await stack.enter_async_context(emulator)
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else "it cannot be opened"
        if reason is not None:
            raise OSError(None, f"port {options.port}: {reason.lower()}; choose another with --port", options.host)
        for line in _welcome(emulator.url, options):
            terminal.result(line)
        try:
            await asyncio.Event().wait()
        finally:
            jobs, requests = len(emulator.jobs), len(emulator.requests)
            terminal.note(f"Stopped after {requests} requests and {jobs} jobs for {money(emulator.spent_usd)}.")
    return 0


def _welcome(url: str, options: EmulatorOptions) -> list[str]:
    scale = "" if options.time_scale == 1.0 else f" --time-scale {options.time_scale:g}"
    return [
        url,
        "",
        f"An emulated Venice: free, for this machine only. One second here is {options.time_scale:g} s of job time.",
        "Point a client at it:",
        "",
        f"  export VENICE_BASE_URL={url} VENICE_API_KEY=emulated",
        '  venice-async generate ltx-2-v2-3-fast-text-to-video "A lighthouse at dusk" \\',
        f"      --duration 6s --aspect-ratio 16:9{scale}",
        "",
        "Ctrl-C stops it.",
    ]

"""An emulated Venice to develop and test against, free of charge.

The names are loaded when they are first used: pytest imports this package in every run of every
project that has it installed.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from venice_async.emulator.background import in_background
    from venice_async.emulator.brain import Brain
    from venice_async.emulator.catalogue import ModelSheet
    from venice_async.emulator.emulator import Emulator
    from venice_async.emulator.fault_text import parse_fault
    from venice_async.emulator.faults import (
        ConsentFault,
        CutFault,
        DropFault,
        Fault,
        GarbageFault,
        JobFault,
        PlaceholderFault,
        RejectFault,
        SlowFault,
        Stage,
        StatusFault,
    )
    from venice_async.emulator.jobs import Charge, EmulatedJob
    from venice_async.emulator.manual_clock import ManualClock
    from venice_async.emulator.plain_clips import PlainClips
    from venice_async.emulator.visits import RequestRecord
    from venice_async.emulator.wallets import EmulatedWallet, Transfer, WalletEntry

__all__ = [
    "Emulator",
    "ManualClock",
    "in_background",
    "Brain",
    "ModelSheet",
    "PlainClips",
    "Charge",
    "EmulatedJob",
    "RequestRecord",
    "EmulatedWallet",
    "WalletEntry",
    "Transfer",
    "Fault",
    "StatusFault",
    "CutFault",
    "RejectFault",
    "JobFault",
    "ConsentFault",
    "SlowFault",
    "GarbageFault",
    "DropFault",
    "PlaceholderFault",
    "Stage",
    "parse_fault",
]

_HOMES = {
    "Emulator": "emulator",
    "ManualClock": "manual_clock",
    "in_background": "background",
    "Brain": "brain",
    "ModelSheet": "catalogue",
    "PlainClips": "plain_clips",
    "Charge": "jobs",
    "EmulatedJob": "jobs",
    "RequestRecord": "visits",
    "EmulatedWallet": "wallets",
    "WalletEntry": "wallets",
    "Transfer": "wallets",
    "parse_fault": "fault_text",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    home = importlib.import_module(f"{__name__}.{_HOMES.get(name, 'faults')}")
    return getattr(home, name)


def __dir__() -> list[str]:
    return __all__

"""Cleaning up at the server: late, patient, and never a reason to fail."""

import asyncio

import pytest
from harness import job_record

from venice_async.errors import BadRequestError
from venice_async.jobs import JobRecord
from venice_async.manager.cleaner import Cleaner

pytestmark = pytest.mark.anyio


class Broom:
    """The runner's part that cleans: refuses what it is told to."""

    def __init__(self, *, refuses: bool = False, breaks: bool = False) -> None:
        self.refuses, self.breaks = refuses, breaks
        self.asked: list[str] = []

    async def clean_up(self, record: JobRecord) -> JobRecord:
        self.asked.append(record.id)
        await asyncio.sleep(0)
        if self.breaks:
            raise RuntimeError("the transport is closed")
        if self.refuses:
            raise BadRequestError("Request ID is invalid.")
        return record


async def cleaned(broom: Broom, *records: JobRecord, enabled: bool = True) -> list[str]:
    """What was asked to be deleted when the cleaner was given these and closed."""
    cleaner = Cleaner(broom, enabled=enabled)  # type: ignore[arg-type]
    cleaner.start()
    for record in records:
        cleaner.add(record)
    await cleaner.aclose()
    return broom.asked


async def test_everything_given_is_cleaned_before_it_closes() -> None:
    """In order, and twice given is once deleted."""
    assert await cleaned(Broom(), job_record(1), job_record(2), job_record(1)) == ["id-1", "id-2"]


async def test_what_comes_later_is_cleaned_too() -> None:
    """It waits for work."""
    broom = Broom()
    cleaner = Cleaner(broom)  # type: ignore[arg-type]
    cleaner.start()
    await asyncio.sleep(0)
    cleaner.add(job_record(5))
    for _ in range(5):
        await asyncio.sleep(0)
    assert broom.asked == ["id-5"]
    await cleaner.aclose()


async def test_refusals_are_believed_after_three() -> None:
    """Each failed request counts against the key; private links do not, and are still revoked."""
    records = [job_record(number) for number in range(6)]
    link = job_record(9, download_url="https://media/9")
    assert await cleaned(Broom(refuses=True), *records, link) == ["id-0", "id-1", "id-2", "id-9"]


async def test_a_disabled_cleaner_deletes_nothing() -> None:
    """And closes at once."""
    assert await cleaned(Broom(), job_record(1), enabled=False) == []


async def test_a_fault_under_one_video_does_not_stop_the_cleaning() -> None:
    """It is told to the event loop, and what was not deleted is marked in the ledger and tried at the next start."""
    told: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    assert await cleaned(Broom(breaks=True), job_record(1), job_record(2)) == ["id-1", "id-2"]
    assert len(told) == 2

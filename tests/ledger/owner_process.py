"""A process that owns jobs in a ledger, to be killed or stopped: does what it is told, line by line, and answers."""

import asyncio
import sys

from venice_async.errors import VeniceError
from venice_async.jobs import JobRecord, JobState, PaidAnswer
from venice_async.ledger import SqliteLedger


async def obey(ledger: SqliteLedger, order: str, name: str) -> str:
    if order == "add":
        return (
            await ledger.add(
                JobRecord(id=name, key=name, model="m", request="{}", output=f"/v/{name}", state=JobState.QUEUED)
            )
        ).id
    if order == "keep":
        ledger.keep(
            PaidAnswer(job_id=name, attempt=1, model="m", queue_id="q", download_url="https://l", queued_at=1.0)
        )
        return "kept"
    if order == "look":
        return ",".join(record.id for record in (await ledger.look()).changed)
    if order == "lease":
        return str(ledger.lease_valid)
    record = await ledger.get(name) if order == "fresh" else seen[name]
    assert record is not None
    return (await ledger.move(record, state=JobState.DOWNLOADING)).state.value


def say(answer: str) -> None:
    sys.stdout.write(f"{answer}\n")
    sys.stdout.flush()


seen: dict[str, JobRecord] = {}


async def main(path: str) -> None:
    ledger = SqliteLedger(path)
    await ledger.open()
    await ledger.join()
    say("joined")
    for line in sys.stdin:
        order, _, name = line.strip().partition(" ")
        try:
            answer = await obey(ledger, order, name)
        except VeniceError as error:
            answer = type(error).__name__
        if order == "add":
            record = await ledger.get(name)
            assert record is not None
            seen[name] = record
        say(answer)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))

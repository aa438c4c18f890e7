"""Where videos will stand: one name a job, nothing in the way, and room on the disk."""

import math
import os
from pathlib import Path

from venice_async import disk
from venice_async.disk import DiskPool
from venice_async.download import Overwrite
from venice_async.errors import Charge, DestinationExistsError, DownloadError, InvalidRequestError
from venice_async.jobs import JobRecord
from venice_async.naming import check_template, render_name, safe_destination, slug

ROOM = 32 * 2**20
"""Bytes that a video is expected to take; one of five seconds has a few MiB."""
_LOOK_AGAIN = 1.0
"""Seconds for which a disk that had room is believed to have it."""


class Places:
    """The names under the output folder that the jobs have. `template` is as `naming.render_name` takes it."""

    def __init__(
        self, output_dir: Path, *, template: str | None, overwrite: Overwrite, pool: DiskPool, at_once: int
    ) -> None:
        if template is not None:
            check_template(template)
        self._folder = output_dir
        self._template = template
        self._overwrite = overwrite
        self._pool = pool
        self._at_once = at_once
        self._looked_at = -math.inf
        self._taken: set[str] = set()
        self._of_job: dict[str, str] = {}

    def name(self, *, key: str | None, model: str, job_id: str, at: float) -> str:
        """A job's output name where its caller gives none: by the template, else from the key, or the model."""
        if self._template is not None:
            return render_name(self._template, key=key or job_id, model=model, job_id=job_id, at=at)
        return f"{slug(key)}.mp4" if key else f"{slug(model)}-{job_id}.mp4"

    def path(self, name: str) -> str:
        """Where a name leads. Raises InvalidRequestError for one that leads out of the folder."""
        return str(safe_destination(self._folder, name))

    def check(self, output: str) -> None:
        """Raises InvalidRequestError where another job writes there, DestinationExistsError where something stands."""
        if output in self._taken:
            sentence = f"Another job already writes to {output}."
            raise InvalidRequestError(sentence, problems=(sentence,))
        if output and self._overwrite is Overwrite.REFUSE and os.path.lexists(output):
            raise DestinationExistsError(f"Something already stands at {output}.")

    async def check_room(self, now: float) -> None:
        """Raises DownloadError where the disk has no room for the videos that may come in at once.

        `now` is in seconds: a thousand jobs that are submitted together look once.
        """
        if now - self._looked_at < _LOOK_AGAIN:
            return
        try:
            free = await self._pool.run(disk.free_bytes, self._folder)
        except OSError:
            return  # nobody can tell, so nothing is refused for it
        if (sentence := disk.shortage(free=free, needed=self._at_once * ROOM)) is not None:
            raise DownloadError(sentence, charge=Charge.NONE, advice="Free some space, or choose another output_dir.")
        self._looked_at = now

    def take(self, record: JobRecord) -> None:
        """The job's place is its own until it is done. A job without a file takes none."""
        if record.output:
            self._of_job[record.id] = record.output
            self._taken.add(record.output)

    def free(self, job_id: str) -> None:
        """The job is done. By its id: a finished record may name another file than the one it was to write to."""
        if (output := self._of_job.pop(job_id, None)) is not None:
            self._taken.discard(output)

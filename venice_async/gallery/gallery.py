"""A page beside the videos that shows them all, and a contact sheet. Works from a file manager, without a server."""

from collections.abc import Sequence
from pathlib import Path

from venice_async.gallery.facts import facts_of
from venice_async.gallery.files import POSTERS, check_place, look, remove_other_posters, write_whole
from venice_async.gallery.page import page
from venice_async.gallery.posters import can_make_posters, make_posters
from venice_async.gallery.sheet import contact_sheet
from venice_async.gallery.words import shown
from venice_async.jobs import JobRecord

PAGE = "index.html"
SHEET = "contact-sheet.png"


def write_gallery(folder: str | Path, records: Sequence[JobRecord], *, title: str = "Videos") -> Path:
    """Write `index.html`, and with the extra `gallery` `contact-sheet.png`, into the folder of the videos.

    Returns the path of the page. It links to the videos by relative names, loads nothing from anywhere else, and tells
    no private link and no path outside of the folder, so the folder can be copied and shown as it is. Jobs without
    a video are there too, with the reason and what became of the money.

    Blocks: call it off the event loop, as in `await asyncio.to_thread(write_gallery, ...)`. With PyAV and Pillow it
    takes a frame of each video that is new since the last time, and keeps them in `gallery/`; without them the browser
    shows the first frames itself and there is no contact sheet. A damaged or missing video is told on the page.

    Raises DestinationExistsError where a page or a picture of that name is not a gallery's, before anything is
    written, and OSError where the folder cannot be written. The videos are only read, and no money is involved.
    """
    folder = Path(folder).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    folder = folder.resolve()
    drawn = can_make_posters() and bool(records)
    for name in (PAGE, SHEET) if drawn else (PAGE,):
        check_place(folder / name)
    ordered = sorted(records, key=lambda record: (record.created_at, record.key))
    jobs = [facts_of(record, look(record, folder), folder=folder) for record in ordered]
    posters = make_posters([job.found for job in jobs], folder / POSTERS)
    if drawn:
        write_whole(folder / SHEET, contact_sheet(jobs, posters, folder / POSTERS, title=shown(title)))
    text = page(jobs, posters={name: f"{POSTERS}/{poster}" for name, poster in posters.items()}, title=title,
                sheet=SHEET if drawn else None)  # fmt: skip
    write_whole(folder / PAGE, text.encode())
    if drawn:  # after the page that no longer names them
        remove_other_posters(folder / POSTERS, posters.values())
    return folder / PAGE

"""What was made, to be looked at: a page and a contact sheet beside the videos."""

from venice_async.gallery.gallery import write_gallery
from venice_async.gallery.posters import can_make_posters

__all__ = ["can_make_posters", "write_gallery"]

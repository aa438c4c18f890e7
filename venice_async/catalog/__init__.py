"""Is this request one that the model takes? Everything wrong with it, found before any money is spent.

The rules are those of the catalogue (`GET /models?type=video`), of the vendor's document and of its guides. What
only the server can know (is the picture really a picture, is the text acceptable) stays the server's.
"""

from venice_async.catalog.catalog import Catalog, Review, refuse
from venice_async.catalog.keeper import CatalogKeeper
from venice_async.catalog.shape import path_problems, shape_problems
from venice_async.catalog.snapshot import snapshot
from venice_async.errors.problems import Problem

__all__ = ["Catalog", "CatalogKeeper", "Problem", "Review", "path_problems", "refuse", "shape_problems", "snapshot"]

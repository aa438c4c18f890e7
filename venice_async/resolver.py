"""Names of private links are resolved to public addresses only, whatever their DNS says at the moment of connecting."""

import socket
from typing import TYPE_CHECKING

from aiohttp.abc import AbstractResolver
from aiohttp.resolver import DefaultResolver

from venice_async.links import is_public

if TYPE_CHECKING:
    from aiohttp.abc import ResolveResult


class PublicResolver(AbstractResolver):
    """aiohttp's own resolver, without the answers that lead into this machine or its network."""

    def __init__(self) -> None:
        self._inner = DefaultResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> "list[ResolveResult]":
        found = [entry for entry in await self._inner.resolve(host, port, family) if is_public(entry["host"])]
        if not found:
            raise OSError(None, "the name leads to no public address")
        return found

    async def close(self) -> None:
        await self._inner.close()

"""Names of private links lead to public addresses only, whatever DNS says."""

from typing import Any

import pytest

from venice_async.resolver import PublicResolver

pytestmark = pytest.mark.anyio


class Names:
    """A resolver that answers what it is told."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.closed = False

    async def resolve(self, host: str, port: int, family: int) -> list[dict[str, Any]]:
        return [{"hostname": host, "host": address, "port": port, "family": family} for address in self.addresses]

    async def close(self) -> None:
        self.closed = True


def resolver(*addresses: str) -> tuple[PublicResolver, Names]:
    """The resolver over such answers."""
    made, names = PublicResolver(), Names(*addresses)
    made._inner = names  # type: ignore[assignment]
    return made, names


async def test_inner_addresses_are_left_out() -> None:
    """A name with a public and an inner address is reached at the public one."""
    made, _ = resolver("10.0.0.1", "8.8.8.8", "::1")
    assert [entry["host"] for entry in await made.resolve("media.example", 443)] == ["8.8.8.8"]


@pytest.mark.parametrize("addresses", [("127.0.0.1",), ("169.254.169.254", "::ffff:10.0.0.1"), ()])
async def test_a_name_that_only_leads_inside_does_not_resolve(addresses: tuple[str, ...]) -> None:
    """As if it did not exist; also where DNS changed its mind since the link was checked."""
    made, _ = resolver(*addresses)
    with pytest.raises(OSError, match="no public address"):
        await made.resolve("rebound.example", 443)


async def test_it_closes_what_it_opened() -> None:
    """The resolver below may hold sockets."""
    made, names = resolver()
    await made.close()
    assert names.closed

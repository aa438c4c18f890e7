"""The two chains whose wallets the API knows."""

import enum


class Chain(enum.Enum):
    """Where a wallet lives; the value is the chain's CAIP-2 name."""

    BASE = "eip155:8453"
    """Base, an Ethereum chain: addresses are `0x` and 40 hex digits, keys sign with secp256k1."""
    SOLANA = "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"
    """Solana's main net: addresses are base58 of 32 bytes, keys sign with Ed25519."""

    @property
    def caip2(self) -> str:
        """The whole name, such as `eip155:8453`."""
        return self.value

    @property
    def reference(self) -> str:
        """The name without its namespace, such as `8453`: what stands on the line `Chain ID` of a sign-in."""
        return self.value.partition(":")[2]

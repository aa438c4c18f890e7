"""The texts of a sign-in, to the byte."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signin.independent import EVM_ADDRESS, read
from venice_async.errors import ConfigurationError
from venice_async.signin.chain import Chain
from venice_async.signin.message import SignInTerms, milliseconds, sign_in_text

ISSUED_MS = 1790794800123
SOLANA_ADDRESS = "FVen3X669xLzsi6N2V91DoiyzHzg1uAgqiT8jZ9nS96Z"
_STATEMENTS = st.text(
    "ABCXYZabcxyz0123456789 -._~:/?#[]@!$&'()*+,;=",
    max_size=60,
)


def terms(**changes: Any) -> SignInTerms:
    usual: dict[str, Any] = {
        "domain": "api.venice.ai",
        "uri": "https://api.venice.ai",
        "statement": "Sign in to Venice API",
        "lifetime": 300.0,
    }
    return SignInTerms(**{**usual, **changes})


def text_of(chain: Chain = Chain.BASE, *, nonce: str = "3f2a91c4d80b7e15", ms: int = ISSUED_MS, **changes: Any) -> str:
    address = EVM_ADDRESS if chain is Chain.BASE else SOLANA_ADDRESS
    return sign_in_text(terms(**changes), chain=chain, address=address, nonce=nonce, issued_ms=ms)


def test_the_text_of_an_ethereum_wallet() -> None:
    """EIP-4361, as two JavaScript libraries write it too."""
    assert text_of() == (
        "api.venice.ai wants you to sign in with your Ethereum account:\n"
        "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266\n"
        "\n"
        "Sign in to Venice API\n"
        "\n"
        "URI: https://api.venice.ai\n"
        "Version: 1\n"
        "Chain ID: 8453\n"
        "Nonce: 3f2a91c4d80b7e15\n"
        "Issued At: 2026-09-30T19:00:00.123Z\n"
        "Expiration Time: 2026-09-30T19:05:00.123Z"
    )


def test_without_a_statement_its_place_stays_empty() -> None:
    """EIP-4361 keeps both line breaks around a statement that is not there."""
    assert text_of(statement="").split("\n")[1:5] == [EVM_ADDRESS, "", "", "URI: https://api.venice.ai"]


def test_the_text_of_a_solana_wallet() -> None:
    """As the vendor's notes show it."""
    assert text_of(Chain.SOLANA, ms=1790794800000) == (
        "api.venice.ai wants you to sign in with your Solana account:\n"
        "FVen3X669xLzsi6N2V91DoiyzHzg1uAgqiT8jZ9nS96Z\n"
        "\n"
        "Sign in to Venice API\n"
        "\n"
        "URI: https://api.venice.ai\n"
        "Version: 1\n"
        "Chain ID: 5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp\n"
        "Nonce: 3f2a91c4d80b7e15\n"
        "Issued At: 2026-09-30T19:00:00.000Z\n"
        "Expiration Time: 2026-09-30T19:05:00.000Z"
    )


def test_on_solana_the_empty_line_goes_with_the_statement() -> None:
    """The sister grammar has one blank line between the address and the fields."""
    assert text_of(Chain.SOLANA, statement="").split("\n")[1:4] == [SOLANA_ADDRESS, "", "URI: https://api.venice.ai"]


@pytest.mark.parametrize("chain", Chain)
@given(
    statement=_STATEMENTS,
    nonce=st.text("abcXYZ0189", min_size=8, max_size=64),
    ms=st.integers(0, 249_999_999_999_999),
    lifetime=st.floats(1.0, 86_400.0),
)
def test_what_is_written_can_be_read(chain: Chain, statement: str, nonce: str, ms: int, lifetime: float) -> None:
    """Any reader of the grammar finds the same fields, and the instants to the millisecond."""
    text = text_of(chain, statement=statement, nonce=nonce, ms=ms, lifetime=lifetime)
    found = read(text, solana=chain is Chain.SOLANA)
    assert (found.statement or "", found.nonce, found.chain) == (statement, nonce, chain.reference)
    issued, expires = (datetime.fromisoformat(instant) for instant in (found.issued, found.expires))
    start = datetime(1970, 1, 1, tzinfo=UTC)
    assert round((issued - start).total_seconds() * 1000) == ms
    assert abs((expires - issued).total_seconds() - lifetime) <= 0.001


@pytest.mark.parametrize(
    "domain", ["venice.ai", "localhost", "localhost:8402", "127.0.0.1:8402", "[::1]:80", "user@host"]
)
def test_a_domain_may_have_a_port(domain: str) -> None:
    """What RFC 3986 calls an authority."""
    assert read(text_of(domain=domain)).domain == domain


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(
            ("domain", bad)
            for bad in ("", " ", "a b", "a\nb", "a\r", "venice.ai\n", "https://venice.ai", "ä.de", "a/b")
        ),
        *(("domain", bad) for bad in (None, 1, b"venice.ai", "a\u2028b", "a?b", "a#b", 'a"b', "a\x00b")),
        *(("uri", bad) for bad in ("", "venice.ai", "https:", "https://a b", "https://a\nb", "https://a\n", "1:a")),
        *(("uri", bad) for bad in ("https://ä.de", None, 5, "https://a\u2028", "https://<a>", "://a")),
        *(("statement", bad) for bad in ("a\nb", "a\r\nURI: https://evil", "a\n", "ä", "\t", "a\x00", "“a”", "\x7f")),
        *(("statement", bad) for bad in ('say "yes"', "<b>", "a\\b", "a|b", "{}", "a^b", "`", "100%", None, 1)),
        *(("lifetime", bad) for bad in (0, -1, 0.5, float("nan"), float("inf"), 86_401, "300", None, True)),
    ],
)
def test_what_the_text_cannot_hold_is_refused(field: str, value: object) -> None:
    """Before anything is signed: a line break would let a field speak for another."""
    with pytest.raises(ConfigurationError, match=f"^{field} must be"):
        terms(**{field: value})


@pytest.mark.parametrize("nonce", ["", "1234567", "1234 678", "12345678\n", "12345-78", "ä2345678", "a" * 65])
def test_a_nonce_is_letters_and_digits(nonce: str) -> None:
    """At least eight of them, as the grammar wants."""
    with pytest.raises(ConfigurationError, match="nonce"):
        text_of(nonce=nonce)


@pytest.mark.parametrize("wall", [float("nan"), float("inf"), float("-inf"), -0.001, 2.5e11])
def test_an_instant_that_no_clock_tells_is_refused(wall: float) -> None:
    """Instead of a text that nobody can read."""
    with pytest.raises(ConfigurationError, match="clock"):
        milliseconds(wall)


@given(st.integers(0, 4_000_000_000_000))
def test_milliseconds_are_kept(ms: int) -> None:
    """What a float of seconds means to the millisecond is not lost to its last bit."""
    assert milliseconds(ms / 1000) == ms


def test_chains_have_two_names() -> None:
    """The whole one and the bare reference."""
    assert [(chain.caip2, chain.reference) for chain in Chain] == [
        ("eip155:8453", "8453"),
        ("solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp", "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"),
    ]
    assert re.fullmatch("[1-9A-HJ-NP-Za-km-z]{32}", Chain.SOLANA.reference)

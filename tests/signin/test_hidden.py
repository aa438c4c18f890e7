"""A wallet's key is used, never shown."""

import asyncio
import copy
import hashlib
import json
import logging
import pickle
import traceback
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from signin.hunt import assert_hidden, reachable
from signin.independent import EVM_KEY, base58_bytes, base58_text, solana_pair
from venice_async.errors import ConfigurationError, SignerError
from venice_async.signin import PaymentToSign, WalletAuth
from venice_async.signin.hidden import HiddenBytes

pytestmark = pytest.mark.anyio

EVM_RAW = bytes.fromhex(EVM_KEY)
SEED = hashlib.sha256(b"a seed to hunt for").digest()
SOLANA_KEY = solana_pair(SEED)[0]
PAIR = base58_bytes(SOLANA_KEY)
KEYS = {"evm": "0x" + EVM_KEY, "solana": SOLANA_KEY, "seed": base58_text(SEED)}
RAW = (EVM_RAW, SEED, PAIR)


@pytest.fixture(params=KEYS)
def auth(request: pytest.FixtureRequest) -> WalletAuth:
    return WalletAuth(KEYS[request.param])


async def test_no_repr_shows_it(auth: WalletAuth) -> None:
    """Neither before nor after it signed; nor do a log line, a container, the headers."""
    for _ in range(2):
        assert_hidden(f"{auth} {auth!r} {auth!s} {[auth]} {auth.secrets()!r}", *RAW)
        headers = await auth.headers()
        shown = f"{headers!r} {dict(headers)} {headers} {auth!r} {auth.secrets()!r}"
        assert_hidden(shown, *RAW)
        assert not any(value in shown for value in headers.values())  # good for one request of somebody else's
    assert auth.address in repr(auth)


async def test_nothing_behind_it_shows_it(auth: WalletAuth) -> None:
    """A debugger that follows every attribute prints it nowhere."""
    await auth.headers()
    things = reachable(auth)
    assert len(things) > 20
    assert any(isinstance(thing, HiddenBytes) for thing in things)
    for thing in things:
        assert_hidden(repr(thing), *RAW)
        if not isinstance(thing, str):
            assert_hidden(f"{thing} {thing!s}", *RAW)


@pytest.mark.parametrize("persist", [pickle.dumps, copy.copy, copy.deepcopy, json.dumps, vars])
async def test_it_is_not_persisted(auth: WalletAuth, persist: Callable[[Any], Any]) -> None:
    """It is not carried along by accident where an object that holds it is stored."""
    for thing in (auth, auth._wallet):
        with pytest.raises(TypeError) as caught:
            persist(thing)
        assert_hidden(str(caught.value), *RAW)


@pytest.mark.parametrize("persist", [pickle.dumps, copy.copy, copy.deepcopy])
async def test_nor_are_its_bytes(persist: Callable[[Any], Any]) -> None:
    """The object that holds them says no as well."""
    with pytest.raises(TypeError, match="not pickled"):
        persist(HiddenBytes(SEED))


async def test_hidden_bytes_work_as_bytes() -> None:
    """Only looking does not."""
    hidden = HiddenBytes(b"abc")
    assert (hidden, hidden.hex(), len(hidden)) == (b"abc", "616263", 3)
    assert (repr(hidden), str(hidden), f"{hidden}", f"{hidden:>5}") == ("b'***'", "***", "***", "  ***")


WRONG = {
    "short": EVM_KEY[:-1],
    "long": EVM_KEY + "0",
    "no hex": EVM_KEY[:-1] + "g",
    "too large": "f" * 64,
    "zero": "0" * 64,
    "two in one": EVM_KEY + EVM_KEY,
    "bytes": EVM_RAW,
    "number": int(EVM_KEY, 16),
    "halves of two": base58_text(SEED + SEED),
    "33 bytes": base58_text(SEED + b"\x01"),
    "63 bytes": base58_text(PAIR[:-1]),
    "no base58": "0" + SOLANA_KEY[1:],
    "a phrase": "test test test test test test test test test test test junk",
    "empty": "",
    "not ASCII": "ä" * 64,
    "two lines": EVM_KEY[:32] + "\n" + EVM_KEY[32:],
    "endless": "1" * 1_000_000,
}


@pytest.mark.parametrize("kind", WRONG)
async def test_a_wrong_key_is_refused_without_a_word_of_it(kind: str) -> None:
    """Neither in the message nor in the local variables that error trackers print."""
    with pytest.raises(ConfigurationError) as caught:
        WalletAuth(WRONG[kind])  # type: ignore[arg-type]
    printed = _printed(caught.value)
    assert_hidden(printed, *RAW)
    given = str(WRONG[kind])
    assert len(given) < 20 or given[:20] not in printed
    assert (caught.value.__context__, caught.value.__cause__) == (None, None)


async def test_a_wrong_key_in_the_environment_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor here."""
    monkeypatch.setenv("VENICE_WALLET_KEY", EVM_KEY + "0")
    with pytest.raises(ConfigurationError) as caught:
        WalletAuth.from_env()
    assert_hidden(_printed(caught.value), *RAW)


async def test_a_traceback_with_locals_does_not_show_it(auth: WalletAuth) -> None:
    """Where anything at all goes wrong after signing, in whatever frame."""

    def late() -> str:
        raise RuntimeError("no nonce")

    auth._nonce = late
    with pytest.raises(RuntimeError) as caught:
        await auth.headers()
    assert_hidden(_printed(caught.value), *RAW)


async def test_a_signature_that_is_no_use_is_not_shown() -> None:
    """A signer may give its key by mistake."""
    for answer in (EVM_KEY, EVM_RAW, bytearray(EVM_RAW), SOLANA_KEY):
        given = {"answer": answer}
        wallet = WalletAuth(address="0x" + "1" * 40, signer=lambda _, given=given: given["answer"])
        del given, answer
        with pytest.raises(SignerError) as caught:
            await wallet.headers()
        assert_hidden(_printed(caught.value), *RAW)


async def test_no_log_shows_it(auth: WalletAuth, caplog: pytest.LogCaptureFixture) -> None:
    """Of ours or of the libraries, down to DEBUG."""
    caplog.set_level(logging.DEBUG)
    logging.getLogger("somebody").debug("signing in with %s: %r", auth, await auth.headers())
    assert caplog.records
    assert_hidden(caplog.text, *RAW)


@pytest.mark.parametrize("name", [*KEYS, "signer"])
def test_asyncio_s_debug_mode_does_not_show_it(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """It prints every callback that is slow, with arguments and results: here each one is called slow."""
    caplog.set_level(logging.DEBUG)
    wallet = WalletAuth(KEYS[name]) if name in KEYS else WalletAuth(address="0x" + "1" * 40, signer=_signer)
    values: list[str] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.slow_callback_duration = -1.0
        made = await asyncio.gather(*(wallet.headers() for _ in range(3)))
        values.extend(value for headers in made for value in headers.values())

    asyncio.run(main(), debug=True)
    assert "took" in caplog.text
    assert_hidden(caplog.text, *RAW)
    for secret in (*wallet.secrets(), *values):
        assert secret not in caplog.text


def _signer(_: object) -> str:
    return "0x" + "12" * 66


async def test_the_server_s_words_can_be_searched_for_it(auth: WalletAuth) -> None:
    """The key as hex, number, base64, bytes; on Solana also as base58 and as its tools' list of numbers."""
    secrets = auth.secrets()
    raw = RAW[0] if auth.chain.name == "BASE" else RAW[1]
    numbers = list(raw)
    for spelled in (raw.hex(), raw.hex().upper(), str(int.from_bytes(raw)), repr(raw)[2:-1], str(numbers)[1:-1]):
        assert spelled in secrets
    if raw is SEED:
        assert {base58_text(SEED), SOLANA_KEY, PAIR.hex()} <= set(secrets)


async def test_errors_hold_none_of_it() -> None:
    """Where the library cannot sign, its own frames and words are left behind."""
    wallet = WalletAuth(KEYS["evm"])
    payment = PaymentToSign(
        address=wallet.address,
        typed_data={"primaryType": "None"},
        usd=Decimal(5),
        pay_to="0x" + "1" * 40,
        asset="0x" + "2" * 40,
        network="eip155:8453",
        valid_before=1_790_795_100,
    )
    with pytest.raises(SignerError) as caught:
        await wallet.sign_payment(payment)
    assert_hidden(_printed(caught.value), *RAW)
    assert (caught.value.__context__, caught.value.__cause__) == (None, None)


def _printed(error: BaseException) -> str:
    """The traceback with local variables, without this test's own source lines and frames."""
    whole = traceback.TracebackException.from_exception(error, capture_locals=True)
    own = [frame for frame in whole.stack if "tests/signin" not in frame.filename]
    assert own
    shown = [f"{frame.name} {frame.line} {frame.locals}" for frame in own]
    return "\n".join([*shown, str(error), repr(error), repr(vars(error)), repr(error.args)])

"""Wallets that keep their key to themselves."""

import asyncio
import contextvars
import functools
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import coincurve
import pytest

from signin.independent import EVM_ADDRESS, EVM_KEY, base58_text, hashed, opened, solana_pair, who_signed
from venice_async.errors import Charge, ConfigurationError, SignerError
from venice_async.signin import Chain, PaymentToSign, SignInToSign, WalletAuth

pytestmark = pytest.mark.anyio

NAME = "SIGN-IN-WITH-X"
SOLANA_ADDRESS = solana_pair(b"\x07" * 32)[1]
Asked = SignInToSign | PaymentToSign


def sign(asked: Asked) -> bytes:
    """What a hardware wallet would do."""
    assert isinstance(asked, SignInToSign)
    raw = asked.message.encode()
    digest = hashed(b"\x19Ethereum Signed Message:\n" + str(len(raw)).encode() + raw)
    return coincurve.PrivateKey(bytes.fromhex(EVM_KEY)).sign_recoverable(digest, hasher=None)


def wallet(signer: Callable[[Asked], Any], **options: Any) -> WalletAuth:
    return WalletAuth(address=EVM_ADDRESS.lower(), signer=signer, **options)


async def sign_soon(asked: Asked) -> str:
    await asyncio.sleep(0)
    return "0x" + sign(asked).hex()


class Remote:
    """A signer that is an object."""

    async def __call__(self, asked: Asked) -> bytes:
        return sign(asked)


def give_later(asked: Asked) -> Awaitable[str]:
    return sign_soon(asked)


@pytest.mark.parametrize(
    "signer",
    [sign, sign_soon, Remote(), give_later, functools.partial(sign_soon), lambda asked: sign(asked).hex(),
     lambda asked: bytearray(sign(asked)), lambda asked: memoryview(sign(asked))],
)  # fmt: skip
async def test_every_kind_of_function_signs(signer: Callable[[Asked], Any]) -> None:
    """Plain, async, an object, one that gives an awaitable."""
    tree = opened((await wallet(signer).headers())[NAME])
    assert who_signed(tree["message"], tree["signature"]) == EVM_ADDRESS == tree["address"]


async def test_it_is_told_what_it_signs() -> None:
    """The text, the address, and a sentence for a person."""
    asked: list[Asked] = []
    await wallet(lambda one: asked.append(one) or sign(one), domain="localhost:1").headers()
    (one,) = asked
    assert isinstance(one, SignInToSign)
    assert (one.address, one.chain, one.domain) == (EVM_ADDRESS, Chain.BASE, "localhost:1")
    assert one.message.startswith("localhost:1 wants you")
    assert "localhost:1" in one.summary
    assert "no money" in one.summary


async def test_plain_functions_run_in_a_thread_one_at_a_time() -> None:
    """A hardware wallet blocks, and answers one question at a time."""
    threads: list[threading.Thread] = []
    busy = threading.Lock()

    def slow(asked: Asked) -> bytes:
        assert busy.acquire(blocking=False)
        threads.append(threading.current_thread())
        signature = sign(asked)
        busy.release()
        return signature

    auth = wallet(slow)
    await asyncio.gather(*(auth.headers() for _ in range(10)))
    assert threading.main_thread() not in threads
    assert len(set(threads)) == 1


async def test_async_functions_run_on_the_event_loop() -> None:
    """They may hold clients that belong to it."""
    seen: list[object] = []

    async def signer(asked: Asked) -> bytes:
        seen.append(asyncio.get_running_loop())
        return sign(asked)

    await wallet(signer).headers()
    assert seen == [asyncio.get_running_loop()]


async def test_the_caller_s_context_is_there_in_the_thread() -> None:
    """Tracing goes through."""
    name = contextvars.ContextVar("name", default="")
    name.set("here")
    seen: list[str] = []
    await wallet(lambda asked: seen.append(name.get()) or sign(asked)).headers()
    assert seen == ["here"]


class _SecretiveError(Exception):
    pass


@pytest.mark.parametrize(
    ("failure", "awaited"),
    [
        *((_SecretiveError(EVM_KEY), awaited) for awaited in (False, True)),
        *((TimeoutError(EVM_KEY), awaited) for awaited in (False, True)),
        *((StopIteration(EVM_KEY), awaited) for awaited in (False, True)),
        (asyncio.CancelledError(EVM_KEY), False),  # raised on the event loop, it is a cancellation
    ],
)
async def test_its_failure_is_told_without_its_words(failure: BaseException, awaited: bool) -> None:
    """Its type is named; its text may hold anything. Nothing hangs, whatever it raises in the thread."""

    def fail(_: Asked) -> bytes:
        raise failure

    async def fail_soon(_: Asked) -> bytes:
        raise failure

    with pytest.raises(SignerError) as caught:
        await wallet(fail_soon if awaited else fail).headers()
    error = caught.value
    assert type(failure).__name__ in str(error) or "RuntimeError" in str(error)
    assert EVM_KEY not in str(error)
    assert (error.__context__, error.__cause__, error.charge) == (None, None, Charge.NONE)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "gave a NoneType"), (17, "gave a int"), ({}, "gave a dict"), (["0x"], "gave a list"),
        ("", "0 characters"), (EVM_KEY, "64 characters"), (b"\x01" * 64, "64 characters"),
    ],
)  # fmt: skip
async def test_what_is_no_signature_is_told(answer: object, words: str) -> None:
    """By its kind and size, and never repeated: it may be the key."""
    with pytest.raises(SignerError, match=words) as caught:
        await wallet(lambda _: answer).headers()
    assert EVM_KEY not in str(caught.value)
    assert caught.value.__context__ is None


async def test_cancellation_passes_through() -> None:
    """The user's own function is cancelled with it."""
    begun, ended = asyncio.Event(), asyncio.Event()

    async def wait(_: Asked) -> bytes:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return b""

    task = asyncio.ensure_future(wallet(wait).headers())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_a_cancelled_wait_leaves_the_thread_in_order() -> None:
    """What has begun there ends unheard; the next sign-in waits its turn."""
    begun, go = threading.Event(), threading.Event()

    def slow(asked: Asked) -> bytes:
        begun.set()
        go.wait(30)
        return sign(asked)

    auth = wallet(slow)
    task = asyncio.ensure_future(auth.headers())
    await asyncio.get_running_loop().run_in_executor(None, begun.wait, 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go.set()
    assert opened((await auth.headers())[NAME])["address"] == EVM_ADDRESS


async def test_a_signer_that_never_answers_is_given_up() -> None:
    """After the time for which its signature would have been good."""

    async def wait(_: Asked) -> bytes:
        await asyncio.Event().wait()
        return b""

    with pytest.raises(SignerError, match="did not answer within 1 s") as caught:
        await wallet(wait, lifetime=1.0).headers()
    assert caught.value.__context__ is None


async def test_solana_signers() -> None:
    """The address is taken as it is; the signature is written in base58."""
    auth = WalletAuth(address=SOLANA_ADDRESS, signer=lambda _: bytes(range(64)))
    tree = opened((await auth.headers())[NAME])
    assert (tree["address"], tree["signature"]) == (SOLANA_ADDRESS, base58_text(bytes(range(64))))
    assert (auth.address, auth.chain, tree["type"]) == (SOLANA_ADDRESS, Chain.SOLANA, "ed25519")


@pytest.mark.parametrize(
    "address", [EVM_ADDRESS, EVM_ADDRESS.lower(), "0x" + EVM_ADDRESS[2:].upper(), "0X" + EVM_ADDRESS[2:]]
)
async def test_an_evm_address_in_any_case_is_checksummed(address: str) -> None:
    """The API wants the checksummed one in the text."""
    auth = WalletAuth(address=address, signer=sign)
    assert auth.address == EVM_ADDRESS
    tree = opened((await WalletAuth(address=address, signer=sign).headers())[NAME])
    assert tree["address"] == tree["message"].split("\n")[1] == EVM_ADDRESS


@pytest.mark.parametrize(
    "address",
    ["", "0x", EVM_ADDRESS[:-1], EVM_ADDRESS + "0", EVM_ADDRESS[2:], "0x" + "g" * 40, SOLANA_ADDRESS + "1", "a.eth",
     "1" * 31, "1" * 33, "0OIl" * 8, None, 17, "1" * 100_000],
)  # fmt: skip
async def test_what_is_no_address(address: str) -> None:
    """A name of a wallet is none."""
    with pytest.raises(ConfigurationError):
        WalletAuth(address=address, signer=sign)


async def test_what_is_no_function() -> None:
    """A key in the place of a signer is not repeated."""
    with pytest.raises(ConfigurationError, match="signer") as caught:
        WalletAuth(address=EVM_ADDRESS, signer=EVM_KEY)  # type: ignore[arg-type]
    assert EVM_KEY not in str(caught.value)

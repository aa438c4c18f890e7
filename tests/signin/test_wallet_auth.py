"""`WalletAuth`: what it sends, judged by other libraries than those it signs with."""

import asyncio
import hashlib
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signin.independent import (
    CURVE_ORDER,
    EVM_ADDRESS,
    EVM_KEY,
    base58_text,
    checksummed,
    hashed,
    opened,
    read,
    recovered,
    signed_by_solana,
    solana_pair,
    who_signed,
)
from venice_async.errors import ConfigurationError, SignerError
from venice_async.signin import Chain, PaymentToSign, WalletAuth

pytestmark = pytest.mark.anyio

SEED = hashlib.sha256(b"a seed for tests").digest()
SOLANA_KEY, SOLANA_ADDRESS = solana_pair(SEED)
NAME = "SIGN-IN-WITH-X"
ISSUED = 1790794800.123
USDC = "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"

# Made by the JavaScript libraries ethers, siwe and viem, which agree: the same key, nonce and instant.
_JSON = (
    '{"address":"0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266","message":"api.venice.ai wants you to sign in with '
    "your Ethereum account:\\n0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266\\n\\n%s\\nURI: https://api.venice.ai\\n"
    "Version: 1\\nChain ID: 8453\\nNonce: 3f2a91c4d80b7e15\\nIssued At: 2026-09-30T19:00:00.123Z\\nExpiration Time: "
    '2026-09-30T19:05:00.123Z","signature":"%s","timestamp":1790794800123,"chainId":8453}'
)
_SIGNED = (
    "0x211f5c7115a161b3d294f990d75c2d2822a34dea76bb482118a3432be58bb480"
    "515c9eaff71a15c3b9ce40c064090923aa4d08c231456c47c7fb593b0925c7341c"
)
_SIGNED_BARE = (
    "0x4bcd951e1dd9685953fa738507bcb59aa1d067fad931fdfb5ff2a8138a0b773a"
    "79372e83920985bbcfd409a80a0079aa286147db533efb21069e72f97c4380ba1b"
)


def clock(wall: float = ISSUED) -> Callable[[], float]:
    return lambda: wall


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("Sign in to Venice API", _JSON % ("Sign in to Venice API\\n", _SIGNED)),
        ("", _JSON % ("", _SIGNED_BARE)),
    ],
)
async def test_the_header_is_the_one_that_other_languages_make(statement: str, expected: str) -> None:
    """Byte for byte: text, signature, JSON and base64."""
    import base64

    auth = WalletAuth(EVM_KEY, statement=statement, wall=clock(), nonce=lambda: "3f2a91c4d80b7e15")
    assert await auth.headers() == {NAME: base64.b64encode(expected.encode()).decode()}


@pytest.mark.parametrize("key", [EVM_KEY, "0x" + EVM_KEY, "0X" + EVM_KEY.upper(), f" {EVM_KEY}\n"])
async def test_an_evm_key_signs_in_as_its_address(key: str) -> None:
    """However the key is written; the public key is recovered by other libraries."""
    auth = WalletAuth(key)
    tree = opened((await auth.headers())[NAME])
    assert set(tree) == {"address", "message", "signature", "timestamp", "chainId"}
    assert (tree["address"], tree["chainId"]) == (EVM_ADDRESS, 8453)
    assert isinstance(tree["chainId"], int)
    assert who_signed(tree["message"], tree["signature"]) == EVM_ADDRESS
    fields = read(tree["message"])
    assert (fields.address, fields.domain, fields.uri) == (EVM_ADDRESS, "api.venice.ai", "https://api.venice.ai")
    assert tree["timestamp"] == round(datetime.fromisoformat(fields.issued).timestamp() * 1000)
    assert (auth.address, auth.chain) == (EVM_ADDRESS, Chain.BASE)


@given(st.integers(1, CURVE_ORDER - 1))
async def test_every_evm_key_signs(number: int) -> None:
    """From the smallest to the largest."""
    auth = WalletAuth(f"{number:064x}", wall=clock())
    tree = opened((await auth.headers())[NAME])
    assert who_signed(tree["message"], tree["signature"]) == auth.address == tree["address"]


@pytest.mark.parametrize("key", [SOLANA_KEY, base58_text(SEED), f"\n{SOLANA_KEY} "])
async def test_a_solana_key_signs_in_as_its_address(key: str) -> None:
    """As 64 bytes with the public half, or as a seed; Ed25519 is checked by another library."""
    auth = WalletAuth(key)
    tree = opened((await auth.headers())[NAME])
    assert set(tree) == {"address", "message", "signature", "timestamp", "chainId", "type"}
    assert (tree["address"], tree["type"]) == (SOLANA_ADDRESS, "ed25519")
    assert tree["chainId"] == "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"
    assert signed_by_solana(tree["message"], tree["signature"], SOLANA_ADDRESS)
    assert read(tree["message"], solana=True).chain == "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"
    assert (auth.address, auth.chain) == (SOLANA_ADDRESS, Chain.SOLANA)


@given(st.binary(min_size=32, max_size=32))
async def test_every_solana_seed_signs(seed: bytes) -> None:
    """Seeds that begin with zeros too, which base58 writes in its own way."""
    auth = WalletAuth(solana_pair(seed)[0], wall=clock())
    tree = opened((await auth.headers())[NAME])
    assert signed_by_solana(tree["message"], tree["signature"], auth.address)
    assert auth.address == solana_pair(seed)[1]


async def test_each_sign_in_is_fresh() -> None:
    """Also when many are asked for at once: 16 hex digits, never the same twice."""
    auth = WalletAuth(EVM_KEY)
    made = await asyncio.gather(*(auth.headers() for _ in range(100)))
    nonces = {read(opened(headers[NAME])["message"]).nonce for headers in made}
    assert len(nonces) == 100
    assert all(len(nonce) == 16 and int(nonce, 16) >= 0 for nonce in nonces)


@pytest.mark.parametrize("name", ["SIGN-IN-WITH-X", "X-Sign-In-With-X", "x-sign-in-with-x"])
async def test_either_name_of_the_header(name: str) -> None:
    """The canonical one and the older."""
    (sent,) = await WalletAuth(EVM_KEY, header=name).headers()
    assert sent in {"SIGN-IN-WITH-X", "X-Sign-In-With-X"}
    assert sent.lower() == name.lower()


@pytest.mark.parametrize("name", ["", "Authorization", "SIGN-IN-WITH-X\r\nEvil: 1", "PAYMENT-SIGNATURE", None])
async def test_no_other_name(name: str) -> None:
    """A credential goes into no header that others read."""
    with pytest.raises(ConfigurationError, match="header"):
        WalletAuth(EVM_KEY, header=name)


async def test_domain_uri_and_statement_are_the_user_s() -> None:
    """For an emulator, or a server of one's own."""
    auth = WalletAuth(EVM_KEY, domain="localhost:8402", uri="http://localhost:8402", statement="Hello", lifetime=60)
    fields = read(opened((await auth.headers())[NAME])["message"])
    assert (fields.domain, fields.uri, fields.statement) == ("localhost:8402", "http://localhost:8402", "Hello")
    issued, expires = datetime.fromisoformat(fields.issued), datetime.fromisoformat(fields.expires)
    assert (expires - issued).total_seconds() == 60


async def test_the_server_s_clock_dates_what_follows() -> None:
    """A machine whose clock is wrong signs in all the same."""
    auth = WalletAuth(EVM_KEY, wall=clock())
    assert auth.learn_time(ISSUED + 3600)
    tree = opened((await auth.headers())[NAME])
    assert tree["timestamp"] == round((ISSUED + 3600) * 1000)
    assert read(tree["message"]).issued == "2026-09-30T20:00:00.123Z"
    assert auth.learn_time(ISSUED)


async def test_what_was_learnt_already_is_no_news() -> None:
    """Nor is the rounding of a Date header."""
    auth = WalletAuth(EVM_KEY, wall=clock())
    assert not auth.learn_time(ISSUED - 0.9)
    assert auth.learn_time(ISSUED - 1.0)
    assert not auth.learn_time(ISSUED - 1.0)
    assert opened((await auth.headers())[NAME])["timestamp"] == round((ISSUED - 1.0) * 1000)


@pytest.mark.parametrize("nonsense", [float("nan"), float("inf"), float("-inf"), -1.0, 0.0, 1e300])
async def test_a_time_that_is_none_is_not_learnt(nonsense: float) -> None:
    """The next sign-in is dated as before."""
    auth = WalletAuth(EVM_KEY, wall=clock())
    assert not auth.learn_time(nonsense)
    assert opened((await auth.headers())[NAME])["timestamp"] == round(ISSUED * 1000)


@pytest.mark.parametrize("days", [-1.001, 1.001, 30.0, 2_900_000.0])
async def test_a_server_cannot_have_sign_ins_dated_for_days_to_come(days: float) -> None:
    """A `Date` that is more than a day off our clock is not learnt, nor in steps of less than a day."""
    auth = WalletAuth(EVM_KEY, wall=clock())
    assert not auth.learn_time(ISSUED + days * 86_400)
    step = 0.9 if days > 0 else -0.9
    assert auth.learn_time(ISSUED + step * 86_400)
    assert not auth.learn_time(ISSUED + 2 * step * 86_400)
    assert opened((await auth.headers())[NAME])["timestamp"] == round((ISSUED + step * 86_400) * 1000)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"private_key": EVM_KEY, "address": EVM_ADDRESS},
        {"private_key": EVM_KEY, "signer": str},
        {"private_key": EVM_KEY, "address": EVM_ADDRESS, "signer": str},
        {"address": EVM_ADDRESS},
        {"signer": str},
    ],
)
async def test_a_key_or_an_address_with_a_signer(options: dict[str, object]) -> None:
    """Exactly one of them."""
    with pytest.raises(ConfigurationError, match="either"):
        WalletAuth(**options)  # type: ignore[arg-type]


async def test_the_key_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """VENICE_WALLET_KEY; an empty one is none."""
    monkeypatch.setenv("VENICE_WALLET_KEY", f" {EVM_KEY} ")
    assert WalletAuth.from_env().address == EVM_ADDRESS
    for value in ("", " "):
        monkeypatch.setenv("VENICE_WALLET_KEY", value)
        with pytest.raises(ConfigurationError, match="VENICE_WALLET_KEY"):
            WalletAuth.from_env()
    monkeypatch.delenv("VENICE_WALLET_KEY")
    with pytest.raises(ConfigurationError, match="VENICE_WALLET_KEY"):
        WalletAuth.from_env()


def test_several_loops_in_turn() -> None:
    """One object outlives its event loop: the thread belongs to none."""
    auth = WalletAuth(EVM_KEY)
    texts = [opened(asyncio.run(_header(auth)))["message"] for _ in range(3)]
    assert len(set(texts)) == 3


async def _header(auth: WalletAuth) -> str:
    return (await auth.headers())[NAME]


async def test_five_in_flight() -> None:
    """What the API takes of one wallet at once."""
    assert WalletAuth(EVM_KEY).in_flight == WalletAuth.in_flight == 5


async def test_the_latest_sign_ins_are_told_to_whoever_redacts() -> None:
    """Each header and its signature; those of long ago are forgotten."""
    auth = WalletAuth(EVM_KEY)
    made = [(await auth.headers())[NAME] for _ in range(40)]
    secrets = auth.secrets()
    assert EVM_KEY in secrets
    assert {*made[-8:], *(opened(header)["signature"] for header in made[-8:])} <= set(secrets)
    assert made[0] not in secrets
    assert len(secrets) < 60


async def test_a_tiny_key_hides_no_digits() -> None:
    """A test's key of 1 must not turn every 1 in the server's words into stars."""
    assert all(len(secret) >= 20 for secret in WalletAuth(f"{1:064x}").secrets())


def payment(address: str = EVM_ADDRESS, *, text: bool = False) -> PaymentToSign:
    nonce, value = bytes(range(32)), 5_000_000
    typed = {
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"},
                {"name": "version", "type": "string"},
                {"name": "chainId", "type": "uint256"},
                {"name": "verifyingContract", "type": "address"},
            ],
            "TransferWithAuthorization": [
                {"name": "from", "type": "address"},
                {"name": "to", "type": "address"},
                {"name": "value", "type": "uint256"},
                {"name": "validAfter", "type": "uint256"},
                {"name": "validBefore", "type": "uint256"},
                {"name": "nonce", "type": "bytes32"},
            ],
        },
        "primaryType": "TransferWithAuthorization",
        "domain": {"name": "USD Coin", "version": "2", "chainId": 8453, "verifyingContract": USDC},
        "message": {
            "from": address,
            "to": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
            "value": str(value) if text else value,
            "validAfter": "0" if text else 0,
            "validBefore": "1790795100" if text else 1_790_795_100,
            "nonce": "0x" + nonce.hex() if text else nonce,
        },
    }
    return PaymentToSign(
        address=address,
        typed_data=typed,
        usd=Decimal(5),
        pay_to="0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
        asset=USDC,
        network="eip155:8453",
        valid_before=1_790_795_100,
    )


def payment_digest() -> bytes:
    """EIP-712 by hand."""

    def word(number: int) -> bytes:
        return number.to_bytes(32)

    kind = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    domain = hashed(
        hashed(kind) + hashed(b"USD Coin") + hashed(b"2") + word(8453) + bytes(12) + bytes.fromhex(USDC[2:])
    )
    kind = (
        b"TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,"
        b"uint256 validBefore,bytes32 nonce)"
    )
    people = (EVM_ADDRESS, "0x70997970C51812dc3A010C7d01b50e0d17dc79C8")
    fields = b"".join(bytes(12) + bytes.fromhex(one[2:]) for one in people)
    fields += word(5_000_000) + word(0) + word(1_790_795_100) + bytes(range(32))
    return hashed(b"\x19\x01" + domain + hashed(hashed(kind) + fields))


@pytest.mark.parametrize("text", [False, True])
async def test_a_payment_is_signed_as_typed_data(text: bool) -> None:
    """With numbers as numbers, or as the texts that JSON needs: the same digest, recovered by hand."""
    signature = await WalletAuth(EVM_KEY).sign_payment(payment(text=text))
    assert recovered(payment_digest(), signature) == EVM_ADDRESS


async def test_a_payment_s_signature_is_a_secret() -> None:
    """Whoever has it can take the money."""
    auth = WalletAuth(EVM_KEY)
    signature = await auth.sign_payment(payment())
    assert signature in auth.secrets()
    assert repr(signature) == "'***'"


async def test_a_payment_of_another_wallet_is_not_signed() -> None:
    """Somebody mixed two wallets up."""
    with pytest.raises(SignerError, match="another wallet"):
        await WalletAuth(EVM_KEY).sign_payment(payment(USDC))


async def test_a_payment_that_is_no_typed_data_is_not_signed() -> None:
    """And the library's own words stay inside: its frames hold the key."""
    broken = payment()
    with pytest.raises(SignerError, match="typed data") as caught:
        await WalletAuth(EVM_KEY).sign_payment(
            PaymentToSign(
                address=EVM_ADDRESS,
                typed_data={"types": {}, "domain": {}},
                usd=broken.usd,
                pay_to=broken.pay_to,
                asset=broken.asset,
                network=broken.network,
                valid_before=broken.valid_before,
            )
        )
    assert caught.value.__context__ is None


async def test_solana_wallets_sign_no_payments() -> None:
    """Said before anything is signed, with what to do instead."""
    with pytest.raises(ConfigurationError, match="Base"):
        await WalletAuth(SOLANA_KEY).sign_payment(payment(SOLANA_ADDRESS))


async def test_summaries_are_for_people() -> None:
    """Amount, from, to, chain and until when."""
    said = payment().summary
    for word in ("5 USDC", EVM_ADDRESS, "0x70997970C51812dc3A010C7d01b50e0d17dc79C8", "eip155:8453", USDC, "UTC"):
        assert word in said


@pytest.mark.parametrize(
    ("key", "library"),
    [(EVM_KEY, "eth_account"), (EVM_KEY, "eth_utils"), (SOLANA_KEY, "nacl"), (SOLANA_KEY, "base58")],
)
async def test_the_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, key: str, library: str) -> None:
    """At construction, as the command that brings it."""
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ConfigurationError, match=r'pip install "venice-async\[wallet\]"'):
        WalletAuth(key)


@pytest.mark.parametrize("address", [EVM_ADDRESS, SOLANA_ADDRESS])
async def test_the_missing_extra_is_named_for_callbacks_too(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """They need its addresses."""
    for library in ("eth_utils", "base58"):
        monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ConfigurationError, match=r'pip install "venice-async\[wallet\]"'):
        WalletAuth(address=address, signer=str)


async def test_a_library_that_breaks_later_is_named_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is found but cannot be imported."""
    auth = WalletAuth(EVM_KEY)
    monkeypatch.setitem(sys.modules, "eth_account", None)
    with pytest.raises(ConfigurationError, match=r"venice-async\[wallet\]") as caught:
        await auth.headers()
    assert caught.value.__context__ is None


def test_imports_wait_until_they_are_needed() -> None:
    """Neither the module nor a wallet with a callback loads what knows keys."""
    code = f"""
import sys
from venice_async.signin import WalletAuth
auth = WalletAuth(address={EVM_ADDRESS.lower()!r}, signer=lambda asked: "")
print(*sorted({{"eth_account", "eth_utils", "nacl", "coincurve", "x402"}} & set(sys.modules)))
assert auth.address == {EVM_ADDRESS!r}
print(*sorted({{"eth_account", "nacl", "coincurve", "x402"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("key", [EVM_KEY, SOLANA_KEY])
def test_signing_is_not_done_on_the_event_loop_s_thread(key: str) -> None:
    """Not a function of the libraries behind an EVM key runs there, nor those of Solana once a wallet is made."""
    code = f"""
import asyncio, sys, threading
from venice_async.signin import WalletAuth
auth = WalletAuth({key!r})
seen, main = set(), threading.main_thread()
def watch(frame, event, argument):
    name = frame.f_globals.get("__name__", "").partition(".")[0]
    if event == "call" and name in ("eth_account", "eth_keys", "eth_utils", "eth_hash", "coincurve", "nacl", "base58"):
        seen.add(frame.f_code.co_qualname)
async def main():
    await asyncio.gather(*(auth.headers() for _ in range(3)))
sys.setprofile(watch)
asyncio.run(main())
sys.setprofile(None)
print(*seen)
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == []


def test_a_fork_signs_on() -> None:
    """The child has no thread of its parent's, and makes one."""
    code = f"""
import asyncio, os, warnings
warnings.simplefilter("ignore")
from venice_async.signin import WalletAuth
auth = WalletAuth({EVM_KEY!r})
asyncio.run(auth.headers())
child = os.fork()
asyncio.run(auth.headers())
if child:
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    print("both")
else:
    os._exit(0)
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["both"]


def test_checksums_by_hand_agree() -> None:
    """The test's own arithmetic is right."""
    assert checksummed(EVM_ADDRESS.lower()) == EVM_ADDRESS

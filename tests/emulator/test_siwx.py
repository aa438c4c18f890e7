"""Signing in with a wallet: what is taken, and every refusal by its code."""

import base64
import json
import sys
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from venice_async.emulator.faults import DropFault, Stage
from venice_async.emulator.messages import Refused
from venice_async.emulator.siwx import signed_in
from venice_async.emulator.wallets import Wallets

from .conftest import WALL
from .purse import SOLANA, Purse, SolanaPurse, packed, spelled_in_base64

PURSE, OTHER, SOL = Purse(1), Purse(2), SolanaPurse(1)


@pytest.fixture
def rich(make_api: Any) -> Any:
    """An API that knows all wallets here, with $25 each."""
    return make_api(video_size=5_000, wallets=Wallets(dict.fromkeys([PURSE.address, OTHER.address, SOL.address], 25)))


def code(answer: Any) -> str:
    """The code of a 401 without its prefix; the status of anything else."""
    if answer.status != 401:
        return str(answer.status)
    assert set(answer.json) == {"error", "code"}
    return str(answer.json["code"]).removeprefix("X402_SIGN_IN_")


def asked(api: Any, tree: Any, **headers: Any) -> str:
    value = tree if isinstance(tree, str) else packed(tree)
    return code(api.post("/video/queue", api.body(), authorization=None, sign_in_with_x=value, **headers))


@pytest.mark.parametrize("name", ["sign_in_with_x", "x_sign_in_with_x"])
@pytest.mark.parametrize("chain", [8453, "8453", "eip155:8453"])
def test_both_header_names_and_all_chain_spellings(rich: Any, name: str, chain: Any) -> None:
    """A good sign-in makes a job under either name, paid from that wallet's credit."""
    headers = {name: packed({**PURSE.tree(), "chainId": chain})}
    assert rich.post("/video/queue", rich.body(), authorization=None, **headers).status == 200
    (charge,) = rich.brain.book.charges
    assert charge.wallet == PURSE.wallet
    assert rich.brain.wallets[PURSE.address].credit_usd == Decimal(25) - charge.usd


def test_the_canonical_header_wins(rich: Any) -> None:
    """Where both are there, the older one is not looked at."""
    headers = {"sign_in_with_x": PURSE.header(), "x_sign_in_with_x": "nonsense", "authorization": "Bearer key"}
    assert rich.post("/video/queue", rich.body(), **headers).status == 200
    headers = {"sign_in_with_x": "nonsense", "x_sign_in_with_x": PURSE.header()}
    assert code(rich.post("/video/queue", rich.body(), **headers)) == "PARSE_ERROR"
    assert rich.brain.requests[0].key is None


def test_a_sign_in_where_none_is_taken(rich: Any) -> None:
    """Routes for keys alone ignore it: with a key they answer, without one they do not, and no nonce is used."""
    header = PURSE.header()
    assert rich.get("/api_keys/rate_limits", sign_in_with_x=header).status == 200
    refused = rich.get("/api_keys/rate_limits", sign_in_with_x=header, authorization=None)
    assert (refused.status, refused.json) == (401, {"error": "Authentication failed"})
    assert asked(rich, header) == "200"


@pytest.mark.parametrize("domain", [
    "venice.ai", "api.venice.ai", "outerface.venice.ai", "preview.venice.ai", "staging.venice.ai", "localhost:3000",
    "127.0.0.1:8402", "[::1]:8402", "https://api.venice.ai", "API.venice.ai", "venice.invalid",
])  # fmt: skip
def test_domains_that_are_taken(rich: Any, domain: str) -> None:
    """The vendor's, those of this machine, and the one that it is served under; protocol and port do not count."""
    assert asked(rich, PURSE.tree(domain=domain)) == "200"


@pytest.mark.parametrize("domain", [
    "venice.ai.example.com", "evil.com", "api.venice.ai@evil.com", "evilvenice.ai", "www.venice.ai", "api.venice.ai:x",
])  # fmt: skip
def test_domains_that_are_not(rich: Any, domain: str) -> None:
    """A text that was signed for somebody else is no good here."""
    assert asked(rich, PURSE.tree(domain=domain)) == "DOMAIN_MISMATCH"


Spoil = Callable[[], Any]
REFUSED: dict[str, list[Spoil]] = {
    "PARSE_ERROR": [
        lambda: "%%%", lambda: "", lambda: base64.b64encode(b"{").decode(), lambda: packed([1]),
        lambda: base64.b64encode(b"[" * 5000).decode(), lambda: json.dumps(PURSE.tree()),
        lambda: {**PURSE.tree(), "timestamp": float("nan")},
    ],
    "INVALID_PAYLOAD": [
        dict, lambda: without("address"), lambda: without("message"), lambda: without("signature"),
        lambda: {**PURSE.tree(), "message": ""}, lambda: {**PURSE.tree(), "address": 5},
        lambda: {**PURSE.tree(), "type": ["eip191"]}, lambda: {**PURSE.tree(), "type": "rsa"},
        lambda: {**without("message"), "domain": "api.venice.ai"},
    ],
    "INVALID_MESSAGE": [
        lambda: {**PURSE.tree(), "message": "hello"}, lambda: {**PURSE.tree(), "message": "\ud800"},
        lambda: PURSE.tree(version="2"), lambda: PURSE.tree(nonce="short"), lambda: PURSE.tree(nonce="0123456-89"),
        lambda: PURSE.tree(text=lambda text: text + "\n"), lambda: PURSE.tree(text=lambda text: text.replace("Z", "")),
        lambda: PURSE.tree(text=lambda text: text.replace("\n\nURI", "\nURI")), lambda: PURSE.tree(said=PURSE.wallet),
        lambda: PURSE.tree(text=lambda text: text.replace("\n", "\r\n")),
        lambda: PURSE.tree(text=lambda text: text.replace("Ethereum", "Solana")),
        lambda: PURSE.tree(text=lambda text: text.replace("-", "/")),
    ],
    "ADDRESS_MISMATCH": [lambda: PURSE.tree(said=OTHER.address), lambda: {**PURSE.tree(), "address": OTHER.address}],
    "INVALID_CHAIN_ID": [
        lambda: without("chainId"), lambda: {**PURSE.tree(), "chainId": True},
        lambda: {**PURSE.tree(), "chainId": 84.5},
        lambda: {**PURSE.tree(), "chainId": "Base mainnet"}, lambda: {**PURSE.tree(), "chainId": "base"},
        lambda: {**PURSE.tree(), "chainId": -8453}, lambda: {**PURSE.tree(), "chainId": "08453 "},
    ],
    "CHAIN_MISMATCH": [
        lambda: PURSE.tree(chain="1"), lambda: PURSE.tree(chain="eip155:8453"),
        lambda: {**PURSE.tree(), "type": "ed25519"}, lambda: {**SOL.tree(), "type": None},
        lambda: SOL.tree(chain="8453"),
    ],
    "UNSUPPORTED_CHAIN": [
        lambda: {**PURSE.tree(), "chainId": 1}, lambda: {**PURSE.tree(), "chainId": "eip155:84532"},
        lambda: {**SOL.tree(), "chainId": "solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1"},
    ],
    "MISSING_NONCE": [
        lambda: PURSE.tree(nonce=None), lambda: PURSE.tree(nonce=""),
        lambda: PURSE.tree(nonce="noncenonce123456", text=lambda text: text.replace(" noncenonce123456", "")),
    ],
    "DOMAIN_MISMATCH": [lambda: PURSE.tree(domain="example.com")],
    "TIMESTAMP_MISMATCH": [
        lambda: {**PURSE.tree(), "timestamp": int((WALL + 31) * 1000)}, lambda: {**PURSE.tree(), "timestamp": WALL},
        lambda: {**PURSE.tree(), "timestamp": str(WALL * 1000)},
        lambda: {**PURSE.tree(), "timestamp": 10**400}, lambda: {**PURSE.tree(), "timestamp": True},
    ],
    "EXPIRED": [
        lambda: PURSE.tree(issued=WALL - 301), lambda: PURSE.tree(expires=WALL), lambda: PURSE.tree(expires=WALL - 1),
    ],
    "FUTURE_TIMESTAMP": [lambda: PURSE.tree(issued=WALL + 31)],
    "NOT_BEFORE": [lambda: PURSE.tree(starts=WALL + 1)],
    "INVALID_SIGNATURE": [
        lambda: {**PURSE.tree(), "signature": OTHER.tree()["signature"]}, lambda: {**PURSE.tree(), "signature": "0x"},
        lambda: {**PURSE.tree(), "signature": "0x" + "00" * 65}, lambda: {**PURSE.tree(), "signature": "0x123"},
        lambda: {**PURSE.tree(), "signature": PURSE.tree()["signature"]},
        lambda: {**PURSE.tree(), "signature": "0x" + "ab" * 200},
        lambda: malleated(PURSE.tree()), lambda: {**SOL.tree(), "signature": SolanaPurse(2).tree()["signature"]},
        lambda: {**SOL.tree(), "signature": "!"},
    ],
    "INVALID_WALLET": [
        lambda: {**PURSE.tree(), "address": "0x12"}, lambda: {**PURSE.tree(), "address": SOL.address},
        lambda: {**SOL.tree(), "address": PURSE.address}, lambda: {**SOL.tree(), "address": "1" * 44},
    ],
}  # fmt: skip


def without(name: str) -> dict[str, Any]:
    tree = PURSE.tree()
    del tree[name]
    return tree


def malleated(tree: dict[str, Any]) -> dict[str, Any]:
    """The other signature of the same text, which anybody can make."""
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    raw = bytes.fromhex(tree["signature"][2:])
    twin = raw[:32] + (order - int.from_bytes(raw[32:64], "big")).to_bytes(32, "big") + bytes([55 - raw[64]])
    return {**tree, "signature": "0x" + twin.hex()}


CASES = [(name, number) for name, spoils in REFUSED.items() for number in range(len(spoils))]


@pytest.mark.parametrize(("name", "number"), CASES)
def test_each_refusal_has_its_code(rich: Any, name: str, number: int) -> None:
    """What is wrong with a sign-in is told, and nothing is made or charged."""
    assert asked(rich, REFUSED[name][number]()) == name
    assert rich.brain.book.charges == []


def test_all_sixteen_codes_are_played() -> None:
    """None of the documented codes is missing here."""
    assert len({*REFUSED, "NONCE_REUSED"}) == 16


def test_a_nonce_is_good_for_one_request(rich: Any) -> None:
    """It is used up when the signature holds, also by a request that then fails; another wallet may have the same."""
    tree = PURSE.tree(nonce="abcdefgh12345678")
    body = rich.body(prompt="")
    first = rich.post("/video/queue", body, authorization=None, sign_in_with_x=packed(tree))
    assert first.status == 400
    assert asked(rich, tree) == "NONCE_REUSED"
    assert asked(rich, OTHER.tree(nonce="abcdefgh12345678")) == "200"


def test_a_refused_sign_in_uses_no_nonce(rich: Any) -> None:
    """Somebody else's signature cannot use a wallet's nonces up."""
    tree = PURSE.tree()
    assert asked(rich, {**tree, "signature": OTHER.tree()["signature"]}) == "INVALID_SIGNATURE"
    assert asked(rich, tree) == "200"


def test_nonces_are_remembered_as_long_as_needed(rich: Any) -> None:
    """5.5 minutes later the same nonce may come back, in a new text."""
    assert asked(rich, PURSE.tree(nonce="abcdefgh12345678")) == "200"
    for later, expected in ((329.0, "NONCE_REUSED"), (330.0, "200")):
        rich.now = later
        tree = PURSE.tree(nonce="abcdefgh12345678", issued=WALL + later, expires=None)
        assert asked(rich, tree) == expected


def test_ages_up_to_the_limit(rich: Any) -> None:
    """Five minutes old, half a minute ahead: both are still taken, and so is a text without an end or a timestamp."""
    for issued in (WALL - 300, WALL + 30):
        assert asked(rich, PURSE.tree(issued=issued, expires=None)) == "200"
    assert asked(rich, {**PURSE.tree(issued=WALL - 200), "timestamp": (WALL - 230) * 1000}) == "200"
    assert asked(rich, without("timestamp")) == "200"


def test_a_request_that_never_came_this_far_uses_no_nonce(make_api: Any) -> None:
    """Where the connection broke before the request was read, its sign-in is as good as new."""
    api = make_api(wallets=Wallets({PURSE.address: 5}), faults=[DropFault(stage=Stage.SEND, times=1)])
    tree = PURSE.tree()
    assert [asked(api, tree), asked(api, tree), asked(api, tree)] == ["0", "200", "NONCE_REUSED"]


@pytest.mark.parametrize("chain", [SOLANA, f"solana:{SOLANA}"])
@pytest.mark.parametrize("spell", [None, spelled_in_base64])
def test_solana(rich: Any, chain: str, spell: Any) -> None:
    """Its own text, and the signature in base58 or base64; the chain's line may be bare or not."""
    assert asked(rich, SOL.tree(chain=chain, spell=spell)) == "200"
    assert rich.brain.requests[0].wallet == SOL.address


def structured(purse: Any, *, solana: bool = False, **changes: Any) -> dict[str, Any]:
    """The same sign-in with its fields in place of the text."""
    tree = purse.tree()
    lines = dict(line.split(": ", 1) for line in tree.pop("message").split("\n") if ": " in line)
    fields = {
        "domain": "api.venice.ai", "uri": lines["URI"], "version": "1", "nonce": lines["Nonce"],
        "issuedAt": lines["Issued At"], "expirationTime": lines["Expiration Time"],
        "statement": "Sign in to Venice API",
    }  # fmt: skip
    return {**tree, **fields, **changes}


@pytest.mark.parametrize("purse", [PURSE, SOL])
def test_fields_in_place_of_the_text(rich: Any, purse: Any) -> None:
    """The server puts the text together, so the signature must fit what it makes of them."""
    assert asked(rich, structured(purse)) == "200"
    assert asked(rich, structured(purse, statement="Something else")) == "INVALID_SIGNATURE"
    assert asked(rich, structured(purse, nonce=None)) == "MISSING_NONCE"
    assert asked(rich, structured(purse, issuedAt=5)) == "INVALID_PAYLOAD"
    assert asked(rich, structured(purse, resources="x")) == "INVALID_PAYLOAD"


def test_fields_with_resources(rich: Any) -> None:
    """Resources and a request id take part in the text."""
    tail = "\nRequest ID: r-1\nResources:\n- https://a.example/x\n- ipfs://y"
    tree = structured(PURSE)
    message = PURSE.tree(nonce=tree["nonce"])["message"] + tail
    extras = {"requestId": "r-1", "resources": ["https://a.example/x", "ipfs://y"], "signature": PURSE.sign(message)}
    assert asked(rich, {**tree, **extras}) == "200"


def test_a_text_without_a_statement(rich: Any) -> None:
    """The statement may be left out; then two empty lines stand together."""
    tree = PURSE.tree(text=lambda text: text.replace("Sign in to Venice API\n", ""))
    assert asked(rich, tree) == "200"


def test_requests_are_recorded_by_wallet_and_nonce(rich: Any) -> None:
    """Also those that were refused, and those on routes that ignore sign-ins; never a signature."""
    tree = PURSE.tree(nonce="abcdefgh12345678")
    asked(rich, {**tree, "signature": "0x"})
    rich.get("/models", sign_in_with_x=packed(tree))
    asked(rich, "nonsense")
    asked(rich, structured(PURSE, nonce="structured12345"))
    told = [(record.wallet, record.nonce) for record in rich.brain.requests]
    mine = (PURSE.wallet, "abcdefgh12345678")
    assert told == [mine, mine, (None, None), (PURSE.wallet, "structured12345")]
    assert tree["signature"] not in repr(rich.brain.requests) + repr(rich.brain.wallets[PURSE.address])


def test_without_the_libraries(rich: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A 501 says what to install; a header that needs no library to be refused is refused as ever."""
    header = PURSE.header()
    for name in ("eth_account.messages", "base58", "nacl.signing"):
        monkeypatch.setitem(sys.modules, name, None)
    answer = rich.post("/video/queue", rich.body(), authorization=None, sign_in_with_x=header)
    assert (answer.status, answer.json) == (
        501, {"error": 'the emulator needs pip install "venice-async[wallet]" to check signatures'},
    )  # fmt: skip
    solana = rich.post("/video/queue", rich.body(), **SOL.credentials())
    paid = rich.send("POST", "/api/v1/x402/top-up", payment_signature=packed(PURSE.payment()))
    balance = rich.get(f"/x402/balance/{PURSE.address}", sign_in_with_x=PURSE.header())
    assert [solana.status, paid.status, balance.status] == [501, 501, 501]
    assert asked(rich, "nonsense") == "PARSE_ERROR"
    assert rich.queue().status == 200


values = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40) | st.lists(st.text(), max_size=2)
)
names = st.sampled_from([
    "address", "message", "signature", "timestamp", "chainId", "type", "domain", "uri", "version", "nonce", "issuedAt",
    "expirationTime", "notBefore", "statement", "resources", "requestId",
])  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(changes=st.dictionaries(names, values, max_size=4), solana=st.booleans(), fields=st.booleans())
def test_nothing_makes_it_raise(changes: dict[str, Any], *, solana: bool, fields: bool) -> None:
    """Whatever a header holds is taken or refused with a 401."""
    purse: Any = SOL if solana else PURSE
    tree = {**(structured(purse) if fields else purse.tree()), **changes}
    refusal = None
    try:
        signed_in({"sign-in-with-x": packed(tree)}, wall=WALL, host="venice.invalid")
    except Refused as refused:
        refusal = refused.answer.status
    assert refusal in {None, 401}

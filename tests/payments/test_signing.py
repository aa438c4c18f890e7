"""What is signed, and what is sent, is what was approved: to the last field, or nothing."""

import base64
import json
from typing import Any

import attrs
import pytest

from payments.bank import ADDRESS, PAYEE, USDC, digest_of
from venice_async.errors import SignerError, UntrustedOfferError
from venice_async.payments import signing
from venice_async.payments.offers import Offer
from venice_async.payments.posting import Bearer
from venice_async.payments.signing import drafted, header_of, signature_in

OFFER = Offer(pay_to=PAYEE, asset=USDC, seconds=300, minimum=5_000_000)
WALL = 1_800_000_000.5
SIGNATURE = "0x" + "ab" * 64 + "1b"


def draft(**changes: Any) -> signing.Draft:
    """A payment of $10."""
    return drafted(attrs.evolve(OFFER, **changes), units=10_000_000, address=ADDRESS, wall=WALL)


def test_the_question_is_the_documented_transfer() -> None:
    """EIP-712 for USDC on Base, and the same for a person who reads it."""
    question = draft().question
    data = question.typed_data
    assert data["primaryType"] == "TransferWithAuthorization"
    assert data["domain"] == {
        "name": "USD Coin",
        "version": "2",
        "chainId": 8453,
        "verifyingContract": "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913",
    }
    message = data["message"]
    assert (message["value"], message["validAfter"], message["validBefore"]) == (10_000_000, 0, 1_800_000_300)
    assert (question.usd, question.network, question.valid_before) == (10, "eip155:8453", 1_800_000_300)
    assert "10 USDC" in question.summary
    assert json.loads(json.dumps(data)) == data


def test_a_library_of_wallets_hashes_the_question_as_we_do_by_hand() -> None:
    """So that any wallet signs what a chain will check."""
    from eth_account.messages import _hash_eip191_message, encode_typed_data

    question = draft().question
    message = {name: str(value) for name, value in question.typed_data["message"].items()}
    assert _hash_eip191_message(encode_typed_data(full_message=dict(question.typed_data))) == digest_of(message)


def test_no_nonce_comes_twice() -> None:
    """Each payment is its own."""
    assert len({draft().nonce for _ in range(50)}) == 50


def test_the_header_says_nothing_else() -> None:
    """Base64 of the payment alone; and the signature in it can be told."""
    made = draft()
    header = header_of(made, SIGNATURE)
    tree = json.loads(base64.b64decode(header, validate=True))
    assert tree["payload"] == {"authorization": dict(made.authorization), "signature": SIGNATURE}
    assert repr(header) == "'***'"
    assert signature_in(header) == SIGNATURE
    assert [signature_in(text) for text in ("x", "e30=", "W10=")] == ["x", "e30=", "W10="]


@pytest.mark.parametrize(
    "change",
    [
        {"to": "0x1111111111111111111111111111111111111111"},
        {"from": "0x1111111111111111111111111111111111111111"},
        {"value": "10000001"},
        {"validAfter": "1"},
        {"validBefore": "1800100000"},
        {"validBefore": "0"},
        {"nonce": "0x12"},
        {"more": "1"},
    ],
    ids=str,
)
def test_a_library_that_makes_another_payment_is_not_followed(
    change: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever field differs, nothing is signed."""
    scheme, requirement, spelled = signing._library()

    class Tampering(scheme):  # type: ignore[misc,valid-type]
        def create_payment_payload(self, *args: Any, **options: Any) -> dict[str, Any]:
            made = super().create_payment_payload(*args, **options)
            made["authorization"].update(change)
            return dict(made)

    monkeypatch.setattr(signing, "_library", lambda: (Tampering, requirement, spelled))
    with pytest.raises(SignerError, match="another payment"):
        draft()


def test_a_library_that_asks_for_another_signature_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it would have signed is compared as well, not only what it would have sent."""
    scheme, requirement, spelled = signing._library()

    def other(**fields: Any) -> Any:
        return requirement(**{**fields, "network": "eip155:1"})

    monkeypatch.setattr(signing, "_library", lambda: (scheme, other, spelled))
    with pytest.raises(SignerError, match="another payment"):
        draft()


@pytest.mark.parametrize(
    "place", [("payload", "authorization", "value"), ("payload", "authorization", "to"), ("payload", "signature"),
              ("accepted", "amount"), ("accepted", "network"), ("extensions",), ("x402Version",)],
)  # fmt: skip
def test_a_header_that_reads_otherwise_is_not_sent(place: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """It is decoded again, and compared with what was approved."""
    from x402.http import utils

    encode = utils.encode_payment_signature_header

    def tampering(payload: Any) -> str:
        tree = inner = json.loads(base64.b64decode(encode(payload)))
        for name in place[:-1]:
            inner = inner[name]
        inner[place[-1]] = "1"
        return base64.b64encode(json.dumps(tree).encode()).decode()

    made = draft()
    monkeypatch.setattr(utils, "encode_payment_signature_header", tampering)
    with pytest.raises(SignerError, match="wrote another payment"):
        header_of(made, SIGNATURE)


@pytest.mark.anyio
async def test_a_payment_is_posted_without_a_credential_and_hides_itself() -> None:
    """Header and signature are taken out of whatever the server repeats."""
    header = header_of(draft(), SIGNATURE)
    bearer = Bearer(header)
    assert not await bearer.headers()
    assert set(bearer.secrets()) == {header, SIGNATURE, SIGNATURE[2:]}
    assert SIGNATURE not in f"{bearer!r}{bearer.secrets()!r}"


@pytest.mark.parametrize("pay_to", ["0x2670B922ef37C7Df47158725C0CC407b5382293f", "0x" + PAYEE[2:-1] + "F"])
def test_a_wrong_checksum_is_refused(pay_to: str) -> None:
    """An address in mixed case says by its case that it is whole."""
    with pytest.raises(UntrustedOfferError, match="checksum"):
        draft(pay_to=pay_to)


def test_a_right_checksum_is_taken() -> None:
    """In any of the three spellings, and signed in the right one."""
    right = draft().question.pay_to
    assert right not in {PAYEE, PAYEE.upper()}
    for pay_to in (right, PAYEE, "0x" + PAYEE[2:].upper()):
        assert draft(pay_to=pay_to).question.pay_to == right

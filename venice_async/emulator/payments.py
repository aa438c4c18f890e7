"""Reading and judging a payment: what a client signed to move USDC, checked field by field as a facilitator would.

The words for each refusal are the emulator's own, the codes those of the vendor's notes.
"""

import hashlib
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from attrs import frozen

from venice_async.emulator.messages import Refused
from venice_async.emulator.signatures import typed_signer
from venice_async.emulator.siwx import normal
from venice_async.emulator.validation import packed_object
from venice_async.emulator.x402 import BASE_NETWORK, LEAST_USD, MOST_USD, UNIT, USDC_ON_BASE

HEADERS: Final = ("payment-signature", "x-402-payment", "x-payment")
"""The canonical name first: it wins where several are sent."""

_NETWORKS: Final = (BASE_NETWORK, "base")
_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII)
_NONCE: Final = re.compile(r"0x[0-9a-fA-F]{64}", re.ASCII)
_HEX: Final = re.compile(r"0x(?:[0-9a-fA-F]{2})+", re.ASCII)
_WHOLE: Final = re.compile(r"0|[1-9][0-9]{0,77}", re.ASCII)
_FIELDS: Final = ("from", "to", "value", "validAfter", "validBefore", "nonce")
_TYPES: Final = {
    "EIP712Domain": [
        {"name": "name", "type": "string"}, {"name": "version", "type": "string"},
        {"name": "chainId", "type": "uint256"}, {"name": "verifyingContract", "type": "address"},
    ],
    "TransferWithAuthorization": [
        {"name": "from", "type": "address"}, {"name": "to", "type": "address"},
        {"name": "value", "type": "uint256"}, {"name": "validAfter", "type": "uint256"},
        {"name": "validBefore", "type": "uint256"}, {"name": "nonce", "type": "bytes32"},
    ],
}  # fmt: skip
_USDC_DOMAIN: Final = {"name": "USD Coin", "version": "2", "chainId": 8453, "verifyingContract": USDC_ON_BASE}


@frozen(kw_only=True)
class Payment:
    """A payment as it was signed: addresses in lower case, `value` in units of USDC, instants in Unix seconds.

    `digest` tells payments apart that share a nonce. The signature is not kept.
    """

    payer: str
    pay_to: str
    value: int
    valid_after: int
    valid_before: int
    nonce: str
    digest: str

    @property
    def usd(self) -> Decimal:
        """The amount in dollars."""
        return Decimal(self.value) / UNIT


def is_sent(headers: Mapping[str, str]) -> bool:
    """Whether a request carries a payment."""
    return any(name in headers for name in HEADERS)


def signed_payment(headers: Mapping[str, str], *, recipients: set[str], bounded: bool) -> Payment:
    """The payment of a request, whose signature fits; whether it is due and new is not looked at.

    `recipients` are the addresses that may be paid, in lower case; only where `bounded` the amounts of the API are
    enforced. Raises Refused: 400 with the code, 501 without the libraries.
    """
    tree = _tree(headers)
    authorization, signature, terms = _parts(tree)
    _check_terms(terms, recipients)
    payment = _payment(authorization, terms, recipients)
    if bounded and payment.value < LEAST_USD * UNIT:
        raise _no("AMOUNT_TOO_LOW", f"The least that can be paid is ${LEAST_USD}")
    if bounded and payment.value > MOST_USD * UNIT:
        raise _no("AMOUNT_TOO_HIGH", f"The most that can be paid is ${MOST_USD}")
    _check_signature(payment, signature)
    return payment


def check_due(payment: Payment, wall: float) -> None:
    """Raises Refused with 400 for a payment that may not be made at this Unix time."""
    if payment.valid_after > wall:
        raise unverified("not_yet_valid", "The authorization is not valid yet")
    if payment.valid_before <= wall:
        raise unverified("expired", "The authorization has expired")


def unverified(reason: str, message: str) -> Refused:
    """The refusal of a payment that a facilitator would not settle."""
    return _no("PAYMENT_VERIFICATION_FAILED", message, details={"reason": reason})


def _tree(headers: Mapping[str, str]) -> dict[str, Any]:
    tree = packed_object(headers, HEADERS)
    if tree is None:
        raise _no("INVALID_PAYMENT_FORMAT", "The payment header is not a JSON object in base64")
    return tree


def _parts(tree: Mapping[str, Any]) -> tuple[dict[str, Any], str, dict[str, Any]]:
    """Authorization, signature, and what is said about them: in `accepted` (version 2) or beside them (version 1)."""
    version, payload, accepted = tree.get("x402Version"), tree.get("payload"), tree.get("accepted", tree)
    if isinstance(version, bool) or version not in (1, 2):
        raise _no("INVALID_PAYMENT", "x402Version must be 1 or 2")
    if not (isinstance(payload, dict) and isinstance(accepted, dict)):
        raise _no("INVALID_PAYMENT", "A payment has a payload, and says which offer it accepts")
    _check_rail(accepted)
    authorization, signature = payload.get("authorization"), payload.get("signature")
    whole = isinstance(authorization, dict) and all(name in authorization for name in _FIELDS)
    if not (whole and isinstance(authorization, dict) and isinstance(signature, str)):
        raise _no("INVALID_PAYMENT", "The payload needs a signature and a whole authorization")
    return authorization, signature, {} if accepted is tree else accepted


def _check_rail(accepted: Mapping[str, Any]) -> None:
    scheme, network = accepted.get("scheme"), accepted.get("network")
    if scheme != "exact":
        raise _no("UNSUPPORTED_SCHEME", "The scheme must be exact")
    if network not in _NETWORKS:
        solana = isinstance(network, str) and network.startswith("solana")
        raise _no("UNSUPPORTED_NETWORK", "The emulator settles payments on Base only" if solana else "Unknown network")


def _check_terms(terms: Mapping[str, Any], recipients: set[str]) -> None:
    """What version 2 repeats of the offer must be what was offered."""
    asset, pay_to = terms.get("asset", USDC_ON_BASE), terms.get("payTo")
    if not isinstance(asset, str) or asset.lower() != USDC_ON_BASE:
        raise _no("UNSUPPORTED_TOKEN", "The asset must be USDC on Base")
    if pay_to is not None and not (isinstance(pay_to, str) and pay_to.lower() in recipients):
        raise _no("INVALID_PAYMENT_RECIPIENT", "The offer that was accepted is not ours")


def _payment(authorization: Mapping[str, Any], terms: Mapping[str, Any], recipients: set[str]) -> Payment:
    payer, pay_to, nonce = (authorization[name] for name in ("from", "to", "nonce"))
    if not (isinstance(payer, str) and _ADDRESS.fullmatch(payer)):
        raise _no("INVALID_PAYMENT_PAYER", "The payer is not an address on Base")
    if not (isinstance(pay_to, str) and pay_to.lower() in recipients):
        raise _no("INVALID_PAYMENT_RECIPIENT", "The payment goes to somebody else")
    value = _whole(authorization["value"])
    least = _whole(terms.get("amount", "0"))
    if value is None or least is None or value < least:
        raise _no("INVALID_AMOUNT", "The amount must be a whole number of units, and not less than what was accepted")
    after, before = _whole(authorization["validAfter"]), _whole(authorization["validBefore"])
    if after is None or before is None or not (isinstance(nonce, str) and _NONCE.fullmatch(nonce)):
        raise unverified("malformed", "validAfter, validBefore or nonce cannot be read")
    told = "|".join((payer.lower(), pay_to.lower(), str(value), str(after), str(before), nonce.lower()))
    return Payment(
        payer=normal(payer), pay_to=pay_to.lower(), value=value, valid_after=after, valid_before=before,
        nonce=nonce.lower(), digest=hashlib.sha256(told.encode()).hexdigest(),
    )  # fmt: skip


def _check_signature(payment: Payment, signature: str) -> None:
    message = {
        "from": payment.payer, "to": payment.pay_to, "value": payment.value, "validAfter": payment.valid_after,
        "validBefore": payment.valid_before, "nonce": bytes.fromhex(payment.nonce[2:]),
    }  # fmt: skip
    typed = {
        "types": _TYPES, "primaryType": "TransferWithAuthorization", "domain": _USDC_DOMAIN, "message": message,
    }  # fmt: skip
    raw = bytes.fromhex(signature[2:]) if _HEX.fullmatch(signature) else b""
    signer = typed_signer(typed, raw)
    if signer is None or signer.lower() != payment.payer:
        raise unverified("invalid_signature", "The signature is not the payer's")


def _whole(value: Any) -> int | None:
    """A uint256 written as text or number; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    text = str(value)
    return int(text) if _WHOLE.fullmatch(text) and int(text) < 2**256 else None


def _no(code: str, message: str, **fields: Any) -> Refused:
    return Refused(400, code, message=message, **fields)

"""The keeper of x402, which makes the payment: its form, and the bytes that are sent.

It is given a requirement of ours, made of checked values and constants, and never the server's own words: in `extra`
and `extensions` these could have it sign something else than one transfer. What it made is compared with what was
approved, before it is signed and once more when it is ready to be sent.
"""

import base64
import json
import re
import time
from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from venice_async.auth import HiddenStr
from venice_async.errors import ConfigurationError, SignerError, UntrustedOfferError
from venice_async.loading import load
from venice_async.payments.offers import CHAIN_ID, LONGEST, NETWORK, SCHEME, TOKEN_NAME, TOKEN_VERSION, USDC, Offer
from venice_async.payments.payment import usd_of
from venice_async.signin import PaymentToSign

_VERSION = 2
_PRIMARY = "TransferWithAuthorization"
_TYPES = {
    "EIP712Domain": [
        {"name": "name", "type": "string"},
        {"name": "version", "type": "string"},
        {"name": "chainId", "type": "uint256"},
        {"name": "verifyingContract", "type": "address"},
    ],
    _PRIMARY: [
        {"name": "from", "type": "address"},
        {"name": "to", "type": "address"},
        {"name": "value", "type": "uint256"},
        {"name": "validAfter", "type": "uint256"},
        {"name": "validBefore", "type": "uint256"},
        {"name": "nonce", "type": "bytes32"},
    ],
}
_NONCE = re.compile(r"0x[0-9a-f]{64}")
# Contract wallets sign with more than the 65 bytes of a key; beyond this no header would carry it.
_SIGNATURE = re.compile(r"0x(?:[0-9a-fA-F]{2}){65,2048}")


@frozen(kw_only=True)
class Draft:
    """A payment that x402 has made and nobody has signed yet."""

    offer: Offer
    units: int
    authorization: Mapping[str, str]
    nonce: str
    valid_before: int
    question: PaymentToSign = field(repr=False)


def drafted(offer: Offer, *, units: int, address: str, wall: float) -> Draft:
    """A payment with a nonce of its own, good for as long as the offer says from `wall` (Unix seconds) on.

    Blocks, and imports x402: for a thread. Raises UntrustedOfferError for an address whose checksum is wrong, and
    SignerError where what the library made is not what was approved.
    """
    scheme, requirement, spelled = _library()
    pay_to = _checksummed(offer.pay_to, spelled)
    until = int(wall) + offer.seconds
    unsigned = _Unsigned(address)
    made = scheme(unsigned).create_payment_payload(
        # The library counts from the machine's clock; ours may be another one, in an emulated world.
        requirement(**_requirement(units, asset=USDC, pay_to=pay_to, seconds=max(1, until - int(time.time()))))
    )
    authorization = made.get("authorization", {})
    nonce, valid_before = str(authorization.get("nonce")), _whole(authorization.get("validBefore"))
    due = {
        "from": address,
        "to": pay_to,
        "value": str(units),
        "validAfter": "0",
        "validBefore": str(valid_before),
        "nonce": nonce,
    }
    timely = 0 < valid_before - int(wall) <= LONGEST + 5
    if authorization != due or not _NONCE.fullmatch(nonce) or not timely or unsigned.asked != _asked(due):
        raise SignerError("The x402 library made another payment than was approved: nothing was signed.")
    question = PaymentToSign(
        address=address,
        typed_data=_typed_data(due),
        usd=usd_of(units),
        pay_to=pay_to,
        asset=USDC,
        network=NETWORK,
        valid_before=valid_before,
    )
    return Draft(offer=offer, units=units, authorization=due, nonce=nonce, valid_before=valid_before, question=question)


def header_of(draft: Draft, signature: str) -> HiddenStr:
    """The signed payment as its header carries it. Blocks shortly: for a thread.

    Raises SignerError for what is no signature, and where the header, read again, is not what was approved.
    """
    if not _SIGNATURE.fullmatch(signature):
        raise SignerError("The wallet gave something that is no signature: nothing was sent.")
    from x402.http.utils import encode_payment_signature_header
    from x402.schemas import PaymentPayload, PaymentRequirements

    offer = draft.offer
    accepted = _requirement(draft.units, asset=offer.asset, pay_to=offer.pay_to, seconds=offer.seconds)
    signed = {"authorization": dict(draft.authorization), "signature": str.__str__(signature)}
    header = encode_payment_signature_header(
        PaymentPayload(x402_version=_VERSION, payload=signed, accepted=PaymentRequirements(**accepted))
    )
    due = {
        "x402Version": _VERSION,
        "payload": {"authorization": draft.authorization, "signature": signature},
        "accepted": {
            "scheme": SCHEME,
            "network": NETWORK,
            "asset": offer.asset,
            "amount": str(draft.units),
            "payTo": offer.pay_to,
            "maxTimeoutSeconds": offer.seconds,
            "extra": {"name": TOKEN_NAME, "version": TOKEN_VERSION},
        },
    }
    if _read(header) != due:
        raise SignerError("The x402 library wrote another payment than was approved: nothing was sent.")
    return HiddenStr(header)


def signature_in(header: str) -> str:
    """The signature in a signed payment; the header itself where it holds none."""
    tree = _read(header)
    payload = tree.get("payload") if isinstance(tree, dict) else None
    signature = payload.get("signature") if isinstance(payload, dict) else None
    return signature if isinstance(signature, str) and signature else header


class _Unsigned:
    """Stands in the place of the signer: the library asks it at once, and a person or a device needs time."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.asked: tuple[Any, ...] = ()

    def sign_typed_data(self, domain: Any, types: Mapping[str, Any], primary_type: str, message: Any) -> bytes:
        fields = [{"name": each.name, "type": each.type} for each in types[primary_type]]
        self.asked = (_plain_domain(domain), sorted(types), fields, primary_type, dict(message))
        return b""


def _plain_domain(domain: Any) -> dict[str, Any]:
    return {
        "name": domain.name,
        "version": domain.version,
        "chainId": domain.chain_id,
        "verifyingContract": domain.verifying_contract,
    }


def _asked(authorization: Mapping[str, str]) -> tuple[Any, ...]:
    """What the library has to ask the signer for, to the last field."""
    message = {**_message(authorization), "nonce": bytes.fromhex(authorization["nonce"][2:])}
    return (_domain(), [_PRIMARY], _TYPES[_PRIMARY], _PRIMARY, message)


def _domain() -> dict[str, Any]:
    return {"name": TOKEN_NAME, "version": TOKEN_VERSION, "chainId": CHAIN_ID, "verifyingContract": USDC}


def _message(authorization: Mapping[str, str]) -> dict[str, Any]:
    numbers = {name: int(authorization[name]) for name in ("value", "validAfter", "validBefore")}
    return {"from": authorization["from"], "to": authorization["to"], **numbers, "nonce": authorization["nonce"]}


def _typed_data(authorization: Mapping[str, str]) -> dict[str, Any]:
    return {"types": _TYPES, "primaryType": _PRIMARY, "domain": _domain(), "message": _message(authorization)}


def _requirement(units: int, *, asset: str, pay_to: str, seconds: int) -> dict[str, Any]:
    return {
        "scheme": SCHEME,
        "network": NETWORK,
        "asset": asset,
        "amount": str(units),
        "pay_to": pay_to,
        "max_timeout_seconds": seconds,
        "extra": {"name": TOKEN_NAME, "version": TOKEN_VERSION},
    }


def _checksummed(address: str, spelled: Any) -> str:
    """The address as EIP-55 spells it. One that mixes cases in another way was mistyped, or changed on its way."""
    right = str(spelled(address))
    digits = address[2:]
    if address != right and digits not in {digits.lower(), digits.upper()}:
        raise UntrustedOfferError("The address to pay to has a wrong checksum: nothing was signed.")
    return right


def _library() -> tuple[Any, Any, Any]:
    try:
        load("x402.mechanisms.evm.exact.client")
        from x402.mechanisms.evm.exact.client import ExactEvmScheme
        from x402.mechanisms.evm.utils import normalize_address
        from x402.schemas import PaymentRequirements
    except ImportError:
        pass
    else:
        return ExactEvmScheme, PaymentRequirements, normalize_address
    raise ConfigurationError('Top-ups need some libraries more: pip install "venice-async[wallet]"')


def _whole(text: Any) -> int:
    return int(text) if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 20 else 0


def _read(header: str) -> Any:
    try:
        return json.loads(base64.b64decode(header, validate=True))
    except ValueError:
        return None

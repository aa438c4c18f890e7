"""Python's siwe and solders over our sign-in headers: JSON in, verdicts out. Runs in an environment of its own."""

import base64
import datetime as dt
import json
import sys
import warnings
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from siwe import SiweMessage
    from solders.pubkey import Pubkey
    from solders.signature import Signature


def solana(header: str, **_: object) -> dict[str, Any]:
    """What solders says of one header."""
    told = json.loads(base64.b64decode(header, validate=True))
    signature, address = Signature.from_string(told["signature"]), Pubkey.from_string(told["address"])
    return {"solders verify": signature.verify(address, told["message"].encode())}


def base(header: str, domain: str, now: float) -> dict[str, Any]:
    """What siwe says of one header."""
    told = json.loads(base64.b64decode(header, validate=True))
    message = SiweMessage.from_message(told["message"])
    instant = dt.datetime.fromtimestamp(now, dt.UTC)
    try:
        message.verify(told["signature"], domain=domain, nonce=message.nonce, timestamp=instant)
        verified: bool | str = True
    except Exception as error:  # noqa: BLE001 -- whatever it raises is its verdict
        verified = repr(error)
    return {
        "siwe 4 prepare_message": message.prepare_message() == told["message"],
        "siwe 4 verify": verified,
        "siwe 4 address": message.address == told["address"],
    }


JUDGES = {"base": base, "solana": solana}
json.dump([JUDGES[item.pop("kind")](**item) for item in json.load(sys.stdin)], sys.stdout)

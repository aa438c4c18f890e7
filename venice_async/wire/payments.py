"""What a 402 says, in its three shapes: plain, discovery (no credential at all), and the form for wallets.

The shapes are those of the vendor's OpenAPI document and guide. What is asked stands in the body and, in base64, in
the header PAYMENT-REQUIRED: the header alone will do, since something in between may put its own page in the place of
the body. Nothing here raises, whatever comes, and nothing here is believed: the values say what the server claims.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from venice_async.errors import (
    DiscoveryError,
    PaymentOption,
    PaymentRequiredError,
    SignInChallenge,
    TopUpInstructions,
    WalletBalanceError,
)
from venice_async.wire.exchange import ReplyHead
from venice_async.wire.text import as_written, clean, parse_json

_LARGEST_HEADER = 64 * 1024
_DEEPEST = 16
_HIGHEST_USD = 10**12
_BASE64 = re.compile(r"[A-Za-z0-9+/]+")
_URL_SAFE = str.maketrans("-_", "+/")
_STEP = re.compile(r"step([1-9])")
_WALLET_FIELDS = frozenset({"currentBalanceUsd", "minimumBalanceUsd", "topUpInstructions", "siwxChallenge"})


def payment_error(
    endpoint: str, message: str, facts: Mapping[str, Any], head: ReplyHead, fields: Mapping[str, Any]
) -> PaymentRequiredError:
    """The error of a 402. `fields` is its body, empty where that is missing or no JSON object."""
    told = header_tree(head.headers.get("payment-required", ""))
    known: dict[str, Any] = {
        **facts,
        "payment": _payment(fields, told),
        "options": options_of(fields) or options_of(told),
        "payment_required": told or None,
    }
    if endpoint == "top_up":
        return PaymentRequiredError(message, **known)  # it takes no credential, so none is missing
    if _is_discovery(fields, told):
        return DiscoveryError(message, **known, auth_options=_auth_options(fields) or _auth_options(told))
    if _is_wallet_form(fields, told):
        return WalletBalanceError(message, **known, **_wallet_form(fields, told))
    return PaymentRequiredError(message, **known)


def header_tree(text: str) -> dict[str, Any]:
    """The object that a header holds as base64 of JSON, url-safe and unpadded too; empty where it is not sound."""
    if len(text) > _LARGEST_HEADER:
        return {}
    plain = text.strip().translate(_URL_SAFE).rstrip("=")
    if not _BASE64.fullmatch(plain):
        return {}
    try:
        tree = parse_json(base64.b64decode(plain + "=" * (-len(plain) % 4)))
    except (binascii.Error, ValueError):
        return {}
    return tree if isinstance(tree, dict) and not _is_deep(tree) else {}


def options_of(fields: Mapping[str, Any]) -> tuple[PaymentOption, ...]:
    """The ways to pay in `accepts`. An entry that is not built as documented is no way to pay, and left out."""
    accepts = fields.get("accepts")
    options = [_option(entry) for entry in accepts] if isinstance(accepts, list) else []
    return tuple(option for option in options if option is not None)


def _option(entry: Any) -> PaymentOption | None:
    if not isinstance(entry, dict):
        return None
    texts = [entry.get(name) for name in ("scheme", "network", "asset", "amount", "payTo")]
    extra, seconds = entry.get("extra"), entry.get("maxTimeoutSeconds")
    if not all(isinstance(text, str) for text in texts) or not isinstance(extra, dict | None) or _is_deep(extra):
        return None
    scheme, network, asset, amount, pay_to = (as_written(text) for text in texts if text is not None)
    return PaymentOption(
        scheme=scheme,
        network=network,
        asset=asset,
        amount=amount,
        pay_to=pay_to,
        max_timeout_seconds=_seconds(seconds),
        extra=_shown(extra or {}),
    )


def _payment(fields: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    said = {name: item for name, item in fields.items() if name not in {"error", "code"} and not _is_deep(item)}
    return {**said, "payment_required": told} if told else said


def _is_discovery(fields: Mapping[str, Any], told: Mapping[str, Any]) -> bool:
    if fields:
        return "x402Version" in fields and not _is_wallet_form(fields, told)
    return "authOptions" in told or told.get("error") == "Authentication required"


def _is_wallet_form(fields: Mapping[str, Any], told: Mapping[str, Any]) -> bool:
    if fields:
        return fields.get("code") == "PAYMENT_REQUIRED" or not _WALLET_FIELDS.isdisjoint(fields)
    return "x402Version" in told  # the same header without `authOptions`


def _auth_options(fields: Mapping[str, Any]) -> dict[str, Any] | None:
    options = fields.get("authOptions")
    return _shown(options) if isinstance(options, dict) and not _is_deep(options) else None


def _wallet_form(fields: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    extensions = _object(told.get("extensions"))
    return {
        "balance_usd": _usd(fields.get("currentBalanceUsd")),
        "minimum_balance_usd": _usd(fields.get("minimumBalanceUsd")),
        "minimum_top_up_usd": _usd(fields.get("minimumTopUpUsd")),
        "suggested_top_up_usd": _usd(fields.get("suggestedTopUpUsd")),
        "instructions": _instructions(fields.get("topUpInstructions")),
        "challenge": _challenge(fields.get("siwxChallenge")) or _challenge(extensions.get("sign-in-with-x")),
        "tokens": _texts(fields.get("supportedTokens")),
        "chains": _texts(fields.get("supportedChains")),
    }


def _instructions(tree: Any) -> TopUpInstructions | None:
    if not isinstance(tree, dict):
        return None
    steps = sorted(name for name, text in tree.items() if _STEP.fullmatch(name) and isinstance(text, str))
    decimals = tree.get("tokenDecimals")
    return TopUpInstructions(
        steps=tuple(clean(tree[name]) for name in steps),
        receiver_wallet=_text(tree.get("receiverWallet")),
        token_address=_text(tree.get("tokenAddress")),
        token_decimals=decimals if type(decimals) is int and 0 <= decimals <= 255 else None,
        network=_text(tree.get("network")),
        minimum_usd=_usd(tree.get("minimumAmountUsd")),
    )


def _challenge(tree: Any) -> SignInChallenge | None:
    if not isinstance(tree, dict) or not isinstance(info := tree.get("info"), dict):
        return None
    supported = tree.get("supportedChains")
    chains = [_object(entry).get("chainId") for entry in supported] if isinstance(supported, list) else []
    return SignInChallenge(
        domain=_text(info.get("domain")),
        uri=_text(info.get("uri")),
        nonce=_text(info.get("nonce")),
        issued_at=_text(info.get("issuedAt")),
        expires_at=_text(info.get("expirationTime")),
        statement=_text(info.get("statement")),
        chains=_texts(chains),
    )


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return as_written(value) if isinstance(value, str) else ""


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(as_written(item) for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def _usd(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    return Decimal(value) if -_HIGHEST_USD <= value <= _HIGHEST_USD else None


def _seconds(value: Any) -> float | int | None:
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not -_HIGHEST_USD <= value <= _HIGHEST_USD:
        return None
    return value if isinstance(value, int) else float(value)


def _shown(value: Any) -> Any:
    match value:
        case str():
            return as_written(value, limit=500)
        case dict():
            return {as_written(name): _shown(item) for name, item in value.items()}
        case list():
            return [_shown(item) for item in value]
        case _:
            return value


def _is_deep(tree: Any) -> bool:
    """Whether it is nested deeper than anything documented. Looked at level by level, so that no depth can hurt."""
    level = [tree]
    for _ in range(_DEEPEST + 1):
        inner = [value for value in level if isinstance(value, dict | list)]
        level = [item for value in inner for item in (value.values() if isinstance(value, dict) else value)]
        if not level:
            return False
    return True

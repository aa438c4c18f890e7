"""What signers give, in the one form that the API takes."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signin.independent import CURVE_ORDER, base58_bytes, base58_text
from venice_async.signin.answers import signature_text
from venice_async.signin.chain import Chain

R = bytes(range(1, 33))
LOW_S = bytes(31) + b"\x07"
HIGH_S = (CURVE_ORDER - 7).to_bytes(32)


@pytest.mark.parametrize(("given_v", "v"), [(0, 27), (1, 28), (27, 27), (28, 28), (31, 31), (32, 32)])
def test_v_is_27_or_28(given_v: int, v: int) -> None:
    """Some libraries count from 0. What only a contract wallet means stays."""
    assert signature_text(Chain.BASE, R + LOW_S + bytes([given_v])) == "0x" + (R + LOW_S + bytes([v])).hex()


@pytest.mark.parametrize(("given_v", "v"), [(0, 28), (1, 27), (27, 28), (28, 27)])
def test_s_is_the_lower_one(given_v: int, v: int) -> None:
    """Key services give either; many verifiers and the token's contract take one."""
    assert signature_text(Chain.BASE, R + HIGH_S + bytes([given_v])) == "0x" + (R + LOW_S + bytes([v])).hex()


@given(st.binary(min_size=66, max_size=4096))
def test_a_contract_wallet_s_signature_is_left_alone(raw: bytes) -> None:
    """EIP-1271: only the contract can read it."""
    for spelled in (raw, raw.hex(), "0x" + raw.hex(), f" 0X{raw.hex().upper()}\n"):
        assert signature_text(Chain.BASE, spelled) == "0x" + raw.hex()


@pytest.mark.parametrize(
    "answer",
    [
        *("", b"", "0x", "0x12", "no", b"\x01" * 64, b"\x01" * 4097, "0x" + "1" * 129, "0x" + "g" * 130, "ä" * 130),
        *(R + LOW_S + bytes([v]) for v in (2, 26, 29, 30, 33, 255)),
        *(R + s + b"\x1b" for s in (bytes(32), CURVE_ORDER.to_bytes(32), b"\xff" * 32)),
        base64.b64encode(R + LOW_S + b"\x1b").decode(),
    ],
)
def test_what_is_no_evm_signature(answer: str | bytes) -> None:
    """Refused here, before a request is spent on it."""
    assert signature_text(Chain.BASE, answer) is None


@given(st.binary(min_size=64, max_size=64))
def test_a_solana_signature_however_it_is_written(raw: bytes) -> None:
    """Bytes, base58, base64 with and without a line break at its end."""
    for answer in (raw, base58_text(raw), base64.b64encode(raw).decode(), base64.b64encode(raw).decode() + "\n"):
        text = signature_text(Chain.SOLANA, answer)
        assert text is not None
        assert base58_bytes(text) == raw


@pytest.mark.parametrize(
    "answer",
    [
        *("", b"", b"\x01" * 63, b"\x01" * 65, "0x" + "1" * 128, base58_text(b"\x01" * 63), "l" * 88, "ä", "=" * 88),
        *(base64.b64encode(b"\x01" * 65).decode(), "A" * 100_000),
    ],
)
def test_what_is_no_solana_signature(answer: str | bytes) -> None:
    """64 bytes and nothing else."""
    assert signature_text(Chain.SOLANA, answer) is None


@given(st.text(max_size=200) | st.binary(max_size=200))
def test_nothing_raises(answer: str | bytes) -> None:
    """Whatever a signer gives."""
    for chain in Chain:
        text = signature_text(chain, answer)
        assert text is None or repr(text) == "'***'"

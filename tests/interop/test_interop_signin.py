"""Our sign-in, judged by libraries that we did not write."""

import json

import pytest
from made import COUNT, evm_key, headers, solana_key
from others import Program, assert_all

pytestmark = [pytest.mark.heavy, pytest.mark.anyio]


async def test_evm_headers_satisfy_javascript(node: Program) -> None:
    """npm's siwe (2 and 3), viem and ethers accept each, and render the same text byte for byte."""
    made = await headers(evm_key, seed=1)
    verdicts = node("judge.mjs", told=json.dumps(made))
    assert len(verdicts) == COUNT
    assert_all(verdicts)


async def test_evm_headers_satisfy_python(python: Program) -> None:
    """PyPI's siwe accepts each, and renders the same text byte for byte."""
    verdicts = python("judge.py", told=json.dumps(await headers(evm_key, seed=2)))
    assert len(verdicts) == COUNT
    assert_all(verdicts)


async def test_solana_headers_satisfy_javascript(node: Program) -> None:
    """tweetnacl and Node's OpenSSL accept each."""
    verdicts = node("judge.mjs", told=json.dumps(await headers(solana_key, seed=3)))
    assert len(verdicts) == COUNT
    assert_all(verdicts)


async def test_solana_headers_satisfy_rust(python: Program) -> None:
    """solders, which is Solana's own SDK in Rust, accepts each."""
    verdicts = python("judge.py", told=json.dumps(await headers(solana_key, seed=5)))
    assert len(verdicts) == COUNT
    assert_all(verdicts)


async def test_the_judges_refuse_what_is_wrong(node: Program, python: Program) -> None:
    """A header judged for another domain, or too late, is refused by each of them."""
    [first, second, *_] = await headers(evm_key, seed=4)
    wrong = [{**first, "domain": "example.org"}, {**second, "now": second["now"] + 600}]
    for verdicts in (node("judge.mjs", told=json.dumps(wrong)), python("judge.py", told=json.dumps(wrong))):
        assert len(verdicts) == 2
        assert all(any(said is not True for said in each.values()) for each in verdicts)

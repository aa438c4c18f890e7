"""Credentials: used, never shown."""

import copy
import json
import logging
import pickle
import traceback

import canaries
import pytest

from venice_async.auth import ApiKeyAuth, HiddenStr, NoAuth
from venice_async.errors import ConfigurationError

pytestmark = pytest.mark.anyio


async def test_the_key_is_sent_as_a_bearer_token() -> None:
    """Surrounding blanks, as copying brings them along, do not matter."""
    headers = await ApiKeyAuth(f" {canaries.KEY}\n").headers()
    assert headers == {"authorization": f"Bearer {canaries.KEY}"}


@pytest.mark.parametrize(
    "key", ["", " ", "\n", "a b", "a\nb", "a\r\nX-Evil: 1", "a\x00b", "schlüssel", "a\tb", "a\x7fb"]
)
async def test_a_key_that_no_header_can_carry_is_refused(key: str) -> None:
    """It is refused before anything is sent, and the message does not repeat it."""
    with pytest.raises(ConfigurationError) as caught:
        ApiKeyAuth(key)
    assert not key.strip() or key not in str(caught.value)


@pytest.mark.parametrize("key", ["0x" + "5e" * 31 + "07", " 0X" + "AB" * 32 + "\n"])
async def test_a_wallet_s_private_key_is_no_api_key(key: str) -> None:
    """Put into the wrong variable it would be sent to the server: it says where it belongs, and not what it is."""
    with pytest.raises(ConfigurationError, match=r"wallet's private key.*VENICE_WALLET_KEY") as caught:
        ApiKeyAuth(key)
    assert key.strip()[2:] not in str(caught.value)


@pytest.mark.parametrize("key", ["5e" * 32, "0x" + "5e" * 31, "0x" + "5e" * 33, "0x" + "5g" * 32])
async def test_what_only_begins_like_one_may_be_an_api_key(key: str) -> None:
    """How an API key looks is the server's business."""
    assert ApiKeyAuth(key).secrets() == (key,)


async def test_nothing_shows_the_key() -> None:
    """Neither repr nor format of the auth, nor a container that holds its headers."""
    auth = ApiKeyAuth(canaries.KEY)
    shown = (
        repr(auth),
        str(auth),
        f"{auth}",
        repr([auth]),
        repr(await auth.headers()),
        repr(dict(await auth.headers())),
    )
    canaries.assert_nothing_secret(*shown)


async def test_a_traceback_with_locals_does_not_show_it() -> None:
    """Error trackers print local variables."""

    async def fail() -> None:
        auth = ApiKeyAuth(canaries.KEY)
        headers = await auth.headers()
        raise RuntimeError(len(headers))

    with pytest.raises(RuntimeError) as caught:
        await fail()
    printed = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    assert canaries.KEY not in "".join(line for line in printed.format() if "canaries.KEY" not in line)


async def test_a_log_line_of_the_headers_does_not_show_it(caplog: pytest.LogCaptureFixture) -> None:
    """`%s` of a dict prints reprs."""
    caplog.set_level(logging.DEBUG)
    logging.getLogger("somebody").debug("sending %s", await ApiKeyAuth(canaries.KEY).headers())
    assert caplog.records
    assert canaries.KEY not in caplog.text


@pytest.mark.parametrize("persist", [pickle.dumps, copy.copy, copy.deepcopy, json.dumps])
async def test_the_key_is_not_persisted(persist: object) -> None:
    """It is not carried along by accident where an object that holds it is stored."""
    with pytest.raises(TypeError):
        persist(ApiKeyAuth(canaries.KEY))  # type: ignore[operator]


async def test_the_server_s_words_can_be_searched_for_it() -> None:
    """What the key is, is told to whoever redacts."""
    assert ApiKeyAuth(canaries.KEY).secrets() == (canaries.KEY,)


async def test_a_hidden_text_is_a_text() -> None:
    """It works in headers and formats as any other."""
    hidden = HiddenStr("abc")
    assert (hidden, f"{hidden}", hidden.encode(), repr(hidden)) == ("abc", "abc", b"abc", "'***'")


async def test_without_a_key_nothing_is_sent() -> None:
    """The catalogue and quotes need no credential."""
    assert (dict(await NoAuth().headers()), NoAuth().secrets(), repr(NoAuth())) == ({}, (), "NoAuth()")

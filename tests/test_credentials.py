"""Which way in, from arguments and the environment."""

from collections.abc import Mapping

import pytest

from venice_async.auth import ApiKeyAuth, NoAuth
from venice_async.credentials import auth_from, check_credential, lane_of, payer_of, wallet_of
from venice_async.errors import ConfigurationError
from venice_async.lane import Lane
from venice_async.signin import WalletAuth

WALLET = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key of the machine that the tests run on."""
    monkeypatch.delenv("VENICE_API_KEY", raising=False)
    monkeypatch.delenv("VENICE_WALLET_KEY", raising=False)


class Own:
    """An `Auth` of somebody's own."""

    async def headers(self) -> Mapping[str, str]:
        return {}

    def secrets(self) -> tuple[str, ...]:
        return ()


def test_nothing_is_no_credential() -> None:
    """Which is enough for some calls, and said before the others."""
    auth = auth_from(None, None)
    assert isinstance(auth, NoAuth)
    with pytest.raises(ConfigurationError) as caught:
        check_credential(auth)
    assert "VENICE_API_KEY" in str(caught.value)
    assert "VENICE_WALLET_KEY" in str(caught.value)
    assert wallet_of(auth) is lane_of(auth) is None


def test_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The API key comes before the wallet; empty variables count as none."""
    pytest.importorskip("eth_account")
    monkeypatch.setenv("VENICE_API_KEY", "")
    monkeypatch.setenv("VENICE_WALLET_KEY", WALLET)
    auth = auth_from(None, None)
    assert wallet_of(auth) is auth
    assert repr(lane_of(auth)) == "<Lane 0/5 in flight, 0 long, 0 waiting>"
    assert lane_of(auth) is lane_of(auth), "all clients of this wallet"
    check_credential(auth)
    monkeypatch.setenv("VENICE_API_KEY", "k")
    assert isinstance(auth_from(None, None), ApiKeyAuth)
    monkeypatch.setenv("VENICE_API_KEY", "")
    monkeypatch.setenv("VENICE_WALLET_KEY", "")
    assert isinstance(auth_from(None, None), NoAuth)


def test_arguments_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also an empty key: whoever gives one means none of the environment."""
    monkeypatch.setenv("VENICE_API_KEY", "k")
    monkeypatch.setenv("VENICE_WALLET_KEY", WALLET)
    own = Own()
    assert auth_from(None, own) is own
    assert auth_from("given", None).secrets() == ("given",)
    assert isinstance(auth_from("", None), NoAuth)
    with pytest.raises(ConfigurationError):
        auth_from("given", own)


def test_a_wallet_key_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused at once, and not repeated."""
    pytest.importorskip("eth_account")
    monkeypatch.setenv("VENICE_WALLET_KEY", "canary")
    with pytest.raises(ConfigurationError) as caught:
        auth_from(None, None)
    assert "canary" not in str(caught.value)


def test_what_limits_requests_in_flight() -> None:
    """A lane or a whole number of the auth's own; anything else is no limit."""
    own = Own()
    assert (lane_of(own), lane_of(ApiKeyAuth("k")), wallet_of(own)) == (None, None, None)
    own.in_flight = "3"  # type: ignore[attr-defined]
    assert lane_of(own) is None
    own.in_flight = 3  # type: ignore[attr-defined]
    assert "0/3" in repr(lane_of(own))
    own.lane = Lane(2)  # type: ignore[attr-defined]
    assert lane_of(own) is own.lane  # type: ignore[attr-defined]


def test_who_pays_in_a_few_words() -> None:
    """The address of a wallet is not worked out for it: that imports libraries."""
    assert payer_of(Own()) == "own credential"
    assert payer_of(ApiKeyAuth("a-secret")) == "API key"
    assert payer_of(NoAuth()) == "no credential"
    wallet = WalletAuth(WALLET)
    assert payer_of(wallet) == "wallet"
    assert wallet.address
    assert payer_of(wallet) == "wallet 0xf39F...2266"

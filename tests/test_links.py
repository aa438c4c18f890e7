"""Which addresses may be talked to, and which links lead into a trap."""

# ruff: noqa: S104 -- these addresses are judged, never bound
import pytest
from hypothesis import given
from hypothesis import strategies as st

from venice_async.errors import Charge, ConfigurationError, UnexpectedReplyError
from venice_async.links import check_base_url, check_link, is_loopback, is_public, link_secrets

REAL = "https://api.venice.ai/api/v1"
LOCAL = "http://127.0.0.1:8402/api/v1"

HOSTILE_LINKS = [
    "", " ", "file:///etc/passwd", "ftp://venice.ai/v.mp4", "data:video/mp4;base64,AAAA", "gopher://venice.ai/",
    "javascript:alert(1)", "//venice.ai/v.mp4", "/media/v.mp4", "venice.ai/v.mp4", "https:", "https://", "https:///v.mp4",
    "http://venice.ai/v.mp4", "http://media.venice.ai:443/v", "HTTP://venice.ai/v",
    "https://user@venice.ai/v", "https://user:pass@venice.ai/v", "https://venice.ai@evil.example/v",
    "https://venice.ai:443@evil.example/v", "https://:@venice.ai/v", "https://venice.ai\\@evil.example/v",
    "https://evil.example\\.venice.ai/v", "https://venice.ai\t.evil/v", "https://venice.ai/\r\nHost: evil",
    "https://venice.ai/ x",
    "https://venice.ai/\x00", "https://véñice.ai/v", "https://venice\u3002ai/v", "https://\uff11\uff12\uff17.0.0.1/v",
    "https://127.0.0.1/v", "https://127.1/v", "https://127.0.0.1./v", "https://2130706433/v", "https://2130706433./v",
    "https://0x7f000001/v", "https://0x7f.1/v", "https://0177.0.0.1/v", "https://0/v", "https://0.0.0.0/v",
    "https://10.0.0.1/v", "https://192.168.1.1/v", "https://169.254.169.254/latest/meta-data", "https://100.64.0.1/v",
    "https://8.8.8.8/v", "https://[::1]/v", "https://[::]/v", "https://[::ffff:127.0.0.1]/v", "https://[fe80::1%25eth0]/v",
    "https://[2001:4860:4860::8888]/v", "https://[::1]evil.example/v", "https://evil.example[::1]/v", "https://[::1/v",
    "https://%31%32%37%2e0%2e0%2e%31/v", "https://venice.ai%2eevil.example/v", "https://localhost/v",
    "https://LOCALHOST./v",
    "https://venice.ai:99999/v", "https://venice.ai:x/v", "https://venice.ai:443:443/v", "https://venice.ai:-1/v",
    "https://..venice.ai/v", "https://./v", "https://venice..ai/v", "https://*.venice.ai/v", "https://a,b/v", "https://;/v",
]  # fmt: skip

HOSTILE_BASES = [
    "", "api.venice.ai", "http://api.venice.ai/api/v1", "http://evil.example", "ftp://api.venice.ai", "ws://127.0.0.1",
    "https://", "https://user@api.venice.ai", "https://user:pw@api.venice.ai", "https://api.venice.ai@evil.example",
    "https://api.venice.ai/api/v1?key=1", "https://api.venice.ai/api/v1#x", "https://api.venice.ai/api/v1?",
    "https://api.venice.ai/api/v1#", "https://api.venice.ai:x/", "https://api.venice.ai /", "https://api.venice.ai\n",
    "https://api.venice.ai\\x", "http://127.0.0.1.evil.example/", "http://localhost.evil.example/", "http://127.1/",
    "http://10.0.0.1/", "http://[::1]evil.example/", "http://localhost@evil.example/", "http://0.0.0.0/",
    "https://api.venice.ai%2eevil.example/", "https://véñice.ai/",
]  # fmt: skip


def test_there_are_enough_traps_here() -> None:
    """The list of hostile addresses is what this module is worth."""
    assert len(set(HOSTILE_LINKS)) == len(HOSTILE_LINKS) >= 40


@pytest.mark.parametrize("link", HOSTILE_LINKS)
def test_a_hostile_link_is_refused(link: str) -> None:
    """The link is the server's word; a wrong one must not lead into the network that we run in."""
    with pytest.raises(UnexpectedReplyError) as caught:
        check_link(link, base_url=REAL)
    assert caught.value.charge is Charge.CHARGED
    assert len(link) < 4 or link not in str(caught.value)


@pytest.mark.parametrize(
    "link",
    ["https://media.venice.ai/v/abc?sig=1", "https://cdn.example.com:8443/v.mp4", "https://a-b.c_d.example/x%20y",
     "https://venice.ai.", "https://xn--vnice-bsa.ai/v", "https://1.example/v", "https://0x7f.example/v"],
)  # fmt: skip
def test_a_public_link_is_taken_as_it_is(link: str) -> None:
    """Signatures in links do not survive being rewritten."""
    assert check_link(link, base_url=REAL) == link


@pytest.mark.parametrize("link", ["http://127.0.0.1:8402/media/x", "http://localhost:1/x", "https://[::1]:5/x"])
def test_only_a_loopback_api_may_hand_out_loopback_links(link: str) -> None:
    """An emulator's links lead to this machine; the real API's must not."""
    assert check_link(link, base_url=LOCAL) == link
    with pytest.raises(UnexpectedReplyError):
        check_link(link, base_url=REAL)


@pytest.mark.parametrize("link", ["ftp://127.0.0.1/x", "file://localhost/etc/passwd"])
def test_a_loopback_api_gets_no_other_schemes(link: str) -> None:
    """Also an emulator is asked over HTTP only."""
    with pytest.raises(UnexpectedReplyError):
        check_link(link, base_url=LOCAL)


@pytest.mark.parametrize("url", HOSTILE_BASES)
def test_an_unsafe_base_url_is_refused(url: str) -> None:
    """The API key goes there: in the clear only to this machine, and never to a host that looks like another."""
    with pytest.raises(ConfigurationError) as caught:
        check_base_url(url)
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "clean"),
    [(REAL, REAL), (REAL + "/", REAL), (LOCAL + "//", LOCAL), ("http://localhost:8402", "http://localhost:8402"),
     ("http://[::1]:8402/api/v1", "http://[::1]:8402/api/v1"), ("https://proxy.example.com:8443/venice", "https://proxy.example.com:8443/venice")],
)  # fmt: skip
def test_a_safe_base_url_loses_only_its_trailing_slashes(url: str, clean: str) -> None:
    """Paths are appended to it."""
    assert check_base_url(url) == clean


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "localhost.", "127.0.0.1", "127.9.9.9", "::1"])
def test_what_is_this_machine(host: str) -> None:
    """Names and addresses that cannot be anything else."""
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["", "127.1", "0.0.0.0", "localhost.evil", "127.0.0.1.evil", "10.0.0.1", "::", "a.localhost"]
)
def test_what_is_not_surely_this_machine(host: str) -> None:
    """Everything that a resolver could send elsewhere."""
    assert not is_loopback(host)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "100.100.100.200",
     "0.0.0.0",
     "255.255.255.255", "224.0.0.1", "240.0.0.1", "192.0.0.192", "198.18.0.1", "::", "::1", "fe80::1", "fe80::1%eth0",
     "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:100.64.0.1",
     "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::",
     "2002:a00:1::", "2001::1", "2001:db8::1", "5f00::1", "", "venice.ai", "1.2.3"],
)  # fmt: skip
def test_addresses_that_lead_inside(address: str) -> None:
    """Whatever notation an inner address hides in, no private link is fetched from it."""
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "104.18.0.1", "2606:4700::6812:1", "2001:4860:4860::8888", "64:ff9b::808:808", "::ffff:8.8.8.8"],
)
def test_addresses_of_the_public_internet(address: str) -> None:
    """Also through the translations of networks that have IPv6 only."""
    assert is_public(address)


@given(st.text(max_size=60))
def test_no_text_makes_the_checks_stumble(text: str) -> None:
    """Any text is either an address or refused by name."""
    for prefix in ("", "https://", "https://[", "http://localhost"):
        for check, refusal in (
            (check_base_url, ConfigurationError),
            (lambda url: check_link(url, base_url=REAL), UnexpectedReplyError),
        ):
            try:
                check(prefix + text)
            except refusal:
                continue
    is_public(text)
    is_loopback(text)


@given(st.ip_addresses())
def test_no_bare_address_is_ever_a_link(address: object) -> None:
    """Links have names: then it is DNS, and our resolver behind it, that decides where they lead."""
    text = f"[{address}]" if ":" in str(address) else str(address)
    with pytest.raises(UnexpectedReplyError):
        check_link(f"https://{text}/v", base_url=REAL)


def test_what_would_give_a_link_away() -> None:
    """The link, its path and its telling parts; not words that every link has."""
    found = link_secrets("https://media.venice.ai/media/abcdef0123456789?sig=0123456789abcdef&x=1")
    assert {"abcdef0123456789", "0123456789abcdef", "/media/abcdef0123456789"} <= set(found)
    assert not {"media", "sig", "1", ""} & set(found)

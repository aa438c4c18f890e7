"""One attempt over real sockets: what is proved when a wire breaks, and what never leaves this machine."""

import asyncio
import gc
import logging
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import Executor
from pathlib import Path

import canaries
import pytest
from canaries import assert_nothing_secret, assert_nothing_secret_logged
from raw_server import RawServer, Wire, always, closed_port, reply

from venice_async.auth import HiddenStr
from venice_async.errors import (
    APIConnectionError,
    ConfigurationError,
    ConnectError,
    InvalidRequestError,
    ReplyLostError,
    SendError,
)
from venice_async.media import measured
from venice_async.models import MediaFile
from venice_async.transport import AiohttpTransport, Timeouts
from venice_async.wire.exchange import Call, Channel, ReplyHead, Segment

pytestmark = pytest.mark.anyio

HEADERS = {"authorization": HiddenStr(f"Bearer {canaries.KEY}"), "content-type": "application/json"}
ALL_CHANNELS = pytest.mark.parametrize("channel", list(Channel))


@pytest.fixture
async def transport() -> AsyncIterator[AiohttpTransport]:
    """A transport for an API on this machine."""
    made = AiohttpTransport(base_url="http://127.0.0.1/api/v1")
    yield made
    await made.aclose()


def call_to(
    server: RawServer | str,
    channel: Channel = Channel.QUEUE,
    *,
    method: str = "POST",
    body: tuple[bytes | MediaFile, ...] = (b'{"model":"m"}',),
) -> Call:
    """A call as the client makes it, with canaries wherever a secret stands."""
    url = server if isinstance(server, str) else server.url
    headers = {} if channel is Channel.MEDIA else dict(HEADERS)
    path = f"/media/{canaries.LINK}" if channel is Channel.MEDIA else "/api/v1/video/queue"
    return Call(
        name="queue", method=method, url=url + path, channel=channel, headers=headers,
        body=body if method == "POST" else (),
    )  # fmt: skip


async def exchange(transport: AiohttpTransport, call: Call) -> tuple[ReplyHead, bytes]:
    """Head and whole body."""
    async with transport.send(call) as answer:
        return answer.head, b"".join([chunk async for chunk in answer.chunks()])


async def broken(transport: AiohttpTransport, call: Call) -> APIConnectionError:
    """The error of an exchange that cannot end well."""
    with pytest.raises(APIConnectionError) as caught:
        await exchange(transport, call)
    return caught.value


async def hang_up_after_request(wire: Wire) -> None:
    await wire.request()
    wire.close()


async def reset_after_request(wire: Wire) -> None:
    await wire.request()
    wire.reset()


async def reset_on_accept(wire: Wire) -> None:
    wire.reset()


async def half_a_head(wire: Wire) -> None:
    await wire.request()
    await wire.send(b"HTTP/1.1 200 OK\r\nContent-Ty")
    wire.close()


async def nonsense(wire: Wire) -> None:
    await wire.request()
    await wire.send(b"\x00\xff this is not HTTP at all\r\n\r\n")
    wire.close()


async def two_lengths(wire: Wire) -> None:
    await wire.request()
    await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 5\r\n\r\n{}")
    wire.close()


async def endless_header(wire: Wire) -> None:
    await wire.request()
    await wire.send(b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 100_000 + b"\r\n\r\n")
    wire.close()


async def short_body(wire: Wire) -> None:
    await wire.request()
    await wire.send(reply(body=b'{"queue_id"', length=50))
    wire.close()


async def reset_in_body(wire: Wire) -> None:
    await wire.request()
    await wire.send(reply(body=b'{"queue_id"', length=50))
    wire.reset()


async def cut_chunked(wire: Wire) -> None:
    await wire.request()
    await wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n{")
    wire.close()


async def bad_chunk(wire: Wire) -> None:
    await wire.request()
    await wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n")
    wire.close()


async def silence(wire: Wire) -> None:
    await wire.request()
    await wire.reader.read()


async def silence_in_body(wire: Wire) -> None:
    await wire.request()
    await wire.send(reply(body=b"{", length=50))
    await wire.reader.read()


LOST: tuple[Callable[[Wire], Awaitable[None]], ...] = (
    hang_up_after_request, reset_after_request, half_a_head, nonsense, two_lengths, endless_header,
    short_body, reset_in_body, cut_chunked, bad_chunk,
)  # fmt: skip


class TestConnections:
    async def test_every_paid_post_has_a_connection_of_its_own(self, transport: AiohttpTransport) -> None:
        """A kept connection that the server is just closing would leave a paid call's outcome unknown."""
        async with RawServer(always(reply())) as server:
            for _ in range(4):
                await exchange(transport, call_to(server))
            assert [seen.connection for seen in server.requests] == [1, 2, 3, 4]

    async def test_other_calls_share_a_connection(self, transport: AiohttpTransport) -> None:
        """Polls are many: a connection whose answer was read to its end is used again."""
        async with RawServer(always(reply())) as server:
            for _ in range(4):
                await exchange(transport, call_to(server, Channel.CONTROL))
            assert {seen.connection for seen in server.requests} == {1}

    async def test_a_body_that_was_not_read_costs_its_connection(self, transport: AiohttpTransport) -> None:
        """What is left of an answer must never be read as the beginning of the next one."""
        big = reply(body=b"x" * 3_000_000)
        async with RawServer(always(big)) as server:
            for _ in range(2):
                async with transport.send(call_to(server, Channel.CONTROL)) as answer:
                    assert answer.head.status == 200
            head, body = await exchange(transport, call_to(server, Channel.CONTROL))
            assert (head.status, len(body), server.connections) == (200, 3_000_000, 3)

    @pytest.mark.parametrize("end", [hang_up_after_request, reset_after_request])
    @pytest.mark.parametrize("method", ["GET", "DELETE", "POST"])
    @ALL_CHANNELS
    async def test_a_disconnect_is_never_answered_with_a_second_request(
        self, transport: AiohttpTransport, channel: Channel, method: str, end: Callable[[Wire], Awaitable[None]]
    ) -> None:
        """One call is one request, also where the HTTP library would silently repeat an idempotent method."""
        async with RawServer(end) as server:
            error = await broken(transport, call_to(server, channel, method=method))
            assert (type(error), len(server.requests)) == (ReplyLostError, 1)

    @pytest.mark.parametrize("method", ["GET", "DELETE"])
    async def test_a_stale_connection_is_not_retried_behind_our_back(
        self, transport: AiohttpTransport, method: str
    ) -> None:
        """Also on a reused connection the server sees each call once."""

        async def once_then_hang_up(wire: Wire) -> None:
            await wire.request()
            await wire.send(reply())
            await wire.request()
            wire.close()

        async with RawServer(once_then_hang_up) as server:
            await exchange(transport, call_to(server, Channel.MEDIA, method=method))
            error = await broken(transport, call_to(server, Channel.MEDIA, method=method))
            assert (type(error), len(server.requests)) == (ReplyLostError, 2)

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    @ALL_CHANNELS
    async def test_redirects_are_not_followed(self, transport: AiohttpTransport, channel: Channel, status: int) -> None:
        """A redirect comes back as it is: following it would carry the key or the prompt elsewhere."""
        async with RawServer(always(reply())) as elsewhere:
            async with RawServer(always(reply(status, Location=elsewhere.url + "/stolen"))) as server:
                method = "GET" if channel is Channel.MEDIA else "POST"
                head, _ = await exchange(transport, call_to(server, channel, method=method))
            assert (head.status, elsewhere.connections) == (status, 0)


class TestProofs:
    @ALL_CHANNELS
    async def test_a_refused_connection_proves_that_nothing_was_processed(
        self, transport: AiohttpTransport, channel: Channel
    ) -> None:
        """Nobody listens: the request certainly was not taken."""
        error = await broken(transport, call_to(f"http://127.0.0.1:{closed_port()}", channel))
        assert isinstance(error, ConnectError)
        assert (error.proof, error.transient) == ("no connection was made", True)

    async def test_a_name_that_does_not_resolve_is_a_failed_connection(self, transport: AiohttpTransport) -> None:
        """Names under .invalid lead nowhere."""
        error = await broken(transport, call_to("http://nowhere.invalid"))
        assert isinstance(error, ConnectError)
        assert error.proof is not None

    @pytest.mark.parametrize("host", ["bad host", "a" * 70 + ".example", "a%zz"], ids=["blank", "overlong", "escape"])
    async def test_an_address_that_is_none_is_a_failed_connection(self, transport: AiohttpTransport, host: str) -> None:
        """Whatever the HTTP library raises about it: no header had been sent, and that is the proof."""
        error = await broken(transport, call_to(f"http://{host}"))
        assert (type(error), error.proof) == (ConnectError, "no connection was made")

    async def test_a_certificate_that_is_not_trusted_is_refused_for_good(
        self, transport: AiohttpTransport, tmp_path: Path
    ) -> None:
        """A self-signed server gets no request, and trying again would not help."""
        pem = tmp_path / "server.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", pem, "-out", f"{pem}.crt"],
            check=True, capture_output=True,
        )  # fmt: skip
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{pem}.crt", pem)
        async with RawServer(always(reply()), tls=context) as server:
            error = await broken(transport, call_to(server))
            assert (type(error), error.transient, server.requests) == (ConnectError, False, [])
            assert "certificate" in str(error)

    async def test_a_server_that_speaks_no_tls_is_a_failed_connection(self, transport: AiohttpTransport) -> None:
        """No secure connection, no request."""

        async def plain(wire: Wire) -> None:
            await wire.reader.read(1)
            await wire.send(reply(400))
            wire.close()

        async with RawServer(plain) as server:
            error = await broken(transport, call_to(server.url.replace("http:", "https:")))
            assert (type(error), server.requests) == (ConnectError, [])

    async def test_a_full_backlog_times_out_as_a_failed_connection(self) -> None:
        """A connection that is never accepted by TLS counts as never made."""

        async def mute(wire: Wire) -> None:
            await wire.reader.read()
            await asyncio.Event().wait()

        quick = AiohttpTransport(base_url="https://127.0.0.1", timeouts=Timeouts(connect=0.05))
        async with RawServer(mute) as server:
            error = await broken(quick, call_to(server.url.replace("http:", "https:")))
            await quick.aclose()
        assert isinstance(error, ConnectError)
        assert "too long" in str(error)

    async def test_a_reset_in_the_middle_of_a_large_upload_proves_it_too(self, transport: AiohttpTransport) -> None:
        """As long as the last byte was not released, no server can have understood the request."""

        async def reset_after_some(wire: Wire) -> None:
            await wire.reader.readexactly(200_000)
            wire.reset()

        picture = MediaFile.from_bytes(b"\x01" * 24_000_000, content_type="image/png")
        async with RawServer(reset_after_some) as server:
            error = await broken(transport, call_to(server, body=(b'{"image_url":"', picture, b'"}')))
        assert isinstance(error, SendError)
        assert error.proof == "the last byte of the body was withheld"

    async def test_an_early_refusal_of_a_large_upload_is_read(self, transport: AiohttpTransport) -> None:
        """A server that answers 413 without reading everything is understood, not taken for a broken wire."""

        async def refuse_early(wire: Wire) -> None:
            await wire.reader.readexactly(100_000)
            await wire.send(reply(413, b'{"error":"too large"}'))
            await wire.reader.read()

        picture = MediaFile.from_bytes(b"\x01" * 6_000_000, content_type="image/png")
        async with RawServer(refuse_early) as server:
            call = call_to(server, body=(b'{"image_url":"', picture, b'"}'))
            head, _ = await exchange(transport, call)
        assert head.status == 413

    @pytest.mark.parametrize("serve", LOST)
    @ALL_CHANNELS
    async def test_trouble_after_the_last_byte_is_a_lost_reply(
        self, transport: AiohttpTransport, channel: Channel, serve: Callable[[Wire], Awaitable[None]]
    ) -> None:
        """Whatever breaks after the request is out proves nothing, and one request is all that was sent."""
        async with RawServer(serve) as server:
            error = await broken(transport, call_to(server, channel))
            assert (type(error), error.proof, len(server.requests)) == (ReplyLostError, None, 1)

    async def test_a_reset_at_once_is_never_called_processed_or_safe_without_proof(
        self, transport: AiohttpTransport
    ) -> None:
        """Depending on who wins the race this is a send error or a lost reply, but only the former has a proof."""
        async with RawServer(reset_on_accept) as server:
            error = await broken(transport, call_to(server))
        assert (error.proof is not None) == isinstance(error, SendError | ConnectError)

    @pytest.mark.parametrize("serve", [silence, silence_in_body])
    @ALL_CHANNELS
    async def test_a_server_that_falls_silent_is_given_up(
        self, channel: Channel, serve: Callable[[Wire], Awaitable[None]]
    ) -> None:
        """Without any progress for the read timeout the reply counts as lost."""
        quick = AiohttpTransport(base_url="http://127.0.0.1", timeouts=Timeouts(read=0.05, queue_read=0.05))
        async with RawServer(serve) as server:
            error = await broken(quick, call_to(server, channel))
            await quick.aclose()
        assert isinstance(error, ReplyLostError)
        assert "too long" in str(error)

    async def test_paid_calls_have_a_longer_patience_of_their_own(self) -> None:
        """The edge answers by itself after about 100 s: the paid call waits past that, others do not have to."""
        assert Timeouts().queue_read > 100 > Timeouts().read

    @pytest.mark.parametrize("name", ["connect", "read", "queue_read"])
    @pytest.mark.parametrize("value", [0, -1.0, float("nan")])
    def test_timeouts_are_positive(self, name: str, value: float) -> None:
        """A timeout that is not a positive number is refused when it is given."""
        with pytest.raises(ValueError, match=name):
            Timeouts(**{name: value})


class TestBodies:
    @pytest.mark.parametrize("size", [0, 1, 2, 3, 196_607, 196_608, 196_609, 1_000_003])
    async def test_a_file_arrives_as_base64_between_its_neighbours(
        self, transport: AiohttpTransport, tmp_path: Path, size: int
    ) -> None:
        """The declared length is the true one, and the server reads the file's bytes back."""
        import base64

        path = tmp_path / "picture.png"
        path.write_bytes(bytes(index % 251 for index in range(size)))
        media = MediaFile.from_path(path)
        async with RawServer(always(reply())) as server:
            await exchange(transport, call_to(server, body=(b'{"a":"', media, b'","b":"', media, b'"}')))
            body = server.requests[0].body
        text = base64.b64encode(path.read_bytes())
        assert body == b'{"a":"' + text + b'","b":"' + text + b'"}'
        assert "transfer-encoding" not in server.requests[0].headers

    async def test_a_free_call_with_a_file_is_streamed_as_well(self, transport: AiohttpTransport) -> None:
        """A quote may hold a video."""
        media = MediaFile.from_bytes(b"abc", content_type="video/mp4")
        async with RawServer(always(reply())) as server:
            await exchange(transport, call_to(server, Channel.CONTROL, body=(b'"', media, b'"')))
            assert server.requests[0].body == b'"YWJj"'

    @ALL_CHANNELS
    async def test_a_large_text_is_sent_in_pieces(self, transport: AiohttpTransport, channel: Channel) -> None:
        """Whatever the call is: handed over whole it would stop the event loop, and the HTTP library warns of that."""
        text = b'"' + bytes(range(97, 123)) * 100_000 + b'"'
        async with RawServer(always(reply())) as server:
            await exchange(transport, call_to(server, channel, body=(text,)))
            assert server.requests[0].body == text
            assert "transfer-encoding" not in server.requests[0].headers

    @pytest.mark.parametrize("channel", [Channel.QUEUE, Channel.CONTROL])
    async def test_a_server_that_stops_reading_is_given_up(self, channel: Channel) -> None:
        """An upload that does not move is proved unprocessed and may be sent again; without this it would hang."""

        async def reads_the_head_alone(wire: Wire) -> None:
            await wire.reader.readuntil(b"\r\n\r\n")
            await asyncio.Event().wait()

        quick = AiohttpTransport(base_url="http://127.0.0.1", timeouts=Timeouts(read=0.05, queue_read=0.05))
        picture = MediaFile.from_bytes(b"\x01" * 24_000_000, content_type="image/png")
        async with RawServer(reads_the_head_alone) as server:
            error = await broken(quick, call_to(server, channel, body=(b'"', picture, b'"')))
            await quick.aclose()
        assert isinstance(error, SendError)
        assert "too long" in str(error)

    async def test_a_missing_file_is_refused_before_anything_is_sent(self, transport: AiohttpTransport) -> None:
        """Our own refusal comes through as it is, not as a broken connection."""
        media = MediaFile.from_path("/nowhere/picture.png")
        async with RawServer(always(reply())) as server:
            with pytest.raises(InvalidRequestError, match=r"/nowhere/picture\.png"):
                await exchange(transport, call_to(server, body=(b'"', media, b'"')))
            assert server.connections == 0

    @pytest.mark.parametrize("size", [10, 190_000, 400_000])
    @pytest.mark.parametrize("step", [-7, 7, 600_000])
    async def test_a_file_that_changes_while_it_is_sent_is_refused(
        self, transport: AiohttpTransport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, step: int
    ) -> None:
        """The server never gets a whole request with a mangled file in it."""
        path = tmp_path / "picture.png"
        path.write_bytes(b"x" * size)
        arrived = bytearray()

        async def read_all(wire: Wire) -> None:
            while chunk := await wire.reader.read(65536):
                arrived.extend(chunk)

        first = MediaFile.from_path(path)

        async def then_changed(segments: Sequence[Segment], *, executor: Executor | None) -> int:
            found = await measured(segments, executor=executor)
            path.write_bytes(b"y" * max(0, size + step))
            return found

        monkeypatch.setattr("venice_async.transport.measured", then_changed)
        async with RawServer(read_all) as server:
            with pytest.raises(InvalidRequestError, match="changed"):
                await exchange(transport, call_to(server, body=(b'{"image_url":"', first, b'","z":1}')))
        assert not bytes(arrived).endswith(b'"z":1}')


class TestPrivacy:
    @ALL_CHANNELS
    async def test_cookies_are_never_kept(self, transport: AiohttpTransport, channel: Channel) -> None:
        """A cookie would tie jobs, accounts and private links together."""
        async with RawServer(always(reply(Set_Cookie="session=abc; Path=/"))) as server:
            by_name = f"http://localhost:{server.port}"  # cookies of bare addresses are seldom kept at all
            for _ in range(3):
                await exchange(transport, call_to(by_name, channel))
            assert not any("cookie" in seen.headers for seen in server.requests)

    @ALL_CHANNELS
    async def test_the_environment_cannot_add_a_proxy_or_credentials(
        self, transport: AiohttpTransport, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, channel: Channel
    ) -> None:
        """netrc and the proxy variables are other programs' settings: neither is looked at."""
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login somebody password something\n")
        netrc.chmod(0o600)
        monkeypatch.setenv("NETRC", str(netrc))
        monkeypatch.setenv("HOME", str(tmp_path))
        async with RawServer(always(reply())) as proxy, RawServer(always(reply())) as server:
            for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
                monkeypatch.setenv(name, proxy.url)
            monkeypatch.delenv("no_proxy", raising=False)
            await exchange(transport, call_to(server, channel))
            assert proxy.connections == 0
            assert "basic" not in server.requests[0].headers.get("authorization", "").lower()

    @pytest.mark.parametrize("name", ["a\r\nX-Evil: 1", "a\nb", "a\0b", "schlüssel", "\u2028"])
    def test_no_header_can_be_slipped_in(self, name: str) -> None:
        """The user agent is the one header that others may word: it is refused before a session opens."""
        with pytest.raises(ConfigurationError, match="user agent"):
            AiohttpTransport(base_url="http://127.0.0.1", user_agent=name)

    async def test_private_links_get_nothing_that_names_us(self, transport: AiohttpTransport) -> None:
        """No credential rides along, also after calls to the API on the same machine."""
        async with RawServer(always(reply())) as server:
            await exchange(transport, call_to(server, Channel.CONTROL))
            await exchange(transport, call_to(server, Channel.MEDIA, method="GET"))
            assert set(server.requests[1].headers) <= {"host", "user-agent", "accept", "accept-encoding"}
            assert server.requests[1].headers["accept-encoding"] == "identity"

    async def test_links_of_the_real_api_never_lead_into_our_network(self) -> None:
        """A public name that resolves to this machine is not connected to, whatever DNS says by then."""
        real = AiohttpTransport(base_url="https://api.venice.ai/api/v1")
        async with RawServer(always(reply())) as server:
            error = await broken(real, call_to(f"http://localhost:{server.port}", Channel.MEDIA, method="GET"))
            await real.aclose()
            assert (type(error), server.connections) == (ConnectError, 0)

    async def test_what_comes_compressed_unasked_is_read_all_the_same(self, transport: AiohttpTransport) -> None:
        """Some proxies do not listen, and the answer to a paid call names what was paid for."""
        import gzip

        async with RawServer(always(reply(body=gzip.compress(b"{}" * 9), Content_Encoding="gzip"))) as server:
            head, body = await exchange(transport, call_to(server))
        assert (body, head.content_length) == (b"{}" * 9, None)

    @pytest.mark.parametrize("serve", [*LOST, reset_on_accept, silence, silence_in_body])
    @ALL_CHANNELS
    async def test_no_error_and_no_log_line_holds_a_secret(
        self, caplog: pytest.LogCaptureFixture, channel: Channel, serve: Callable[[Wire], Awaitable[None]]
    ) -> None:
        """Key and link are in no text, fact, cause or log record, at whatever level."""
        caplog.set_level(logging.DEBUG)
        quick = AiohttpTransport(base_url="http://127.0.0.1", timeouts=Timeouts(read=0.05, queue_read=0.05))
        async with RawServer(serve) as server:
            error = await broken(quick, call_to(server, channel))
            await quick.aclose()
        assert_nothing_secret(error)
        assert_nothing_secret_logged(caplog.records)

    @ALL_CHANNELS
    async def test_a_failed_connection_holds_no_secret(self, transport: AiohttpTransport, channel: Channel) -> None:
        """The HTTP library's own error has the whole request in it; ours has its reason alone."""
        for url in (f"http://127.0.0.1:{closed_port()}", "http://nowhere.invalid", "http://" + "a" * 70):
            assert_nothing_secret(await broken(transport, call_to(url, channel)))

    async def test_reprs_hold_no_secret(self, transport: AiohttpTransport) -> None:
        """What a debugger or a traceback prints of a call, an answer and the transport."""
        head = ReplyHead(status=200, headers={"x-echo": canaries.KEY})
        assert_nothing_secret(repr(call_to("http://127.0.0.1", Channel.MEDIA)), repr(head), repr(transport))
        assert_nothing_secret(repr(call_to("http://127.0.0.1").headers))


class TestClosing:
    async def test_nothing_is_left_open(self) -> None:
        """After aclose no session, connection or thread of the transport is left to warn about."""
        made = AiohttpTransport(base_url="http://127.0.0.1")
        async with RawServer(always(reply())) as server:
            for channel in Channel:
                await exchange(made, call_to(server, channel))
            await made.aclose()
        assert repr(made) == "<AiohttpTransport 0 sessions closed>"
        del made
        gc.collect()

    async def test_a_closed_transport_says_so(self) -> None:
        """Using it afterwards is a mistake of the program, and is called one."""
        made = AiohttpTransport(base_url="http://127.0.0.1")
        await made.aclose()
        with pytest.raises(RuntimeError, match="closed"):
            await exchange(made, call_to("http://127.0.0.1:1"))

    async def test_a_cancelled_call_closes_its_connection(self, transport: AiohttpTransport) -> None:
        """Giving up in the middle hangs up, so that the server can know."""
        gone = asyncio.Event()
        arrived = asyncio.Event()

        async def wait_for_the_end(wire: Wire) -> None:
            await wire.request()
            arrived.set()
            await wire.reader.read()
            gone.set()

        async with RawServer(wait_for_the_end) as server:
            task = asyncio.create_task(exchange(transport, call_to(server)))
            await arrived.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await gone.wait()

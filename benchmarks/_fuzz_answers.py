"""Answers that no server should give: bytes, heads, encodings and JSON, mutated by a seeded chance."""

import gzip
import json
import random
import zlib
from collections.abc import Callable, Sequence
from typing import Any, Final

from benchmarks._crash_jobs import API_KEY
from benchmarks._wire_peer import GOOD, QUEUE_ID, TOKEN

_STATUSES: Final = (
    200,
    200,
    200,
    201,
    202,
    204,
    301,
    307,
    400,
    401,
    402,
    403,
    404,
    409,
    410,
    413,
    418,
    422,
    429,
    500,
    502,
    503,
    504,
    520,
    524,
    599,
    999,
)
_TYPES: Final = (
    "application/json", "application/json; charset=utf-16", "text/html; charset=\xff", "video/mp4", "text/plain",
    "application/octet-stream", "", "application/json; charset=idna", "multipart/form-data; boundary=x", ";;;=",
)  # fmt: skip
_ENCODINGS: Final = ("gzip", "deflate", "br", "zstd", "identity", "gzip, gzip", "\x00", "compress")
_HEADERS: Final = (
    "Retry-After: {number}", "Retry-After: Fri, 31 Dec 9999 23:59:59 GMT", "x-ratelimit-reset-requests: {number}",
    "x-ratelimit-remaining-requests: {number}", "x-ratelimit-limit-requests: {number}", "CF-RAY: {secret}",
    "x-venice-version: {secret}", "Set-Cookie: session={secret}", "Location: http://127.0.0.1:9/{secret}",
    "Date: {number}", "Date: Thu, 99 Foo 0000 77:77:77 GMT", "PAYMENT-REQUIRED: {secret}", "PAYMENT-REQUIRED: e30=",
    "Link: <https://{secret}>; rel=\"successor-version\"", "Content-Range: bytes {number}-/{number}",
    "X-Venice-Balance-Usd: {number}", "Upgrade: h2c", "Transfer-Encoding: chunked, chunked", "Content-Length: {number}",
    "Trailer: x", "\x7f: y", "no colon at all", "X-\xe9\xff: \xfe", "Connection: keep-alive, upgrade",
)  # fmt: skip
_NUMBERS: Final = (
    "0", "-1", "1", "5", "NaN", "Infinity", "-Infinity", "1e999", "1e308", "9" * 30, "9" * 5000, "0x10", "",
    "1.5", "\u0663",
    "99999999999999999999", "-0", "1_000", "true",
)  # fmt: skip
_TEXTS: Final = (
    "", " ", "null", "\u0000", "\ud800", "\u202e\x1b]8;;http://x\x07", "a" * 2000, "\r\n[ERROR] x",
    "COMPLETED", "failed",
    "PROCESSING", QUEUE_ID, "needs_consent", "../../../etc/passwd", "https://user:pw@evil.invalid/x",
    "file:///etc/passwd",
    API_KEY, f"Bearer {API_KEY}", TOKEN, f"http://127.0.0.1/media/{TOKEN}", "Too many failed attempts", "\ufeff",
)  # fmt: skip
_NAMES: Final = (
    "queue_id", "download_url", "model", "status", "average_execution_time", "execution_duration", "success",
    "quote", "data",
    "error", "message", "code", "details", "issues", "credits_refunded", "consent", "consent_flow", "face_media_roles",
    "suggested_prompt", "recommended_model", "hint", "id", "type", "model_spec", "constraints", "accepts",
    "x402Version",
)  # fmt: skip


class Answers:
    """Makes answers for one endpoint after the other."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def make(self, endpoint: str) -> bytes:
        """One whole answer: what a socket would send before it closes."""
        body = self._body(endpoint)
        head = self._head(body)
        data = head + body
        for _ in range(self._rng.choice((0, 0, 0, 0, 0, 0, 0, 1, 1, 3))):
            data = self._mutated(data)
        return data

    def _head(self, body: bytes) -> bytes:
        rng = self._rng
        lines = [f"HTTP/1.{rng.choice('1110')} {rng.choice(_STATUSES)} {rng.choice(('OK', '', 'Whatever'))}"]
        if rng.random() < 0.8:
            lines.append(f"Content-Type: {rng.choice(_TYPES) if rng.random() < 0.4 else 'application/json'}")
        if rng.random() < 0.7:
            lines.append(f"Content-Length: {max(0, len(body) + rng.choice((*[0] * 17, 1, -1, 100)))}")
        if rng.random() < 0.1:
            lines.append(f"Content-Encoding: {rng.choice(_ENCODINGS)}")
        for _ in range(rng.choice((0, 0, 0, 0, 1, 1, 2, 5))):
            text = rng.choice(_HEADERS)
            lines.append(
                text.replace("{number}", rng.choice(_NUMBERS)).replace("{secret}", rng.choice((API_KEY, TOKEN)))
            )
        return "\r\n".join(lines).encode("utf-8", "replace") + b"\r\n\r\n"

    def _body(self, endpoint: str) -> bytes:
        makers: Sequence[Callable[[str], bytes]] = (
            lambda name: GOOD[name],
            lambda _: json.dumps(self._tree(0), ensure_ascii=self._rng.random() < 0.5).encode("utf-8", "surrogatepass"),
            self._half_good,
            lambda _: self._rng.randbytes(self._rng.choice((0, 1, 12, 500))),
            lambda _: self._packed(json.dumps(self._tree(0)).encode()),
            lambda _: self._strange(),
            lambda name: self._mutated(GOOD[name]),
            lambda _: b"\x00\x00\x00\x18ftypmp42" + self._rng.randbytes(200),
        )
        return self._rng.choice(makers)(endpoint)

    def _half_good(self, endpoint: str) -> bytes:
        """The documented shape with one field of another kind, and more besides."""
        try:
            tree = json.loads(GOOD[endpoint])
        except ValueError:
            return b""
        for name in self._rng.sample(_NAMES, 3):
            tree[name] = self._tree(2)
        if self._rng.random() < 0.5 and tree:
            tree[self._rng.choice(list(tree))] = self._tree(1)
        return json.dumps(tree).encode()

    def _tree(self, depth: int) -> Any:
        rng = self._rng
        kind = rng.randrange(8 if depth < 4 else 5)
        if kind < 2:
            return rng.choice(_TEXTS)
        if kind == 2:
            return rng.choice((0, -1, 1.5, 10**30, 1e308, float("nan"), float("inf"), True, None))
        if kind == 3:
            return rng.choice((None, [], {}, False))
        if kind == 4:
            return "".join(chr(rng.choice((0, 9, 65, 0xD800, 0x202E, 0x1F600))) for _ in range(rng.randrange(20)))
        if kind == 5:
            return [self._tree(depth + 1) for _ in range(rng.randrange(4))]
        return {rng.choice(_NAMES): self._tree(depth + 1) for _ in range(rng.randrange(5))}

    def _packed(self, body: bytes) -> bytes:
        kind = self._rng.randrange(4)
        if kind == 0:
            return gzip.compress(body)
        if kind == 1:
            return zlib.compress(body)[: self._rng.randrange(1, 40)]
        return gzip.compress(bytes(2_000_000)) if kind == 2 else gzip.compress(gzip.compress(body))

    def _strange(self) -> bytes:
        return self._rng.choice((
            b"[" * 100_000, b'{"a":' * 50_000, b'{"queue_id":' + b"9" * 5000 + b"}", b'{"quote":NaN}',
            b'{"quote":1e999}',
            b'{"quote":-5}', b'{"quote":' + b"9" * 4500 + b"}", b'{"queue_id":"a","queue_id":null}', b"\xef\xbb\xbf{}",
            '{"queue_id":"\u0130"}'.encode("utf-16"), b"0\r\n\r\n", b"5\r\nabc", b"ffffffffffffffff\r\n{}",
            b"null", b'"x"',
            b'{"status":"COMPLETED"}', b'{"status":"failed"}', b"<html>" + API_KEY.encode() + b"</html>",
            b'{"error":"' + API_KEY.encode() + b" " + TOKEN.encode() + b'"}',
            b'{"error":{"message":"\\u001b[31m' + API_KEY.encode() + b'","type":"' + TOKEN.encode() + b'"}}',
            b'{"download_url":"http://127.0.0.1/media/' + TOKEN.encode() + b'"}', b"\x00" * 3000,
        ))  # fmt: skip

    def _mutated(self, data: bytes) -> bytes:
        rng, kind = self._rng, self._rng.randrange(5)
        if not data:
            return data
        at = rng.randrange(len(data))
        if kind == 0:
            return data[:at]
        if kind == 1:
            return data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]
        if kind == 2:
            return data[:at] + rng.randbytes(rng.randrange(1, 8)) + data[at:]
        if kind == 3:
            return data[:at] + data[min(len(data), at + rng.randrange(1, 30)) :]
        end = min(len(data), at + rng.randrange(1, 60))
        return data[:end] + data[at:]

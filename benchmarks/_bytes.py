"""What the byte benchmarks share: a video file of any size, and servers that hand it out at full speed or slowly.

The server is nginx where it is installed (or where BENCHMARK_NGINX says), and otherwise a small one of this module
on `sendfile`; the table says which.
"""

import contextlib
import multiprocessing
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from venice_async.emulator.plain_clips import PlainClips

TRICKLE_PIECE = 16 * 1024
TRICKLE_SPEED = 60e6

_NGINX = """daemon off; master_process off; error_log stderr crit; pid {folder}/pid;
events {{ worker_connections 256; }}
http {{
  access_log off; sendfile on; tcp_nopush on; types {{ video/mp4 mp4; }}
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  server {{ listen 127.0.0.1:{plain}; root {folder}; }}
  server {{
    listen 127.0.0.1:{tls} ssl; ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem; root {folder};
  }}
}}
"""


@dataclass(frozen=True)
class Servers:
    """Where the three servers listen, and what serves the first two."""

    kind: str
    plain: str
    tls: str
    trickle: str
    certificate: Path

    def url(self, how: str) -> str:
        """The address of the video when it comes `how`: "plain", "tls" or "trickle"."""
        return {"plain": self.plain, "tls": self.tls, "trickle": self.trickle}[how]


def write_video(path: Path, size: int) -> None:
    """A whole MP4 file of `size` bytes."""
    video = PlainClips().video("benchmark", aspect_ratio=None, unique=bytes(16), size=size)
    with path.open("wb") as file:
        for chunk in video.chunks(2**20):
            file.write(chunk)


@contextlib.contextmanager
def serving(folder: Path, name: str) -> Iterator[Servers]:
    """Serve the file `name` of `folder` in processes of their own until the block ends."""
    _make_certificate(folder)
    plain, tls, trickle = _free_port(), _free_port(), _free_port()
    with contextlib.ExitStack() as stack:
        kind = _start_fast(stack, folder, name, plain, tls)
        stack.enter_context(_process(serve_slowly, folder / name, trickle))
        for port in (plain, tls, trickle):
            _wait_for(port)
        yield Servers(
            kind=kind,
            plain=f"http://127.0.0.1:{plain}/{name}",
            tls=f"https://localhost:{tls}/{name}",
            trickle=f"http://127.0.0.1:{trickle}/{name}",
            certificate=folder / "cert.pem",
        )


def _start_fast(stack: contextlib.ExitStack, folder: Path, name: str, plain: int, tls: int) -> str:
    nginx = os.environ.get("BENCHMARK_NGINX") or shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if nginx is None:
        stack.enter_context(_process(serve_fast, folder / name, plain))
        stack.enter_context(_process(serve_tls, folder / name, tls, folder))
        return "sendfile in Python"
    config = folder / "nginx.conf"
    config.write_text(_NGINX.format(folder=folder, plain=plain, tls=tls))
    process = subprocess.Popen([nginx, "-c", str(config), "-p", str(folder), "-e", "stderr"])
    stack.callback(process.wait)
    stack.callback(process.terminate)
    return "nginx"


def serve_fast(path: Path, port: int) -> None:
    """The whole file for every request, by `sendfile`."""
    _serve(port, lambda client: _send_file(client, path))


def serve_tls(path: Path, port: int, folder: Path) -> None:
    """The whole file for every request, over TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")

    def answer(client: socket.socket) -> None:
        with context.wrap_socket(client, server_side=True) as wrapped:
            _send_file(wrapped, path)

    _serve(port, answer)


def serve_slowly(path: Path, port: int) -> None:
    """The whole file for every request, in small pieces at a fixed speed, as a network brings it."""

    def answer(client: socket.socket) -> None:
        size = _send_head(client, path)
        piece, sent, began = bytes(TRICKLE_PIECE), 0, time.perf_counter()
        with path.open("rb") as file:
            while sent < size:
                piece = file.read(TRICKLE_PIECE)
                client.sendall(piece)
                sent += len(piece)
                early = began + sent / TRICKLE_SPEED - time.perf_counter()
                if early > 0:
                    time.sleep(early)

    _serve(port, answer)


def _serve(port: int, answer: Callable[[socket.socket], None]) -> None:
    with socket.create_server(("127.0.0.1", port), backlog=64) as server:
        while True:
            client, _ = server.accept()
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=_answer_quietly, args=(answer, client), daemon=True).start()


def _answer_quietly(answer: Callable[[socket.socket], None], client: socket.socket) -> None:
    with client, contextlib.suppress(OSError):
        answer(client)


def _send_file(client: socket.socket, path: Path) -> None:
    _send_head(client, path)
    with path.open("rb") as file:
        client.sendfile(file)


def _send_head(client: socket.socket, path: Path) -> int:
    request = b""
    while b"\r\n\r\n" not in request:
        received = client.recv(65536)
        if not received:
            raise ConnectionResetError
        request += received
    size = path.stat().st_size
    client.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: video/mp4\r\ncontent-length: %d\r\n\r\n" % size)
    return size


@contextlib.contextmanager
def _process(target: Callable[..., None], *args: object) -> Iterator[None]:
    process = multiprocessing.get_context("spawn").Process(target=target, args=args, daemon=True)
    process.start()
    try:
        yield
    finally:
        process.terminate()
        process.join()


def _make_certificate(folder: Path) -> None:
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    files = ["-addext", names, "-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run([*command, *files], check=True, capture_output=True)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _wait_for(port: int) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise RuntimeError("a server did not start")

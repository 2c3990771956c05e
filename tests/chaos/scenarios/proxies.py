"""What stands between the product and the servers it speaks to, and can be told to misbehave.

`Cut` passes bytes on, `Front` requests. Both listen on one port for their whole life, on 127.0.0.1.
"""

from __future__ import annotations

import contextlib
import http.client
import select
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

CHUNK = 64 * 1024
DRIP_BYTES, DRIP_SECONDS = 512, 0.02
DELAY_SECONDS = 0.3


class Cut(socketserver.ThreadingTCPServer):
    """A TCP proxy.

    ========== =====================================================================================
    mode       what it does
    ========== =====================================================================================
    pass       passes on
    drop       resets what is open, and every new connection at once
    delay      passes each chunk on 0.3 s later
    half-open  takes what is sent and passes nothing on, nor says that it does not
    drip       25 KB a second
    ========== =====================================================================================
    """

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, target: tuple[str, int], port: int = 0) -> None:
        self.target = target
        self.mode = "pass"
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Pipe)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def set(self, mode: str) -> None:
        """Change the mode. What was swallowed half-open is gone: those connections are reset at its end."""
        before, self.mode = self.mode, mode
        if mode == "drop" or before == "half-open":
            for each in list(self._open):
                _reset(each)

    def close(self) -> None:
        self.shutdown()
        self.set("drop")
        self.server_close()

    def pipe(self, client: socket.socket) -> None:
        """Pass bytes both ways until either side ends."""
        if self.mode == "drop":
            _reset(client)
            return
        try:
            server = socket.create_connection(self.target, 5)
        except OSError:
            _reset(client)
            return
        pair = {client: server, server: client}
        self._open |= set(pair)
        for each in pair:
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            while self._step(pair):
                pass
        except OSError:  # either side went away, or we were told to drop it
            pass
        finally:
            self._open -= set(pair)
            for each in pair:
                each.close()

    def _step(self, pair: dict[socket.socket, socket.socket]) -> bool:
        ready, _, _ = select.select(list(pair), [], [], 0.5)
        for one in ready:
            dripping = self.mode == "drip"
            data = one.recv(DRIP_BYTES if dripping else CHUNK)
            if not data:
                return False
            if self.mode == "half-open":
                continue
            if self.mode in ("delay", "drip"):
                time.sleep(DRIP_SECONDS if dripping else DELAY_SECONDS)
            pair[one].sendall(data)
        return True


class _Pipe(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, Cut)
        self.server.pipe(self.request)


def _reset(connection: socket.socket) -> None:
    """End a connection with RST, and wake who waits for it."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        connection.shutdown(socket.SHUT_RDWR)


@dataclass
class Front:
    """An HTTP proxy in front of one service.

    ========= ==============================================================
    mode      what it answers
    ========= ==============================================================
    pass      what the service answers
    down      nothing: the connection is reset
    500, 401  that status
    429       that status, with ``Retry-After: 1``
    garbage   200 and a body that means nothing
    slow      what the service answers, 12 s later
    ========= ==============================================================

    Attributes
    ----------
    refuse : callable or None
        Of the body of a request: whether it is answered 422 without the service hearing of it, in every mode.
    seen : callable or None
        Is handed the body of each request that is passed on, before it is.
    """

    url: str
    refuse: Callable[[bytes], bool] | None = None
    seen: Callable[[bytes], None] | None = None
    mode: str = "pass"
    asked: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.target = urlsplit(self.url)
        front = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                front.answer(self)

            do_POST = do_GET  # noqa: N815 # named by http.server

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        mode = self.mode
        self.asked[mode] = self.asked.get(mode, 0) + 1
        if mode == "down":
            request.close_connection = True
            _reset(request.connection)
            return
        if mode in ("500", "401", "429"):
            _reply(request, int(mode), b'{"error": "not now"}', {"Retry-After": "1"} if mode == "429" else {})
            return
        if mode == "garbage":
            _reply(request, 200, b"<html>It works!</html>")
            return
        if mode == "slow":
            time.sleep(12)
        if self.refuse is not None and self.refuse(body):
            _reply(request, 422, b'{"error": "refused"}')
            return
        if self.seen is not None:
            self.seen(body)
        _reply(request, *self._passed_on(request, body))

    def _passed_on(self, request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(str(self.target.hostname), self.target.port, timeout=30)
        try:
            headers = {k: v for k, v in request.headers.items() if k.lower() not in ("host", "connection")}
            connection.request(request.command, request.path, body or None, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except OSError:
            return 502, b"{}"
        finally:
            connection.close()


def _reply(request: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
    with contextlib.suppress(OSError):  # who asked may have given up
        request.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)


@contextlib.contextmanager
def fronts(urls: dict[str, str]) -> Iterator[dict[str, Front]]:
    """A front before each of these services, by name."""
    made = {name: Front(url) for name, url in urls.items()}
    try:
        yield made
    finally:
        for front in made.values():
            front.close()

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from penstock.broker.probe import REQUEST, cluster_at


def _string(text: str | None) -> bytes:
    return struct.pack(">h", -1) if text is None else struct.pack(">h", len(text)) + text.encode()


def _answer(brokers: int, cluster: str | None, correlation: int = 7) -> bytes:
    broker = struct.pack(">i", 1) + _string("127.0.0.1") + struct.pack(">i", 9092) + _string(None)
    body = struct.pack(">ii", correlation, brokers) + broker * brokers + _string(cluster) + struct.pack(">ii", 1, 0)
    return struct.pack(">i", len(body)) + body


@contextmanager
def _server(answer: bytes, asked: list[bytes]) -> Iterator[int]:
    """Answer one connection, in two pieces, as a network may deliver it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with listener.accept()[0] as connection:
                asked.append(connection.recv(1000))
                connection.sendall(answer[:6])
                connection.sendall(answer[6:])

        thread = threading.Thread(target=serve)
        thread.start()
        yield int(listener.getsockname()[1])
        thread.join(5)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (_answer(1, "abc"), "abc"),
        (_answer(2, "abc"), "abc"),
        (_answer(0, "abc"), None),
        (_answer(1, None), None),
        (_answer(1, "abc", correlation=8), None),
        (_answer(1, "abc")[:20], None),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", None),
        (struct.pack(">ii", 8, 7), None),
        (b"", None),
    ],
)
def test_only_a_registered_broker_counts(answer: bytes, expected: str | None) -> None:
    asked: list[bytes] = []
    with _server(answer, asked) as port:
        assert cluster_at(port, timeout=2) == expected
    assert asked == [REQUEST]


def test_the_request_on_the_wire() -> None:
    assert REQUEST.hex() == "00000016" + "0003" + "0002" + "00000007" + "0008" + b"penstock".hex() + "00000000"


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert cluster_at(port) is None

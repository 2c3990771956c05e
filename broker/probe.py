"""Which Kafka cluster answers at a port? Asked in Kafka's own protocol, over a plain socket.

A broker accepts connections before it can be used: topics made in that moment are refused, because no broker is
registered yet. So the question is the metadata request (key 3, version 2, no topics), and an answer counts only if it
lists a broker. It names the cluster too, which tells our broker from another program at the same port. Wire format:
https://kafka.apache.org/protocol.html#The_Messages_Metadata ::

    request   size int32 | key int16 | version int16 | correlation int32 | client string | number of topics int32 = 0
    response  size int32 | correlation int32 | number of brokers int32
              | each: id int32, host string, port int32, rack nullable string | cluster nullable string | ...
    string    length int16 (-1 is null) | UTF-8
"""

import socket
import struct
from typing import Final

_CLIENT: Final = b"penstock"
_CORRELATION: Final = 7
_BODY: Final = struct.pack(">hhih", 3, 2, _CORRELATION, len(_CLIENT)) + _CLIENT + struct.pack(">i", 0)
REQUEST: Final = struct.pack(">i", len(_BODY)) + _BODY
_LARGEST_ANSWER: Final = 1 << 20
"""Bytes; what is larger is no answer to this question."""


def cluster_at(port: int, *, host: str = "127.0.0.1", timeout: float = 2.0) -> str | None:
    """Give the identity of the cluster whose usable broker listens there; none if no such broker answers."""
    try:
        with socket.create_connection((host, port), timeout) as connection:
            connection.sendall(REQUEST)
            (size,) = struct.unpack(">i", _receive(connection, 4))
            return _cluster(_receive(connection, min(size, _LARGEST_ANSWER)))
    except (OSError, struct.error, UnicodeDecodeError):
        return None


def _cluster(answer: bytes) -> str | None:
    correlation, brokers = struct.unpack_from(">ii", answer)
    if correlation != _CORRELATION or brokers < 1:
        return None
    at = 8
    for _ in range(brokers):
        _, at = _string(answer, at + 4)
        _, at = _string(answer, at + 4)
    return _string(answer, at)[0]


def _string(answer: bytes, at: int) -> tuple[str | None, int]:
    (length,) = struct.unpack_from(">h", answer, at)
    if length < 0:
        return None, at + 2
    (text,) = struct.unpack_from(f"{length}s", answer, at + 2)
    return text.decode(), at + 2 + length


def _receive(connection: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        part = connection.recv(count - len(found))
        if not part:
            raise ConnectionResetError("closed in the middle of an answer")
        found += part
    return found

"""Fetching what records refer to, against real servers and files: what comes, what is refused, nothing leaks."""

import asyncio
import contextlib
import datetime
import logging
import os
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from moto.server import ThreadedMotoServer

from penstock.model.content import Content, content_of
from penstock.model.errors import EnrichmentError
from penstock.model.fetch import LONGEST_REFERENCE, MOST_REDIRECTS, REASONS, Fetcher, FetchOptions

PNG = b"\x89PNG\r\n\x1a\n" + bytes(200)
LOCAL = FetchOptions(allow_private=True, timeout_seconds=5)


class Server:
    """Answers each path as told; keeps the heads of what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, list[bytes | float]] = {}
        self.asked: list[bytes] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def says(self, path: str, *parts: bytes | float) -> str:
        self.answers[path] = list(parts)
        return self.url + path

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            self.asked.append(head)
            for part in self.answers.get(head.split()[1].decode(), [answer(404)]):
                if isinstance(part, float):
                    await asyncio.sleep(part)
                else:
                    writer.write(part)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()


def answer(status: int, body: bytes = b"", *headers: str) -> bytes:
    head = [f"HTTP/1.1 {status} Told", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


@pytest.fixture
def serving(listening: Callable[..., Any]) -> Callable[..., Any]:
    @contextlib.asynccontextmanager
    async def make(context: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
        told = Server()
        async with listening(told.serve, ssl=context) as told.port:
            yield told

    return make


@pytest.fixture
async def server(serving: Callable[..., Any]) -> AsyncIterator[Server]:
    async with serving() as told:
        yield told


async def reason(fetcher: Fetcher, reference: str) -> str:
    with pytest.raises(EnrichmentError) as caught:
        await fetcher.fetch(reference)
    assert caught.value.reason in REASONS
    return caught.value.reason


async def test_content_has_the_type_of_its_beginning(server: Server) -> None:
    url = server.says("/a?b=c", answer(200, PNG, "Content-Type: text/html; charset=utf-8"))
    assert await Fetcher(LOCAL).fetch(url + "#part") == Content(PNG, "image/png")
    head = server.asked[0].lower()
    assert head.startswith(b"get /a?b=c http/1.1\r\n") and f"host: 127.0.0.1:{server.port}".encode() in head
    assert b"accept-encoding: identity" in head


async def test_an_unknown_beginning_has_the_type_that_the_server_says(server: Server) -> None:
    said = server.says("/said", answer(200, b"hello", "Content-Type: Text/Plain; charset=utf-8"))
    unsaid = server.says("/unsaid", answer(200, b"hello"))
    assert await Fetcher(LOCAL).fetch(said) == Content(b"hello", "text/plain")
    assert await Fetcher(LOCAL).fetch(unsaid) == Content(b"hello", "application/octet-stream")


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ((answer(404),), "not_found"),
        ((answer(410),), "not_found"),
        ((answer(401),), "refused"),
        ((answer(403),), "refused"),
        ((answer(204),), "refused"),
        ((answer(206, PNG),), "refused"),
        ((answer(304),), "refused"),
        ((answer(302),), "refused"),
        ((answer(429),), "unreachable"),
        ((answer(503),), "unreachable"),
        ((answer(200),), "empty"),
        ((answer(200, PNG, "Content-Encoding: gzip"),), "refused"),
        ((b"\x15\x03 garbage\r\n\r\n",), "unreachable"),
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf",), "unreachable"),
        ((b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n",), "unreachable"),
        ((), "unreachable"),
    ],
)
async def test_answers_that_are_no_content(server: Server, parts: tuple[bytes, ...], why: str) -> None:
    assert await reason(Fetcher(LOCAL), server.says("/", *parts)) == why


@pytest.mark.parametrize("chunk", [b"7d0\r\n" + bytes(2000) + b"\r\n", bytes(2000)])
async def test_too_much_is_not_read_whatever_the_server_says(server: Server, chunk: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\n" + (b"Transfer-Encoding: chunked\r\n" if b"\r" in chunk else b"")
    url = server.says("/", head + b"\r\n", *[chunk] * 5, 20.0)
    assert await reason(Fetcher(LOCAL.model_copy(update={"max_bytes": 8000})), url) == "too_large"
    told = server.says("/told", b"HTTP/1.1 200 OK\r\nContent-Length: 8001\r\n\r\n", 20.0)
    assert await reason(Fetcher(LOCAL.model_copy(update={"max_bytes": 8000})), told) == "too_large"
    exact = server.says("/exact", answer(200, PNG))
    assert (await Fetcher(LOCAL.model_copy(update={"max_bytes": len(PNG)})).fetch(exact)).data == PNG


async def test_a_slow_server_is_given_up(server: Server) -> None:
    quick = LOCAL.model_copy(update={"timeout_seconds": 0.2})
    assert await reason(Fetcher(quick), server.says("/silent", 20.0)) == "timeout"
    drips = server.says("/drips", b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n", *[b".", 0.05] * 400)
    assert await reason(Fetcher(quick), drips) == "timeout"


async def test_nobody_listens(serving: Callable[..., Any]) -> None:
    async with serving() as told:
        url = told.url
    assert await reason(Fetcher(LOCAL), url) == "unreachable"


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "127.1", "0x7f.1", "2130706433", "0177.0.0.1", "[::1]", "[::ffff:127.0.0.1]",
     "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "0.0.0.0", "0", "[::]", "10.0.0.1",
     "192.168.0.1", "169.254.169.254", "[fd00:ec2::254]", "[fe80::1]", "127.0.0.1.", "localhost.", "LOCALHOST",
     "127。0。0。1", "①②⑦.⓪.⓪.①", "2852039166", "0xa9fea9fe", "255.255.255.255", "224.0.0.1"],
)  # fmt: skip
async def test_no_spelling_of_a_local_address_is_asked(server: Server, host: str) -> None:
    why = await reason(Fetcher(FetchOptions()), f"http://{host}:{server.port}/")
    assert why in ("forbidden_address", "bad_reference", "unreachable")
    assert why == "forbidden_address" or host.startswith("0177") or host.endswith(".") or not host.isascii()
    assert server.asked == []


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "[fd00:ec2::254]", "[::ffff:169.254.169.254]", "0.0.0.0", "224.1.1.1"]
)
async def test_some_addresses_are_never_asked(host: str) -> None:
    assert await reason(Fetcher(LOCAL), f"http://{host}/latest/meta-data/") == "forbidden_address"


async def test_one_bad_address_among_good_ones_is_enough(server: Server) -> None:
    async def mixed(host: str, port: int) -> list[str]:
        return ["8.8.8.8", "127.0.0.1"]

    assert await reason(Fetcher(FetchOptions(), mixed), f"http://a.test:{server.port}/") == "forbidden_address"


async def test_the_address_that_was_looked_at_is_the_one_that_is_asked(server: Server) -> None:
    """A name that means a good address once and a bad one ever after: the second is never asked for."""
    asked: list[tuple[str, int]] = []

    async def rebinding(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

    server.says("/", answer(200, PNG))
    found = await Fetcher(LOCAL, rebinding).fetch(f"http://pictures.test:{server.port}/")
    assert found.data == PNG and asked == [("pictures.test", server.port)]
    assert f"host: pictures.test:{server.port}".encode() in server.asked[0].lower()
    assert await reason(Fetcher(LOCAL, rebinding), f"http://pictures.test:{server.port}/") == "forbidden_address"


async def test_a_name_without_an_address() -> None:
    async def none(host: str, port: int) -> list[str]:
        raise OSError("no such host")

    assert await reason(Fetcher(LOCAL, none), "http://nowhere.test/") == "unreachable"


async def test_the_next_address_is_asked_where_the_first_does_not_listen(server: Server) -> None:
    async def two(host: str, port: int) -> list[str]:
        return ["127.0.0.2", "127.0.0.1"]

    server.says("/", answer(200, PNG))
    assert (await Fetcher(LOCAL, two).fetch(f"http://two.test:{server.port}/")).data == PNG


async def test_redirections_are_followed_and_each_is_looked_at(server: Server) -> None:
    server.says("/end", answer(200, PNG))
    url = server.says("/start", answer(302, b"", "Location: /end", "Set-Cookie: a=b"))
    assert (await Fetcher(LOCAL).fetch(url)).data == PNG
    assert b"cookie" not in server.asked[1].lower()
    metadata = server.says("/metadata", answer(307, b"", "Location: http://169.254.169.254/latest"))
    assert await reason(Fetcher(LOCAL), metadata) == "forbidden_address"


async def test_a_public_host_cannot_redirect_into_the_network(server: Server) -> None:
    """The first host is at an address that counts as public here; the second at one that does not."""

    async def names(host: str, port: int) -> list[str]:
        return {"inside.test": ["10.0.0.1"], "outside.test": ["127.0.0.1"]}[host]

    class Outside(Fetcher):
        async def _addresses(self, host: str, port: int) -> Any:
            return ["127.0.0.1"] if host == "outside.test" else await super()._addresses(host, port)

    server.says("/", answer(301, b"", f"Location: http://inside.test:{server.port}/"))
    assert await reason(Outside(FetchOptions(), names), f"http://outside.test:{server.port}/") == "forbidden_address"
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("location", "why"),
    [
        ("file:///etc/passwd", "unsupported_scheme"),
        ("s3://bucket/key", "unsupported_scheme"),
        ("gopher://127.0.0.1/", "unsupported_scheme"),
        ("http://user:secret@127.0.0.1/", "bad_reference"),
        ("http://[", "bad_reference"),
        ("/", "too_many_redirects"),
    ],
)
async def test_redirections_that_are_not_followed(server: Server, location: str, why: str) -> None:
    url = server.says("/", answer(302, b"", f"Location: {location}"))
    assert await reason(Fetcher(LOCAL), url) == why
    assert len(server.asked) == (MOST_REDIRECTS + 1 if why == "too_many_redirects" else 1)


async def test_nothing_of_the_environment_is_sent(server: Server, monkeypatch: Any, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login ann password s3cret")
    for name, value in {
        "NETRC": str(netrc),
        "HTTP_PROXY": "http://127.0.0.1:9",
        "ALL_PROXY": "http://127.0.0.1:9",
    }.items():
        monkeypatch.setenv(name, value)
    assert (await Fetcher(LOCAL).fetch(server.says("/", answer(200, PNG)))).data == PNG
    assert b"authorization" not in server.asked[0].lower()


def certificate(folder: Path, name: str) -> Path:
    """A certificate of its own for `name`, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


async def test_tls_is_to_the_name_not_to_the_address(
    serving: Callable[..., Any], tmp_path: Path, monkeypatch: Any
) -> None:
    path = certificate(tmp_path, "pictures.test")
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    named: list[str | None] = []
    context.sni_callback = lambda _, name, __: named.append(name)

    async def local(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    async with serving(context) as server:
        server.says("/", answer(200, PNG))
        fetcher = Fetcher(LOCAL, local)
        assert (await fetcher.fetch(f"https://pictures.test:{server.port}/")).data == PNG
        assert named == ["pictures.test"]
        assert await reason(fetcher, f"https://other.test:{server.port}/") == "unreachable"
        assert await reason(fetcher, f"http://pictures.test:{server.port}/") == "unreachable"


@pytest.mark.parametrize(
    ("reference", "why"),
    [
        ("ftp://host/a", "unsupported_scheme"),
        ("javascript:alert(1)", "unsupported_scheme"),
        ("photo.jpg", "unsupported_scheme"),
        ("", "unsupported_scheme"),
        ("http://", "bad_reference"),
        ("http:///a", "bad_reference"),
        ("http://[", "bad_reference"),
        ("http://h:port/", "bad_reference"),
        ("http://[::1/", "bad_reference"),
        ("http://h:0/", "bad_reference"),
        ("http://h\r\nX: y/", "bad_reference"),
        ("http://user:secret@h/", "bad_reference"),
        ("http://" + "a" * LONGEST_REFERENCE, "bad_reference"),
        ("http://" + "a" * 300 + "/", "unreachable"),
        ("http://xn--\u00fc-/", "bad_reference"),
        ("file://host/etc/passwd", "bad_reference"),
        ("file:etc/passwd", "bad_reference"),
        ("file:///a%00b", "bad_reference"),
        ("s3://bucket/key", "forbidden_path"),
        ("/etc/passwd", "forbidden_path"),
        ("file:///etc/passwd", "forbidden_path"),
    ],
)
async def test_references_that_name_nothing_to_read(reference: str, why: str) -> None:
    assert await reason(Fetcher(FetchOptions()), reference) == why


async def test_a_scheme_that_is_not_allowed() -> None:
    assert await reason(Fetcher(FetchOptions(allowed_schemes=("https",))), "http://h/") == "unsupported_scheme"


async def test_files_below_a_root_and_no_other(tmp_path: Path) -> None:
    root, other = tmp_path / "root", tmp_path / "root-other"
    (root / "sub").mkdir(parents=True)
    other.mkdir()
    (root / "sub" / "a b.png").write_bytes(PNG)
    (other / "secret.png").write_bytes(PNG)
    (root / "out.png").symlink_to(other / "secret.png")
    (root / "in.png").symlink_to(root / "sub" / "a b.png")
    (root / "folder").symlink_to(other)
    (root / "circle").symlink_to(root / "circle")
    (root / "empty").touch()
    os.mkfifo(root / "pipe")
    fetcher = Fetcher(FetchOptions(allowed_roots=(str(root),), max_bytes=len(PNG)))
    for path in ("sub/a b.png", "in.png", "sub/../in.png"):
        assert await fetcher.fetch(f"{root}/{path}") == Content(PNG, "image/png")
        assert await fetcher.fetch((root.as_uri() + "/" + path).replace(" ", "%20")) == Content(PNG, "image/png")
    refused = {
        "out.png": "forbidden_path",
        "folder/secret.png": "forbidden_path",
        "../root-other/secret.png": "forbidden_path",
        "%2e%2e/root-other/secret.png": "forbidden_path",
        "pipe": "forbidden_path",
        "sub": "forbidden_path",
        "circle": "refused",
        "none.png": "not_found",
        "in.png/x": "not_found",
        "empty": "empty",
    }
    for path, why in refused.items():
        assert await reason(fetcher, f"{root.as_uri()}/{path}") == why, path
    (root / "large").write_bytes(PNG + b"x")
    assert await reason(fetcher, f"{root}/large") == "too_large"


async def test_a_file_that_is_swapped_for_a_link_while_it_is_opened(tmp_path: Path, monkeypatch: Any) -> None:
    root, secret = tmp_path / "root", tmp_path / "secret"
    (root / "sub").mkdir(parents=True)
    secret.mkdir()
    (root / "sub" / "a").write_bytes(PNG)
    (secret / "a").write_bytes(b"secret")
    opened = os.open

    def swap(path: Any, *rest: Any) -> int:
        (root / "sub").rename(tmp_path / "was")
        (root / "sub").symlink_to(secret)
        return opened(path, *rest)

    monkeypatch.setattr("penstock.model.fetch.os.open", swap)
    assert await reason(Fetcher(FetchOptions(allowed_roots=(str(root),))), f"{root}/sub/a") == "forbidden_path"


@pytest.fixture
def bucket(monkeypatch: Any) -> Any:
    server = ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    secrets = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_DEFAULT_REGION": "us-east-1"}
    for name, value in {"AWS_ENDPOINT_URL": address, "FSSPEC_S3_ENDPOINT_URL": address, **secrets}.items():
        monkeypatch.setenv(name, value)
    import s3fs

    files = s3fs.S3FileSystem(endpoint_url=f"http://{host}:{port}", key="k", secret="s", skip_instance_cache=True)
    files.mkdir("pictures")
    files.pipe_file("pictures/in/a.png", PNG)
    files.pipe_file("pictures/out.png", PNG)
    yield f"http://{host}:{port}"
    server.stop()


async def test_objects_below_a_prefix_and_no_other(bucket: str) -> None:
    fetcher = Fetcher(FetchOptions(allowed_roots=("s3://pictures/in",), max_bytes=len(PNG)))
    assert await fetcher.fetch("s3://pictures/in/a.png") == Content(PNG, "image/png")
    assert await reason(fetcher, "s3://pictures/in/none.png") == "not_found"
    for path in ("out.png", "in/../out.png", "in", "in/./a.png", "in//a.png"):
        assert await reason(fetcher, f"s3://pictures/{path}") == "forbidden_path"
    small = Fetcher(FetchOptions(allowed_roots=("s3://pictures",), max_bytes=len(PNG) - 1))
    assert await reason(small, "s3://pictures/out.png") == "too_large"


async def test_neither_messages_nor_logs_hold_the_reference(server: Server, caplog: Any) -> None:
    caplog.set_level(logging.DEBUG)
    url = server.says("/canary?token=canary", answer(302, b"canary", "Location: http://canary.test/?canary"))

    async def resolver(host: str, port: int) -> list[str]:
        return ["127.0.0.1"] if host == "127.0.0.1" else ["10.0.0.1"]

    references = (url, url.replace("/canary", "/none-canary"), "http://canary:canary@h/", "canary://x", "/canary/x", "http://[canary",
                  "data:canary", "data:;base64,canary!")  # fmt: skip
    for reference in references:
        with pytest.raises(EnrichmentError) as caught:
            content_of(reference) or await Fetcher(LOCAL, resolver).fetch(reference)
        error = caught.value
        assert "canary" not in f"{error!r} {error}"
        assert error.__cause__ is None and (error.__context__ is None or error.__suppress_context__)
    ours = "".join(record.getMessage() for record in caplog.records if record.name.startswith(("httpx", "penstock")))
    assert "canary" not in ours


def test_every_reason_is_told() -> None:
    folder = Path(__file__).parents[2] / "model"
    sources = (folder / "fetch.py").read_text() + (folder / "content.py").read_text()
    assert [reason for reason in REASONS if sources.count(f'"{reason}"') < 2] == []

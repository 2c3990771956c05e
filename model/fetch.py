"""Content that a record holds itself or refers to: read within bounds, from where a record may point and nowhere else.

=========================  =========================================================================================
a value such as            is read
=========================  =========================================================================================
``data:image/png;base64…`` by `content_of`, as is plain Base64 of a known type of file
``https://host/a.jpg``     over HTTP, from public addresses only, unless `FetchOptions.allow_private` says otherwise
``file:///a/b.jpg``        and ``/a/b.jpg``, from below `FetchOptions.allowed_roots`, links resolved
``s3://bucket/key``        from below an ``s3://`` root among them, with the worker's own credentials
=========================  =========================================================================================

Who writes a record must not make the worker read what only the worker may (server-side request forgery):

1. The name in a URL is resolved here, and every address it has is looked at (`penstock.model.addresses`).
2. The connection goes to the address that was looked at, not to the name, which may mean another one a moment later
   (DNS rebinding); TLS and the ``Host`` header still name the host.
3. Each redirection begins anew at 1, at most `MOST_REDIRECTS` times, and stays with HTTP.
4. Nothing is sent but the request: no cookies, no credentials, none from the environment, no proxy.
5. Content is counted while it arrives; it is not decompressed, so that little cannot become much.

A failure is an `EnrichmentError` whose reason is one of `REASONS`; neither messages nor logs hold the reference.
"""

import asyncio
import os
import re
import socket
import ssl
import stat
from collections.abc import Awaitable, Callable, Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import unquote, urlsplit

import httpx
from pydantic import Field

from penstock.model import addresses
from penstock.model.component import ComponentConfig
from penstock.model.content import UNKNOWN_TYPE, Content, too_large
from penstock.model.content import content_of as content_of
from penstock.model.errors import EnrichmentError, MissingExtraError
from penstock.model.sniff import ENOUGH, sniff

MOST_REDIRECTS: Final = 5
LONGEST_REFERENCE: Final = 8192
"""Characters."""

REASONS: Final = {
    "bad_content": "a data: URL or Base64 that cannot be decoded",
    "bad_reference": "no URL, or one with parts that have no place in it",
    "unsupported_scheme": "a scheme that is not among those allowed",
    "forbidden_address": "the host has an address that must not be asked",
    "forbidden_path": "a file or object outside of the allowed roots, or no regular file",
    "not_found": "nothing is there (404, 410, no such file or object)",
    "refused": "the server, or the file system, does not give it",
    "too_many_redirects": f"more than {MOST_REDIRECTS} redirections",
    "too_large": "more bytes than max_bytes",
    "empty": "no bytes",
    "timeout": "not read within timeout_seconds",
    "unreachable": "the host has no address, does not answer, or fails",
}
"""Why content could not be had: reason -> what it means."""

_HOST: Final = re.compile(rb"[A-Za-z0-9._-]+|[0-9A-Fa-f.:]+(%[A-Za-z0-9]+)?")
"""A name or an address, with its zone."""

_REFERENCE: Final = re.compile(r"(https?|file|s3):", re.IGNORECASE)

Scheme: TypeAlias = Literal["http", "https", "file", "s3"]
Resolver: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""Addresses of a host and a port, the best first; raises OSError where there are none."""


class FetchOptions(ComponentConfig):
    """Options of every stage that reads what records refer to."""

    allowed_schemes: tuple[Scheme, ...] = Field(
        ("https", "http", "file", "s3"), description="What references may begin with."
    )
    allowed_roots: tuple[str, ...] = Field(
        (), description="Folders, and s3:// prefixes, below which files and objects may be read; none by default."
    )
    allow_private: bool = Field(
        False, description="Whether a reference may name a host with a private, loopback or link-local address."
    )
    max_bytes: int = Field(32 * 1024 * 1024, ge=1, description="Content with more bytes is not read.")
    timeout_seconds: float = Field(10.0, gt=0, description="How long reading one content may take.")


def is_reference(value: str, options: FetchOptions) -> bool:
    """Whether a text names content; a bare path does where files may be read, else it is of some web site."""
    return _REFERENCE.match(value) is not None or (value.startswith("/") and bool(options.allowed_roots))


async def resolve(host: str, port: int) -> list[str]:
    """The addresses that the system's resolver knows."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Fetcher:
    """Reads what references name.

    Parameters
    ----------
    options : FetchOptions
    resolver : callable
        How names become addresses.

    Raises
    ------
    MissingExtraError
        A root is in S3, and s3fs is not installed.
    """

    def __init__(self, options: FetchOptions, resolver: Resolver = resolve) -> None:
        self.options = options
        self._resolve = resolver
        self._folders = [Path(root).resolve() for root in options.allowed_roots if not root.startswith("s3://")]
        self._prefixes = [root.rstrip("/") + "/" for root in options.allowed_roots if root.startswith("s3://")]
        if self._prefixes and find_spec("s3fs") is None:
            raise MissingExtraError("s3fs", "s3")

    async def fetch(self, reference: str) -> Content:
        """The content that `reference` names. Raises EnrichmentError, with one of `REASONS`."""
        scheme, read = self._reader(reference)
        try:
            async with asyncio.timeout(self.options.timeout_seconds):
                data, said = await read(reference)
        except TimeoutError:
            seconds = self.options.timeout_seconds
            raise EnrichmentError("timeout", f"content by {scheme} was not read within {seconds:g} s") from None
        if not data:
            raise EnrichmentError("empty", f"content by {scheme} has no bytes")
        return Content(data, sniff(data[:ENOUGH]) or said or UNKNOWN_TYPE)

    def _reader(self, reference: str) -> tuple[str, Callable[[str], Awaitable[tuple[bytes, str]]]]:
        if len(reference) > LONGEST_REFERENCE or not reference.isprintable():
            raise EnrichmentError("bad_reference", "a reference is too long, or holds control characters")
        scheme = "file" if reference.startswith("/") else reference.partition(":")[0].lower()
        if scheme not in self.options.allowed_schemes:
            raise EnrichmentError(
                "unsupported_scheme", f"content is read by {', '.join(self.options.allowed_schemes)} only"
            )
        return scheme, {"file": self._file, "s3": self._object}.get(scheme, self._http)

    async def _http(self, reference: str) -> tuple[bytes, str]:
        url = self._url(reference)
        for _ in range(MOST_REDIRECTS + 1):
            answer = await self._get(url)
            if not isinstance(answer, httpx.URL):
                return answer
            url = answer
        raise EnrichmentError("too_many_redirects", f"more than {MOST_REDIRECTS} redirections")

    def _url(self, reference: str, base: httpx.URL | None = None) -> httpx.URL:
        """The URL of a reference, or of where a redirection leads to."""
        try:
            url = httpx.URL(reference) if base is None else base.join(reference)
        except (httpx.InvalidURL, ValueError, TypeError):
            raise EnrichmentError("bad_reference", "a reference, or a redirection, is no URL") from None
        if url.scheme not in {"http", "https"}.intersection(self.options.allowed_schemes):
            raise EnrichmentError("unsupported_scheme", "a redirection leads to a scheme that is not allowed")
        if _HOST.fullmatch(url.raw_host) is None or url.port == 0:
            raise EnrichmentError("bad_reference", "a reference, or a redirection, names no host")
        if url.userinfo:
            raise EnrichmentError("bad_reference", "a reference holds a user's name or password, which are never sent")
        return url

    async def _get(self, url: httpx.URL) -> tuple[bytes, str] | httpx.URL:
        """Content and type of one URL, or where it leads to."""
        host = url.raw_host.decode("ascii")
        pinned = await self._addresses(host, url.port or {"http": 80, "https": 443}[url.scheme])
        headers = {"Host": url.netloc.decode("ascii"), "Accept-Encoding": "identity", "User-Agent": "penstock"}
        # each request has connections of its own: those of TLS are to a host, and an address may have many
        async with httpx.AsyncHTTPTransport(verify=self._tls) as transport:
            for number, address in enumerate(pinned, 1):
                request = httpx.Request(
                    "GET",
                    url.copy_with(host=address, fragment=None),
                    headers=headers,
                    extensions={"sni_hostname": host, "timeout": httpx.Timeout(self.options.timeout_seconds).as_dict()},
                )
                try:
                    answer = await transport.handle_async_request(request)
                    try:
                        return await self._answer(url, answer)
                    finally:
                        await answer.aclose()
                except httpx.ConnectError as error:
                    if number == len(pinned):
                        raise _unreachable(error) from None
                except httpx.TransportError as error:
                    raise _unreachable(error) from None
        raise AssertionError("a host has addresses")  # pragma: no cover

    async def _addresses(self, host: str, port: int) -> Sequence[str]:
        """The addresses of a host, all of which may be asked."""
        try:
            found = await self._resolve(host, port)
        except (OSError, UnicodeError):
            found = ()
        if not found:
            raise EnrichmentError("unreachable", "the host of a reference has no address")
        allowed = {addresses.PUBLIC, addresses.PRIVATE} if self.options.allow_private else {addresses.PUBLIC}
        if any(addresses.kind(address) not in allowed for address in found):
            raise EnrichmentError(
                "forbidden_address",
                "the host of a reference has an address that is not public",
                hint="allow_private lets references name hosts of private networks",
            )
        return found

    async def _answer(self, url: httpx.URL, answer: httpx.Response) -> tuple[bytes, str] | httpx.URL:
        status = answer.status_code
        if status in (301, 302, 303, 307, 308) and "Location" in answer.headers:
            return self._url(answer.headers["Location"], url)
        if status in (404, 410):
            raise EnrichmentError("not_found", f"a server answered {status}")
        if status in (408, 425, 429) or status >= 500:
            raise EnrichmentError("unreachable", f"a server answered {status}")
        if status != 200:
            raise EnrichmentError("refused", f"a server answered {status}")
        if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise EnrichmentError("refused", "a server sends its content compressed, though it was told not to")
        said = answer.headers.get("Content-Length", "")
        if said.isdigit() and int(said) > self.options.max_bytes:
            raise self._too_large()
        data = bytearray()
        async for chunk in answer.aiter_raw():
            data += chunk
            if len(data) > self.options.max_bytes:
                raise self._too_large()
        return bytes(data), answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return httpx.create_ssl_context()

    async def _file(self, reference: str) -> tuple[bytes, str]:
        parts = urlsplit(reference) if not reference.startswith("/") else None
        if parts is not None and (parts.netloc not in ("", "localhost") or parts.query or parts.fragment):
            raise EnrichmentError("bad_reference", "a file: URL has a host, a query or a fragment")
        path = reference if parts is None else unquote(parts.path)
        if not path.startswith("/") or "\0" in path:
            raise EnrichmentError("bad_reference", "the path of a file does not begin with /")
        return await asyncio.to_thread(self._read, Path(path)), ""

    def _read(self, path: Path) -> bytes:
        try:
            resolved = path.resolve(strict=True)
            self._check(resolved)
            # a file that became a link, or a pipe that nobody writes to, since it was looked at
            handle = os.open(resolved, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(handle, "rb") as file:
                found = os.fstat(handle)
                again = path.resolve(strict=True)
                self._check(again)  # nor did a folder above it become one meanwhile
                if not stat.S_ISREG(found.st_mode) or not os.path.samestat(found, again.stat()):
                    raise EnrichmentError("forbidden_path", "a reference names no regular file")
                data = file.read(self.options.max_bytes + 1)
        except (FileNotFoundError, NotADirectoryError):
            raise EnrichmentError("not_found", "no such file") from None
        except IsADirectoryError:
            raise EnrichmentError("forbidden_path", "a reference names a folder") from None
        except (OSError, RuntimeError) as error:  # RuntimeError: links that lead in a circle
            raise EnrichmentError("refused", f"a file cannot be read: {type(error).__name__}") from None
        if len(data) > self.options.max_bytes:
            raise self._too_large()
        return data

    def _check(self, path: Path) -> None:
        if not any(path.is_relative_to(folder) for folder in self._folders):
            raise EnrichmentError(
                "forbidden_path", "a reference names a file outside of allowed_roots", hint="set allowed_roots"
            )

    async def _object(self, reference: str) -> tuple[bytes, str]:
        parts = reference.split("/")
        if not any(reference.startswith(prefix) for prefix in self._prefixes) or not {".", "..", ""}.isdisjoint(
            parts[3:]
        ):
            raise EnrichmentError(
                "forbidden_path", "a reference names an object outside of allowed_roots", hint="set allowed_roots"
            )
        return await asyncio.to_thread(self._download, reference), ""

    def _download(self, reference: str) -> bytes:
        import fsspec  # it asks for everything it may need

        try:
            files: Any = fsspec.filesystem("s3", use_listings_cache=False)
            data: bytes = files.cat_file(reference, start=0, end=self.options.max_bytes + 1)
        except FileNotFoundError:
            raise EnrichmentError("not_found", "no such object") from None
        except PermissionError:
            raise EnrichmentError("refused", "the store does not give an object") from None
        except Exception as error:  # s3fs and botocore have trees of errors of their own
            raise _unreachable(error) from None
        if len(data) > self.options.max_bytes:
            raise self._too_large()
        return data

    def _too_large(self) -> EnrichmentError:
        return too_large(self.options.max_bytes)


def _unreachable(error: Exception) -> EnrichmentError:
    # the type alone: texts of such errors may quote the reference
    return EnrichmentError("unreachable", f"content cannot be read now: {type(error).__name__}")

"""claims: data too large to travel, kept under the hash of its content, in a folder, in memory or in a bucket.

    claims = Claims("file:///var/lib/penstock/claims")        s3://bucket/prefix, or any file system that fsspec knows
    address = claims.put(data)                                "sha256:9f86…:1048576"
    claims.get(address) == data

The layout below the URL is ``<first two digits>/<64 digits>``. Putting the same data again changes nothing, so a step
that is repeated may put again; nothing is ever overwritten with something else, and what is read is checked against
its address. Calls block: callers in an event loop use threads.
"""

import os
import secrets
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import fsspec
from fsspec.implementations.local import LocalFileSystem

from penstock.model.errors import ConfigurationError, DecodeError, MissingExtraError, UnreachableError


class Claims:
    """A store of data by content.

    Parameters
    ----------
    url : str
        Where it is kept; ``file://``, ``memory://``, ``s3://`` …
    **options
        For the file system (``endpoint_url`` …), beside what it takes from the environment.

    Raises
    ------
    ConfigurationError
        No file system is known for the URL; `MissingExtraError` where its package is not installed.
    """

    def __init__(self, url: str, **options: Any) -> None:
        self._url = _without_secrets(url)
        try:
            self._files, root = fsspec.core.url_to_fs(url, **options)
        except ImportError as error:
            raise MissingExtraError(error.name or "s3fs", "s3") from None
        except ValueError:
            raise ConfigurationError(
                f"nothing is known to keep claims in {self._url}", hint="file:// or s3://"
            ) from None
        self._root = root.rstrip("/")
        self._local = isinstance(self._files, LocalFileSystem)

    def put(self, data: bytes) -> str:
        """Keep the data; its address. Durable when this returns. Raises UnreachableError."""
        digest = sha256(data).hexdigest()
        path = self._path(digest)
        try:
            if not self._holds(path, len(data)):
                if self._local:
                    _write_file(Path(path), data)
                else:
                    self._files.pipe_file(path, data)  # a bucket shows an object whole or not at all
        except Exception as error:  # each file system has its own tree of errors
            raise self._unreachable(error) from None
        return f"sha256:{digest}:{len(data)}"

    def get(self, address: str) -> bytes:
        """The data of an address.

        Raises
        ------
        DecodeError
            The address is none, nothing is kept there, or what is kept is not what was put.
        UnreachableError
            The store does not answer.
        """
        digest, length = _parse(address)
        try:
            data: bytes = self._files.cat_file(self._path(digest))
        except FileNotFoundError:
            raise DecodeError(f"the claim {address} is not in {self._url}") from None
        except Exception as error:  # see put
            raise self._unreachable(error) from None
        if len(data) != length or sha256(data).hexdigest() != digest:
            raise DecodeError(f"the claim {address} in {self._url} is damaged: it holds {len(data)} other bytes")
        return data

    def _path(self, digest: str) -> str:
        return f"{self._root}/{digest[:2]}/{digest}"

    def _holds(self, path: str, length: int) -> bool:
        try:
            return bool(self._files.size(path) == length)
        except FileNotFoundError:
            return False

    def _unreachable(self, error: Exception) -> UnreachableError:
        return UnreachableError("the claim store", self._url, cause=type(error).__name__)


def _parse(address: str) -> tuple[str, int]:
    name, _, rest = address.partition(":")
    digest, _, length = rest.partition(":")
    known = name == "sha256" and len(digest) == 64 and not set(digest) - set("0123456789abcdef")
    if not known or not length.isascii() or not length.isdigit():
        raise DecodeError("the address of a claim is not sha256:<64 hex digits>:<length>")
    return digest, int(length)


def _write_file(path: Path, data: bytes) -> None:
    """Write so that the name appears once the data is on disk, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with draft.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _without_secrets(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()

"""What the provenance ledger is asked and told over HTTP; for the sink of that name, and for events.

An *event* is something that was done to no record: a configuration was saved, a subject erased. Events stand in chains
of their own, ``~<what>``, one entry an event, and are signed and verified as records are.
"""

import contextlib
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from penstock.model import ledger
from penstock.model.errors import ConfigurationError, FencedError, RejectedError
from penstock.model.home import home
from penstock.model.http import ServiceClient

VARIABLE: Final = "PROV_LEDGER_URL"
DEFAULT_URL: Final = "http://localhost:4010"
KEY_VARIABLE: Final = "PENSTOCK_SIGNING_KEY_FILE"
CONFLICT: Final = 409
NOT_FOUND: Final = 404
_TRIES: Final = 10


class ChainHead(msgspec.Struct):
    """Where a chain stands; what a ledger says of it."""

    epoch: int
    next_seq: int
    next_offset: int
    head_hash: str


class _Batches(msgspec.Struct):
    """A page of signed heads."""

    batches: list[ledger.SignedHead]


class LedgerClient:
    """A ledger, and the key that signs what is told to it.

    Parameters
    ----------
    client
        The service.
    key
        Signs batches.
    """

    def __init__(self, client: ServiceClient, key: Ed25519PrivateKey) -> None:
        self.client = client
        self._key = key

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], key_file: str | None = None) -> "LedgerClient":
        """The ledger at ``PROV_LEDGER_URL``, with the key of `signing_key`. Raises ConfigurationError."""
        client = ServiceClient.from_environment("the provenance ledger", environ, VARIABLE, DEFAULT_URL)
        return cls(client, signing_key(environ, key_file))

    async def head(self, chain: str) -> ChainHead | None:
        """Where a chain stands; None where it has no entries yet."""
        try:
            answer = await self.client.request("GET", f"/api/v1/heads/{quote(chain)}")
        except RejectedError as error:
            if error.status == NOT_FOUND:
                return None
            raise
        return self.client.read(answer, ChainHead)

    async def newest(self, chain: str, head: ChainHead) -> ledger.SignedHead:
        """The signed head of a chain's newest batch; `head` is where the chain stands, behind an entry at least."""
        path = f"/api/v1/batches/{quote(chain)}?from_seq={head.next_seq - 1}&limit=1"
        answer = await self.client.request("GET", path)
        batches = self.client.read(answer, _Batches).batches
        if len(batches) != 1:
            raise self.client.unusable(f"the answer holds {len(batches)} batches where one was asked for")
        return batches[0]

    async def append(
        self, chain: str, head: ChainHead, entries: Sequence[ledger.Entry], next_offset: int
    ) -> ledger.SignedHead:
        """Sign entries that follow `head`, and have them kept.

        Raises
        ------
        FencedError
            Somebody else was faster.
        ServiceUnreachableError
            Nobody answers, or not with where the chain stands now: then it is not known whether they are kept.
        """
        previous = bytes.fromhex(head.head_hash)
        sealed = ledger.seal(self._key, chain, entries, previous=previous, next_offset=next_offset)
        body = msgspec.json.encode(ledger.batch(sealed, self._key.public_key(), entries))
        try:
            answer = await self.client.request(
                "POST", "/api/v1/batches", content=body, headers={"Content-Type": "application/json"}
            )
        except RejectedError as error:
            if error.status == CONFLICT:
                raise FencedError(f"the chain {chain} was continued by another writer") from None
            raise
        stands = self.client.read(answer, ChainHead)
        if (stands.next_seq, stands.next_offset, stands.head_hash) != (
            sealed.next_seq, sealed.next_offset, sealed.head_hash,
        ):  # fmt: skip
            raise self.client.unusable("the answer does not say that the chain stands behind these entries")
        return sealed

    async def event(
        self,
        chain: str,
        *,
        id: str,
        verdict: str,
        stage: str,
        code: str,
        content_hash: str = "",
        timestamp: int | None = None,
        count: int = 1,
    ) -> ledger.SignedHead:
        """Write an event down, behind those that others write meanwhile; the signed head of its batch of one.

        Parameters
        ----------
        id
            What it is about; never a value from a record.
        verdict
            One of `penstock.model.ledger.VERDICTS`.
        stage, code
            Who did it, and what.
        content_hash
            SHA-256 of what it is about, in hexadecimal digits.
        timestamp
            Milliseconds since the epoch; None is now.
        count
            How many things it is about: it takes as many offsets of the chain.

        Raises
        ------
        FencedError
            Others were faster ten times in a row.
        """
        at = int(time.time() * 1000) if timestamp is None else timestamp
        for _ in range(_TRIES):
            head = await self.head(chain) or first_head(chain, 0, 0)
            first, after = head.next_offset, head.next_offset + count
            entry = ledger.Entry(
                seq=head.next_seq, epoch=0, offset=first, last=after - 1, record_id=id, verdict=verdict, stage=stage,
                code=code, content_hash=content_hash, license="", pii=(), timestamp=at,
            )  # fmt: skip
            with contextlib.suppress(FencedError):
                return await self.append(chain, head, [entry], after)
        raise FencedError(f"the chain {chain} was continued by others {_TRIES} times")

    async def close(self) -> None:
        """Close the connections that are kept alive."""
        await self.client.close()


def first_head(chain: str, epoch: int, first: int) -> ChainHead:
    """Where a chain stands that has no entries yet, and begins with raw offset `first`."""
    return ChainHead(epoch, 0, first, ledger.genesis_hash(chain).hex())


def signing_key(environ: Mapping[str, str], key_file: str | None = None) -> Ed25519PrivateKey:
    """The key in `key_file`, in the file that ``PENSTOCK_SIGNING_KEY_FILE`` names, or else penstock's own.

    Raises
    ------
    ConfigurationError
        The file is not there, holds no such key, or cannot be made.
    """
    if named := key_file or environ.get(KEY_VARIABLE):
        path = Path(named).expanduser()
        if not path.is_file():  # a slip in its name must not make a new key without a word
            raise ConfigurationError(f"there is no signing key {path}", hint=f"set key_file or {KEY_VARIABLE}")
        return ledger.load_or_create_key(path)
    path = home(environ) / "keys" / "ledger.pem"
    try:
        return ledger.load_or_create_key(path)
    except OSError as error:
        raise ConfigurationError(
            f"the signing key {path} cannot be made: {error.strerror}", hint=f"set {KEY_VARIABLE} or PENSTOCK_HOME"
        ) from None

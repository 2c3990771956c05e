"""An entry of the ledger that no sink writes: something a person did."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

import msgspec

from penstock.connectors.sinks.ledger import CONFLICT, DEFAULT_URL, NOT_FOUND, VARIABLE, signing_key
from penstock.model import ledger
from penstock.model.errors import FencedError, RejectedError
from penstock.model.http import ServiceClient

_ATTEMPTS: Final = 10


class _Head(msgspec.Struct):
    epoch: int
    next_seq: int
    head_hash: str


class Recorder:
    """Appends to one chain; use as an async context manager.

    Parameters
    ----------
    environ
        Names the ledger and the key.
    chain

    Raises
    ------
    ConfigurationError
        There is no key to sign with.
    """

    def __init__(self, environ: Mapping[str, str], chain: str) -> None:
        self._key = signing_key(environ)
        self._chain = chain
        self._client = ServiceClient.from_environment("the provenance ledger", environ, VARIABLE, DEFAULT_URL)

    async def __aenter__(self) -> "Recorder":
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._client.close()

    async def head(self) -> _Head:
        """Where the chain stands. Raises ServiceUnreachableError."""
        try:
            answer = await self._client.request("GET", f"/api/v1/heads/{quote(self._chain)}")
        except RejectedError as error:
            if error.status == NOT_FOUND:
                return _Head(0, 0, ledger.genesis_hash(self._chain).hex())
            raise
        return msgspec.json.decode(answer.content, type=_Head)

    async def append(self, verdict: str, id: str, stage: str, code: str, content_hash: str, timestamp: int) -> str:
        """Append an entry; the signed head, as canonical JSON.

        Raises
        ------
        ServiceUnreachableError
            The ledger does not answer.
        FencedError
            Others append all the time.
        """
        for _ in range(_ATTEMPTS):
            head = await self.head()
            entry = ledger.Entry(
                seq=head.next_seq, epoch=head.epoch, offset=head.next_seq, last=head.next_seq, record_id=id,
                verdict=verdict, stage=stage, code=code, content_hash=content_hash, license="", pii=(),
                timestamp=timestamp,
            )  # fmt: skip
            sealed = ledger.seal(self._key, self._chain, [entry], previous=bytes.fromhex(head.head_hash))
            body = msgspec.json.encode(ledger.batch(sealed, self._key.public_key(), [entry]))
            try:
                await self._client.request(
                    "POST", "/api/v1/batches", content=body, headers={"Content-Type": "application/json"}
                )
            except RejectedError as error:
                if error.status != CONFLICT:
                    raise
            else:
                return msgspec.json.encode(sealed, order="sorted").decode()
        raise FencedError(f"the chain {self._chain} was continued by others {_ATTEMPTS} times")

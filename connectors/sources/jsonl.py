"""jsonl: one JSON object a line, handed on as it stands; whether it is JSON is the raw topic's codec's to judge.

    sources: [{jsonl: {path: "events/*.jsonl"}}]

Lines end with LF or CR LF; empty ones are skipped. The id of a record is ``<path>:<line>``.
"""

from penstock.connectors.sources._files import Cursor, FilesConfig, FileSource
from penstock.connectors.sources._lines import BOM, Lines, TooLong, without_newline
from penstock.model.component import Manifest, Resources, Source, SourceRecord, Unreadable

MANIFEST = Manifest(title="Files of JSON Lines", version="1.0.0", license=None, pii="possible")


class Config(FilesConfig):
    """Options of a jsonl source."""


def build(config: Config, resources: Resources) -> Source:
    return _Jsonl(config)


class _Jsonl(FileSource):
    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._encoding = None if config.encoding == "utf-8" else config.encoding
        self._page_size = config.page_size

    def _read(self, lines: Lines, cursor: Cursor, page: list[SourceRecord | Unreadable], stop: int) -> None:
        while len(page) < self._page_size and lines.offset < stop:
            try:
                line = lines.read()
            except TooLong as error:
                page.append(Unreadable(error.prefix, "record_too_long", f"{lines.path}:{lines.line}"))
                continue
            if not line:
                return
            value = without_newline(line)
            if lines.line == 1:
                value = value.removeprefix(BOM)
            if value.strip():
                page.append(self._record(value, f"{lines.path}:{lines.line}"))

    def _record(self, value: bytes, id: str) -> SourceRecord | Unreadable:
        if self._encoding is None:
            return SourceRecord(value, id=id)
        try:
            return SourceRecord(value.decode(self._encoding).encode(), id=id)
        except UnicodeError:
            return Unreadable(value, "wrong_encoding", id)

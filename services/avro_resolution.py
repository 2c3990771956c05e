"""Whether data written with one Avro schema can be read with another (Avro 1.11 specification, "Schema Resolution").

A writer's union must be readable branch by branch; a reader's union needs one branch that reads. Names of records,
enums and fixed types match without their namespace, or by an alias of the reader. Two decimals match only in the same
precision and scale, as the specification has it (the Java library does not look at them).

Schemas may contain themselves. Every pair of named types is taken to match until it is found not to; what was found
on the way may rest on a pair that failed later, so the whole is repeated until no further pair fails.
"""

from typing import Any, Final

from penstock.services.avro_schema import Parsed, branch_name

_PROMOTIONS: Final = {
    "int": ("long", "float", "double"),
    "long": ("float", "double"),
    "float": ("double",),
    "string": ("bytes",),
    "bytes": ("string",),
}


def problems(reader: Parsed, writer: Parsed) -> list[str]:
    """Why `reader` cannot read what `writer` wrote; empty if it can."""
    failed: set[tuple[str, str]] = set()
    while True:
        attempt = _Attempt(reader, writer, failed)
        found = attempt.match(reader.schema, writer.schema, "/")
        if attempt.failed == failed:
            return found
        failed = attempt.failed


class _Attempt:
    """One walk over both schemas; `failed` grows by the pairs of named types that do not match."""

    def __init__(self, reader: Parsed, writer: Parsed, failed: set[tuple[str, str]]) -> None:
        self.failed = set(failed)
        self._reader = reader.named
        self._writer = writer.named
        self._visited: set[tuple[str, str]] = set()

    def match(self, reader: Any, writer: Any, where: str) -> list[str]:
        if isinstance(writer, list):
            return [problem for branch in writer for problem in self.match(reader, branch, where)]
        if isinstance(reader, list):
            if any(not self.match(branch, writer, where) for branch in reader):
                return []
            return [f"{where}: no branch of the reader's union reads {branch_name(writer)}"]
        reader = self._reader.get(reader, reader) if isinstance(reader, str) else reader
        writer = self._writer.get(writer, writer) if isinstance(writer, str) else writer
        expected, found = _kind(reader), _kind(writer)
        if expected != found:
            return [] if expected in _PROMOTIONS.get(found, ()) else [f"{where}: {found} cannot be read as {expected}"]
        if expected in ("array", "map"):
            inner = "items" if expected == "array" else "values"
            return self.match(reader[inner], writer[inner], f"{where}{inner}/")
        if expected in ("record", "enum", "fixed"):
            return self._named(expected, reader, writer, where)
        return _decimals(reader, writer, where)

    def _named(self, kind: str, reader: dict[str, Any], writer: dict[str, Any], where: str) -> list[str]:
        pair = (reader["name"], writer["name"])
        if pair in self._visited:
            return [f"{where}: {pair[1]} cannot be read as {pair[0]}"] if pair in self.failed else []
        self._visited.add(pair)
        found = _names(reader, writer, where)
        if kind == "record":
            found += self._fields(reader, writer, where)
        elif kind == "enum":
            found += _symbols(reader, writer, where)
        elif reader["size"] != writer["size"]:
            found.append(f"{where}: fixed of {writer['size']} bytes cannot be read as {reader['size']}")
        else:
            found += _decimals(reader, writer, where)
        if found:
            self.failed.add(pair)
        return found

    def _fields(self, reader: dict[str, Any], writer: dict[str, Any], where: str) -> list[str]:
        written = {field["name"]: field for field in writer["fields"]}
        found = []
        for field in reader["fields"]:
            names = (field["name"], *field.get("aliases", ()))
            source = next((written[name] for name in names if name in written), None)
            if source is not None:
                found += self.match(field["type"], source["type"], f"{where}{field['name']}/")
            elif "default" not in field:
                found.append(f"{where}{field['name']}: the writer does not have it and it has no default")
        return found


def _kind(schema: Any) -> str:
    kind = schema if isinstance(schema, str) else str(schema["type"])
    return "record" if kind == "error" else kind


def _names(reader: dict[str, Any], writer: dict[str, Any], where: str) -> list[str]:
    last = writer["name"].rpartition(".")[2]
    if last == reader["name"].rpartition(".")[2] or writer["name"] in reader.get("aliases", ()):
        return []
    return [f"{where}: {writer['name']} is not {reader['name']}"]


def _symbols(reader: dict[str, Any], writer: dict[str, Any], where: str) -> list[str]:
    lacking = [symbol for symbol in writer["symbols"] if symbol not in reader["symbols"]]
    if not lacking or "default" in reader:
        return []
    return [f"{where}: the reader lacks the symbols {', '.join(lacking)} and has no default"]


def _decimals(reader: Any, writer: Any, where: str) -> list[str]:
    def shape(schema: Any) -> tuple[Any, Any] | None:
        if not isinstance(schema, dict) or schema.get("logicalType") != "decimal":
            return None
        return schema.get("precision"), schema.get("scale", 0)

    expected, found = shape(reader), shape(writer)
    if expected is None or found is None or expected == found:
        return []
    return [f"{where}: decimals of different precision or scale"]

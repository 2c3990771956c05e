"""Markdown of what the code says of itself: docstrings, options of a model, tables; for `penstock.cli.reference`."""

import inspect
import json
import re
from collections.abc import Iterable, Sequence
from itertools import cycle
from typing import Any, Final

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

_RULER: Final = re.compile(r"=+(?: +=+)*")
_UNDERLINE: Final = re.compile(r"-{3,}")
_CODE_OR_EMPHASIS: Final = re.compile(r"(`[^`]*`|(?<![\w*])\*\w[\w ]*\*(?!\w))")
_YAML: Final = re.compile(r"[a-z_]+:( |$)")
_BOUNDS: Final = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "> {}",
    "maximum": "≤ {}",
    "exclusiveMaximum": "< {}",
    "minLength": "{} characters or more",
    "maxLength": "{} characters or fewer",
    "minItems": "{} or more",
    "pattern": "like `{}`",
}
_TYPES: Final = {"boolean": "true or false", "string": "text"}


def escape(text: str) -> str:
    """Prose that no renderer takes for HTML or emphasis; code spans are left alone."""
    parts = _CODE_OR_EMPHASIS.split(text.replace("``", "`"))
    return "".join(
        part if odd else re.sub(r"[<*]", r"\\\g<0>", part)
        for part, odd in zip(parts, cycle((False, True)), strict=False)
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; cells are Markdown already."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in row) + " |" for row in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def code(value: Any) -> str:
    """A value as YAML flow style would have it, in a code span."""
    return f"`{json.dumps(value, ensure_ascii=False, default=_plain)}`"


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json", exclude_defaults=True) if isinstance(value, BaseModel) else str(value)


def sentence(text: str) -> str:
    """The text with a capital and a full stop."""
    return text[:1].upper() + text[1:] + ("" if not text or text.endswith((".", "?")) else ".")


# Docstrings


def first_line(doc: str | None) -> str:
    """The first line of a docstring, without the name in front of it."""
    line = inspect.cleandoc(doc or "").partition("\n")[0]
    head, colon, rest = line.partition(": ")
    return rest if colon and " " not in head else line


def rest(doc: str | None) -> str:
    """A module's docstring without its first paragraph, as Markdown."""
    return docstring((doc or "").partition("\n\n")[2])


def docstring(text: str) -> str:
    """Markdown of the reStructuredText that docstrings here use: paragraphs, examples, tables, literal blocks."""
    lines = text.splitlines()
    blocks: list[str] = []
    while lines:
        if not lines[0].strip():
            lines.pop(0)
        elif _RULER.fullmatch(lines[0]):
            blocks.append(_table_block(lines))
        elif lines[0].startswith(">>>"):
            blocks.append(_fence("pycon", _until_blank(lines)))
        elif lines[0].startswith("    "):
            blocks.append(_literal(lines))
        else:
            blocks.append(_paragraph(lines))
    return "\n\n".join(block for block in blocks if block)


def doc_tables(text: str | None) -> list[list[list[str]]]:
    """The tables in a module's docstring: rows of cells, in reStructuredText."""
    lines = (text or "").splitlines()
    found = []
    while lines:
        if _RULER.fullmatch(lines[0]) and " " in lines[0]:
            found.append(_rows(lines)[1])
        else:
            lines.pop(0)
    return found


def _until_blank(lines: list[str]) -> list[str]:
    taken = []
    while lines and lines[0].strip():
        taken.append(lines.pop(0))
    return taken


def _fence(language: str, lines: Sequence[str]) -> str:
    return "\n".join([f"```{language}", *lines, "```"])


def _literal(lines: list[str]) -> str:
    taken = []
    while lines and (not lines[0].strip() or lines[0].startswith("    ")):
        taken.append(lines.pop(0)[4:])
    while not taken[-1].strip():
        taken.pop()
    return _fence("yaml fragment" if _YAML.match(taken[0]) else "text", taken)


def _paragraph(lines: list[str]) -> str:
    taken = [lines.pop(0)]
    while lines and lines[0].strip() and not _RULER.fullmatch(lines[0]):
        taken.append(lines.pop(0))
    if len(taken) == 2 and _UNDERLINE.fullmatch(taken[1]):
        return f"**{taken[0]}**"
    text = escape("\n".join(taken))
    if text.endswith("::"):
        text = text[:-1].removesuffix(":") if text == "::" else text[:-1]
    return text


def _table_block(lines: list[str]) -> str:
    head, rows = _rows(lines)
    width = len(rows[0])
    return table([escape(cell) for cell in head or [""] * width], [[escape(cell) for cell in row] for row in rows])


def _rows(lines: list[str]) -> tuple[list[str] | None, list[list[str]]]:
    """Head (or None) and rows of a simple table that begins at the first of `lines`; takes its lines away."""
    starts = [match.start() for match in re.finditer("=+", lines.pop(0))]
    parts: list[list[list[str]]] = [[]]
    while lines:
        line = lines.pop(0)
        if _RULER.fullmatch(line):
            parts.append([])
            if not (lines and lines[0].strip()):
                break
        elif parts[-1] and not line[: starts[-1]].strip() and line.strip():
            parts[-1][-1][-1] += f" {line.strip()}"
        else:
            parts[-1].append(_cells(line, starts))
    filled = [part for part in parts if part]
    return (filled[0][0], filled[1]) if len(filled) > 1 else (None, filled[0])


def _cells(line: str, starts: Sequence[int]) -> list[str]:
    if any(line[start - 1 : start].strip() for start in starts[1:]):  # a cell that is wider than its column
        return re.split(r"\s{2,}", line.strip(), maxsplit=len(starts) - 1)
    ends = [*starts[1:], None]
    return [line[start:end].strip() for start, end in zip(starts, ends, strict=True)]


# Options of a model


def options(model: type[BaseModel], *, leave_out: Iterable[str] = ()) -> str:
    """A table of a model's keys, and one of each model that stands in it; empty where there are none."""
    seen: list[type[BaseModel]] = []
    sections = []
    for each in _with_parts(model, seen):
        rows = [row for name, row in _option_rows(each) if each is not model or name not in leave_out]
        if not rows:
            continue
        if each is not model:
            sections.append(f"{part_heading(each)}\n\n{escape(first_line(each.__doc__))}")
        sections.append(table(("key", "type", "default", "meaning"), rows))
    return "\n\n".join(sections)


def part_heading(model: type[BaseModel]) -> str:
    """The heading of a model's own table."""
    return f"**{_title(model.__name__)}**"


def _title(name: str) -> str:
    return re.sub("(?<=[a-z])(?=[A-Z])", " ", name.removesuffix("Config")).lower()


def _with_parts(model: type[BaseModel], seen: list[type[BaseModel]]) -> list[type[BaseModel]]:
    """The model and those that its fields name, each once, in order."""
    if model in seen:
        return []
    seen.append(model)
    found = [model]
    for field in model.model_fields.values():
        for part in _models_in(field.annotation):
            found += _with_parts(part, seen)
    return found


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for each in getattr(annotation, "__args__", ()) for model in _models_in(each)]


def _option_rows(model: type[BaseModel]) -> list[tuple[str, list[str]]]:
    schema = model.model_json_schema(by_alias=True)
    rows = []
    for name, field in model.model_fields.items():
        key = field.alias or name
        kind = _type(schema["properties"][key], schema.get("$defs", {}))
        keys = f"`{key}`" if key == name or key in ("as", "from", "to") else f"`{name}` or `{key}`"
        rows.append((name, [keys, kind, _default(field), escape(field.description or "")]))
    return rows


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return "**required**"
    if value is None:
        return "none"
    if isinstance(value, BaseModel):
        return "see below"
    if isinstance(value, list) and value and isinstance(value[0], BaseModel):
        return ", ".join(f"`{getattr(part, 'use', part)}`" for part in value)
    return code(value)


def _type(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    """A JSON Schema in words."""
    if "anyOf" in schema:
        kinds = [_type(each, definitions) for each in schema["anyOf"] if each.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        target = definitions[name]
        return f"{_title(name)} (below)" if "properties" in target else _type(target, definitions)
    if "enum" in schema:
        return "one of " + ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if schema.get("format") in ("path", "file-path"):
        return "path"
    kind = schema.get("type", "anything")
    bounds = ", ".join(text.format(schema[name]) for name, text in _BOUNDS.items() if name in schema)
    bounds = bounds.replace("1 characters or more", "not empty")
    if kind == "array":
        kind = f"list of {_type(schema.get('items', {}), definitions)}"
    elif kind == "object":
        inner = next(iter(schema.get("patternProperties", {}).values()), schema.get("additionalProperties", {}))
        value = _type(inner if isinstance(inner, dict) else {}, definitions)
        kind = f"mapping of names to {f'({value})' if ' or ' in value else value}"
    return f"{_TYPES.get(kind, kind)}{f', {bounds}' if bounds else ''}"

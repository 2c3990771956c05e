"""YAML files with lines: what stands where, and errors that name file, line and key.

An error says what the file holds and what may stand there. Of a value that came from a variable it shows the text of
the file (``${PASSWORD}``), never what the variable held, and of a key whose name sounds like a secret nothing at all.
Pipeline files (`penstock.topology.load`) and policies of `redact` are read with it.
"""

import difflib
import re
from collections.abc import Iterable
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Final, Self, TypeAlias, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from penstock.model.errors import PipelineFileError

NAME: Final = r"^[a-z0-9][a-z0-9_-]*$"
"""What names in such files look like."""

_SECRET: Final = re.compile(r"pass|secret|token|credential|key|dsn|url|uri", re.IGNORECASE)
_LONGEST_SHOWN: Final = 60
_MOST_KEYS: Final = 100_000  # and items of lists; anchors and aliases make thousands of millions of them in a few lines

KeyPath: TypeAlias = tuple[str | int, ...]


class Source:
    """A file's text and where each key stands in it.

    Attributes
    ----------
    file : str
    data : object
        As the file has it, variables not replaced.
    lines : dict
        Line, from 1, of each key and list item.
    filled : dict
        By path, what a text became when its variables were replaced.
    """

    def __init__(self, text: str, file: str, error: type[PipelineFileError] = PipelineFileError) -> None:
        self.file = file
        self._error = error
        self.lines: dict[KeyPath, int] = {}
        self.filled: dict[KeyPath, str] = {}
        self._keys = yaml.SafeLoader("")  # makes keys of their nodes: 3 and on are no text in YAML
        try:
            self.data = yaml.safe_load(text)
            self._walk(yaml.compose(text, Loader=yaml.SafeLoader), ())
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else None
            raise self._error(f"not YAML: {error.problem}", file=file, line=line) from None
        except (
            yaml.YAMLError,
            ValueError,
            RecursionError,
        ) as error:  # control characters, 2024-99-99, & and * in rings
            raise self._error(f"not YAML: {type(error).__name__}", file=file) from None

    @classmethod
    def load(cls, path: Path, error: type[PipelineFileError] = PipelineFileError) -> Self:
        """That of the file at `path`. Raises `error` where it cannot be read, is no YAML, or names a key twice."""
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as failed:
            raise error(f"cannot be read: {failed.strerror or type(failed).__name__}", file=str(path)) from None
        except UnicodeDecodeError:
            raise error("cannot be read: it is not UTF-8", file=str(path)) from None
        return cls(text, str(path), error)

    def _walk(self, node: yaml.Node | None, path: KeyPath) -> None:
        if len(self.lines) > _MOST_KEYS:
            raise self._error(f"more than {_MOST_KEYS} keys and items", file=self.file, line=1)
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                merged = key.tag == "tag:yaml.org,2002:merge"
                here = (*path, key.value if merged else self._keys.construct_object(key))
                line = key.start_mark.line + 1
                if here in self.lines:
                    raise self.error(f"{key.value} stands here twice", here, line=line)
                self.lines[here] = line
                self._walk(value, here)
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                self.lines[(*path, index)] = value.start_mark.line + 1
                self._walk(value, (*path, index))

    def error(self, message: str, path: KeyPath, *, hint: str = "", line: int | None = None) -> PipelineFileError:
        """An error at `path`, or at the nearest key above it that the file has."""
        key = dotted(path)
        return self._error(message, file=self.file, line=line or self.line(path), key=key, hint=hint)

    def line(self, path: KeyPath) -> int | None:
        """The line of `path`, or of the nearest key above it that the file has."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)

    def component(self, kind: str, index: int) -> tuple[KeyPath, KeyPath]:
        """Where a component of ``sources``, ``stages`` or ``sinks`` has its name, and where its options."""
        item = (kind, index)
        if (*item, "use") in self.lines:
            return (*item, "use"), (*item, "options")
        place = self.short(item)
        return place, place

    def short(self, item: KeyPath, key: str | int | None = None) -> KeyPath:
        """Where a component that is written in short (``- geoip: {…}``) has its options, and `key` among them."""
        inside = [path for path in self.lines if path[: len(item)] == item and len(path) == len(item) + 1]
        if len(inside) == 1 and (key is None or (*inside[0], key) in self.lines):
            return inside[0]
        return item

    def found(self, path: KeyPath) -> str:
        """What the file has at `path`, in words; empty where it has nothing there, or what may be a secret."""
        value: Any = self.data
        for part in path:
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                return ""
        if any(_SECRET.search(str(part)) for part in path):
            return ""
        if isinstance(value, dict | list):
            return "a list" if isinstance(value, list) else "a mapping"
        text = "nothing" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)
        return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"

    def conceal(self, text: str, path: KeyPath) -> str:
        """`text` with the file's own words in place of what variables put at, above or below `path`."""
        for place, value in self.filled.items():
            related = place[: len(path)] == path or path[: len(place)] == place
            if related and value:
                text = text.replace(value, self._written(place))
        return text

    def _written(self, path: KeyPath) -> str:
        value: Any = self.data
        for part in path:
            value = value[part]
        return str(value)


def dotted(path: Iterable[str | int]) -> str:
    """A path as messages have it: ``stages.2.geoip``."""
    return ".".join(str(part) for part in path)


# What pydantic says, in terms of the file

_DUE: Final = {
    "int_": "a whole number",
    "float_": "a number",
    "bool_": "true or false",
    "string_type": "text",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_": "a mapping",
}
"""By how pydantic's type of an error begins: what should stand there."""

_COMPONENTS: Final = ("sources", "stages", "sinks")
_COMPONENT_FORMS: Final = (
    "a component is `- name`, `- name: {options}` or `- {use: name, as: other_name, options: {}}`; "
    "options stand indented below the name"
)


def file_error(error: ValidationError, model: type[BaseModel], source: Source, prefix: KeyPath) -> PipelineFileError:
    """The first of pydantic's complaints about the `model` at `prefix`, said in terms of the file."""
    errors = _misspelt_first(error.errors(include_input=False, include_url=False), model)
    path, about = _at_first_place(errors, source, prefix)
    first = about[0]
    if first["type"] == "extra_forbidden":
        known = _known_keys(model, first["loc"][:-1])
        unknown = str(first["loc"][-1])
        hint = near(unknown, known) or f"allowed: {', '.join(sorted(known))}"
        return source.error(f"unknown key {unknown}", path, hint=hint)
    if first["type"] == "missing":
        in_list = len(path) == 3 and path[0] in _COMPONENTS and path[2] == "use"
        return source.error(f"{dotted(path)} is missing", path, hint=_COMPONENT_FORMS if in_list else "")
    message, hint = _wrong_value(about, source, path)
    where = f"{dotted(path)}: " if path else ""  # what is wrong with options together has no place of its own
    return source.error(source.conceal(f"{where}{message}", path), path, hint=hint)


def _misspelt_first(errors: list[ErrorDetails], model: type[BaseModel]) -> list[ErrorDetails]:
    """The errors; where a key is missing that an unknown one looks like, the unknown one is the first."""
    if errors[0]["type"] == "missing":
        *above, name = errors[0]["loc"]
        known = _known_keys(model, tuple(above))
        for error in errors:
            beside = error["type"] == "extra_forbidden" and error["loc"][:-1] == tuple(above)
            if beside and near(str(error["loc"][-1]), known) == near(str(name), known):
                return [error, *errors]
    return errors


def _at_first_place(errors: list[ErrorDetails], source: Source, prefix: KeyPath) -> tuple[KeyPath, list[ErrorDetails]]:
    """The place of the first error and all errors there; of the members of a union, the one that fits best counts."""
    paths = [_as_written(error, source, prefix) for error in errors]
    inner = len(prefix)
    same_field = [path for path in paths if len(path) > inner and path[: inner + 1] == paths[0][: inner + 1]]
    below_first = [path for path in same_field if path[: len(paths[0])] == paths[0]]
    place = max(below_first, key=len, default=paths[0])
    return place, [error for error, path in zip(errors, paths, strict=True) if path == place]


def _as_written(error: ErrorDetails, source: Source, prefix: KeyPath) -> KeyPath:
    """Where an error is, without what pydantic adds to it (members of unions), which are no keys of the file."""
    path, loc = prefix, error["loc"]
    for position, part in enumerate(loc):
        absent = error["type"] == "missing" and position == len(loc) - 1
        if len(path) == 2 and path[0] in _COMPONENTS and not absent:
            path = source.short(path, part)
        if absent or (*path, part) in source.lines:
            path = (*path, part)
    # what a default or a variable put there is not in the file
    return path if len(path) > len(prefix) or not loc else (*prefix, loc[0])


def _wrong_value(errors: list[ErrorDetails], source: Source, path: KeyPath) -> tuple[str, str]:
    """What is wrong with a value, and a hint."""
    if len(path) == 2 and path[0] in _COMPONENTS and errors[0]["type"].startswith("model_"):
        return f"found {source.found(path)}, which is no component", _COMPONENT_FORMS
    if errors[0]["type"] == "invalid_key":
        return "is no key: keys are text", "put it in quotes"
    found = source.found(path)
    names = [name for error in errors for name in _allowed(error)]
    due = list(dict.fromkeys(_due(error) for error in errors if _due(error)))
    if names or due:
        wanted = " or ".join([", ".join(names)] * bool(names) + due)
        message = f"found {found}, allowed: {wanted}" if found else f"allowed: {wanted}"
        return message, near(found.strip("'\""), names)
    message = re.sub(r"^\w+ should ", "must ", errors[0]["msg"].removeprefix("Value error, "))
    hint = (
        "lower-case letters, digits, dashes and underscores" if errors[0].get("ctx", {}).get("pattern") == NAME else ""
    )
    shown = f", found {found}" if found and errors[0]["type"] != "value_error" else ""
    return f"{message}{shown}", hint


def _allowed(error: ErrorDetails) -> list[str]:
    """The words that may stand there, where only some may."""
    if error["type"] not in ("literal_error", "enum"):
        return []
    return re.findall(r"'([^']*)'", str(error["ctx"]["expected"]))


def _due(error: ErrorDetails) -> str:
    return next((due for kind, due in _DUE.items() if error["type"].startswith(kind)), "")


def near(word: str, known: Iterable[str]) -> str:
    """A hint that names the one of `known` that looks most like `word`; empty where none does."""
    by_lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower(), by_lower, n=1)
    return f"did you mean {by_lower[near[0]]}?" if near else ""


def _known_keys(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """The keys that are allowed at `loc` below `model`."""
    current: Any = model
    for part in loc:
        below = _inside(current, part)
        current = current if below is None else below  # a part that names the member of a union leads nowhere
    return [field.alias or name for each in _models(current) for name, field in each.model_fields.items()]


def _inside(annotation: Any, part: int | str) -> Any:
    """The annotation of what stands under `part` in a value that is annotated so; None where there is no such part."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _inside(arguments[0], part)
    if origin in (Union, UnionType):
        return next((below for member in arguments if (below := _inside(member, part)) is not None), None)
    if origin in (list, tuple) and isinstance(part, int):
        return arguments[0]
    if origin is dict:
        return arguments[1]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = annotation.model_fields
        return next((field.annotation for name, field in fields.items() if part in (name, field.alias)), None)
    return None


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The models among what is annotated so."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) in (Annotated, Union, UnionType):
        return [model for member in get_args(annotation) for model in _models(member)]
    return []

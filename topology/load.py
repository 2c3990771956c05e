"""Reading a pipeline file: YAML, ``${NAME}`` and ``${NAME:-default}``, and errors that name file, line and key."""

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from penstock.model.errors import PipelineFileError
from penstock.topology.spec import Pipeline

_VARIABLE = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}")

KeyPath = tuple[str | int, ...]


class Source:
    """A pipeline file's text and where each key stands in it."""

    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self.lines: dict[KeyPath, int] = {}
        try:
            node = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else None
            raise PipelineFileError(f"not YAML: {error.problem}", file=file, line=line) from None
        self._walk(node, ())
        self.data = yaml.safe_load(text)

    def _walk(self, node: yaml.Node | None, path: KeyPath) -> None:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                here = (*path, key.value)
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
        at = path
        while at and at not in self.lines:
            at = at[:-1]
        key = ".".join(str(part) for part in path)
        return PipelineFileError(message, file=self.file, line=line or self.lines.get(at), key=key, hint=hint)


def load(path: Path, environ: Mapping[str, str]) -> Pipeline:
    """The pipeline in the file at `path`.

    Raises
    ------
    PipelineFileError
        The file is missing, is not YAML, has an unknown key, a wrong value or a variable that is not set.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PipelineFileError(f"cannot be read: {type(error).__name__}", file=str(path)) from None
    return loads(text, environ, file=str(path))


def loads(text: str, environ: Mapping[str, str], *, file: str = "pipeline.yml") -> Pipeline:
    """The pipeline in `text`; see `load`."""
    source = Source(text, file)
    if not isinstance(source.data, dict):
        raise PipelineFileError("a pipeline file is a mapping of keys", file=file, line=1)
    data = _substitute(source.data, (), source, environ)
    try:
        return Pipeline.model_validate(data)
    except ValidationError as error:
        raise file_error(error, Pipeline, source, ()) from None


def file_error(error: ValidationError, model: type[BaseModel], source: Source, prefix: KeyPath) -> PipelineFileError:
    """The first of pydantic's complaints, said in terms of the file; never with the value that was found."""
    first = error.errors(include_input=False, include_url=False)[0]
    path = prefix + _as_written(first["loc"], source, prefix)
    if first["type"] == "extra_forbidden":
        known = _known_keys(model, first["loc"][:-1])
        unknown = str(first["loc"][-1])
        near = difflib.get_close_matches(unknown, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"allowed: {', '.join(sorted(known))}"
        return source.error(f"unknown key {unknown}", path, hint=hint)
    message = first["msg"].removeprefix("Value error, ")
    return source.error(f"{'.'.join(str(part) for part in path)}: {message}", path)


def _as_written(loc: tuple[int | str, ...], source: Source, prefix: KeyPath) -> KeyPath:
    """Pydantic's location without the names of union members, which are no keys of the file."""
    path: KeyPath = ()
    for position, part in enumerate(loc):
        last = position == len(loc) - 1
        if last or (*prefix, *path, part) in source.lines:
            path = (*path, part)
    return path


def _known_keys(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """The keys that are allowed at `loc` below `model`."""
    current: Any = model
    for part in loc:
        if isinstance(part, str) and isinstance(current, type) and issubclass(current, BaseModel):
            field = current.model_fields.get(part)
            current = field.annotation if field else None
    if not (isinstance(current, type) and issubclass(current, BaseModel)):
        return []
    return [field.alias or name for name, field in current.model_fields.items()]


def _substitute(value: Any, path: KeyPath, source: Source, environ: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _substitute(item, (*path, key), source, environ) for key, item in value.items()}
    if isinstance(value, list):
        return [_substitute(item, (*path, index), source, environ) for index, item in enumerate(value)]
    if not isinstance(value, str):
        return value

    def replace(match: re.Match[str]) -> str:
        name, default = match["name"], match["default"]
        found = environ.get(name) or default  # an empty variable counts as unset, as in a shell's ${NAME:-default}
        if found is None:
            raise source.error(f"the environment variable {name} is not set", path, hint=f"or write ${{{name}:-…}}")
        return found

    return _VARIABLE.sub(replace, value)

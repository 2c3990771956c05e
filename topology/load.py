"""Reading a pipeline file: YAML, ``${NAME}`` and ``${NAME:-default}``, and errors that name file, line and key.

What errors say, and what they keep to themselves, is told in `penstock.model.yaml_file`.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from penstock.model.errors import PipelineFileError
from penstock.model.yaml_file import KeyPath as KeyPath
from penstock.model.yaml_file import Source as Source
from penstock.model.yaml_file import dotted as dotted
from penstock.model.yaml_file import file_error as file_error
from penstock.topology.spec import Pipeline

_VARIABLE: Final = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}")


def load(path: Path, environ: Mapping[str, str]) -> Pipeline:
    """The pipeline in the file at `path`.

    Raises
    ------
    PipelineFileError
        The file is missing, is not YAML, has an unknown key, a wrong value or a variable that is not set.
    """
    return read(path, environ)[0]


def loads(text: str, environ: Mapping[str, str], *, file: str = "pipeline.yml") -> Pipeline:
    """The pipeline in `text`; see `load`."""
    return reads(text, environ, file=file)[0]


def read(path: Path, environ: Mapping[str, str]) -> tuple[Pipeline, Source]:
    """The pipeline in the file at `path`, and the file, for errors that are found later; see `load`."""
    return _pipeline(Source.load(path), environ)


def reads(text: str, environ: Mapping[str, str], *, file: str = "pipeline.yml") -> tuple[Pipeline, Source]:
    """The pipeline in `text`, and the text with its lines; see `load`."""
    return _pipeline(Source(text, file), environ)


def _pipeline(source: Source, environ: Mapping[str, str]) -> tuple[Pipeline, Source]:
    if not isinstance(source.data, dict):
        raise PipelineFileError("a pipeline file is a mapping of keys", file=source.file, line=1)
    data = _substitute(source.data, (), source, environ)
    if env := environ.get("AF_ENV"):
        data = {"env": env} | data
    try:
        return Pipeline.model_validate(data), source
    except ValidationError as error:
        raise file_error(error, Pipeline, source, ()) from None


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

    filled = _VARIABLE.sub(replace, value)
    if filled != value:
        source.filled[path] = filled
    return filled

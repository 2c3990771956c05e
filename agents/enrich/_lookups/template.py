"""Templates of requests: ``{{field.path}}`` is what stands there in the record, ``${NAME}`` what the environment says.

>>> text = Text("/ip/{{user.ip}}", {})
>>> text.fill({"user": {"ip": "a/b"}}, in_path), text.fill({"other": 1}, in_path)
('/ip/a%2Fb', None)

There is nothing else in them: no conditions, no functions, nothing that is run. A value is put in where it stands and
escaped for the place; it is never looked at for placeholders itself.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote

import orjson

from penstock.model.errors import ConfigurationError, EnrichmentError
from penstock.model.record import Data

LONGEST: Final = 8192
"""Characters of a value that is put into a URL or a header."""
_FIELD: Final = re.compile(r"\{\{\s*(.*?)\s*\}\}", re.DOTALL)
_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
MISSING: Final = object()


def expand(text: str, environ: Mapping[str, str]) -> str:
    """`text` with each ``${NAME}`` replaced. Raises ConfigurationError where a variable is not set."""

    def value(match: re.Match[str]) -> str:
        found = environ.get(match[1])
        if not found:
            raise ConfigurationError(f"the variable {match[1]} is not set, which an option names")
        return found

    return _VARIABLE.sub(value, text)


class Text:
    """A text with placeholders, taken apart once.

    Parameters
    ----------
    text : str
    environ : mapping
        What ``${NAME}`` stands for; a value of it is text, never a template.

    Raises
    ------
    ConfigurationError
        A variable is not set, a placeholder names no field, or braces are left over.
    """

    def __init__(self, text: str, environ: Mapping[str, str]) -> None:
        parts = _FIELD.split(text)
        self.fixed = [expand(part, environ) for part in parts[::2]]
        self.fields = parts[1::2]
        if any(not field or "{" in field for field in self.fields) or any("{{" in part for part in parts[::2]):
            raise ConfigurationError("a template has braces without the path of a field in them", hint="{{user.id}}")

    def fill(self, data: Data, escape: Callable[[str], str]) -> str | None:
        """The text for a record; None where a field that it names is missing, null, or no single value."""
        out = [self.fixed[0]]
        for field, behind in zip(self.fields, self.fixed[1:], strict=True):
            value = written(field_value(data, field))
            if value is None:
                return None
            out += (escape(value), behind)
        return "".join(out)


class Body:
    """A JSON value whose texts are templates; a text that is one placeholder alone becomes the field's value itself."""

    def __init__(self, body: Any, environ: Mapping[str, str]) -> None:
        self._fill = _compiled(body, environ)

    def fill(self, data: Data) -> Any:
        """The value for a record, `MISSING` where a field that it names is not there."""
        return self._fill(data)


def _compiled(body: Any, environ: Mapping[str, str]) -> Callable[[Data], Any]:
    if isinstance(body, str):
        text = Text(body, environ)
        if len(text.fields) == 1 and text.fixed == ["", ""]:
            return lambda data: MISSING if (value := field_value(data, text.fields[0])) is None else value
        return lambda data: MISSING if (value := text.fill(data, str)) is None else value
    if isinstance(body, dict):
        parts = {name: _compiled(value, environ) for name, value in body.items()}
        return lambda data: _whole({name: part(data) for name, part in parts.items()}, dict.values)
    if isinstance(body, list):
        items = [_compiled(value, environ) for value in body]
        return lambda data: _whole([item(data) for item in items], iter)
    return lambda data: body


def _whole(made: Any, values: Callable[[Any], Any]) -> Any:
    return MISSING if any(value is MISSING for value in values(made)) else made


def field_value(data: Any, path: str) -> Any:
    """What stands at a dotted path, items of lists by number; None where nothing does.

    >>> field_value({"a": [{"b": 1}], "c.d": 2}, "a.0.b"), field_value({"c.d": 2}, "c.d")
    (1, 2)
    """
    if isinstance(data, dict) and path in data:  # a name with a dot in it
        return data[path]
    value = data
    for part in path.split("."):
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and part.isascii() and part.isdigit() and len(part) < 7:
            value = value[int(part)] if int(part) < len(value) else None
        else:
            return None
    return value


def written(value: Any) -> str | None:
    """A single value as text, ``true``, ``1.5``; None for what is none."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return orjson.dumps(value).decode()
    return None


def in_path(value: str) -> str:
    """Escaped so that it is one segment of a path, and no dot segment (RFC 3986, section 3.3 and 5.2.4)."""
    if value in ("", ".", ".."):
        raise EnrichmentError("unsendable", "a field's value cannot be a segment of a path")
    return in_query(value)


def in_query(value: str) -> str:
    """Escaped for a query: everything but letters, digits and ``-._~``."""
    if len(value) > LONGEST:
        raise EnrichmentError("unsendable", f"a field has more than {LONGEST} characters, which is too long for a URL")
    return quote(value.encode("utf-8", "replace"), safe="")


def in_header(value: str) -> str:
    """As it is, where a header can carry it (RFC 9110, section 5.5: no line breaks)."""
    if len(value) > LONGEST or not value.isascii() or not value.isprintable():
        raise EnrichmentError("unsendable", "a field holds characters that no header can carry")
    return value

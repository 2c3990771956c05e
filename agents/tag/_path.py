"""Reading a field by its dotted path: names of objects, indexes of lists (``orders.0.id``)."""

from collections.abc import Callable
from typing import Any


def getter(path: str) -> Callable[[Any], Any]:
    """A function that gives what stands at `path` in a record, None where nothing does."""
    parts = path.split(".")
    if len(parts) == 1:
        return lambda data: data.get(path) if type(data) is dict else None
    return lambda data: get(data, parts)


def get(value: Any, parts: list[str] | tuple[str, ...]) -> Any:
    """What stands at the path `parts` in `value`, None where nothing does."""
    for part in parts:
        if type(value) is dict:
            value = value.get(part)
        elif type(value) is list and part.isdecimal() and part.isascii() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value

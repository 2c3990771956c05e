"""The type of a field, by its name and the JSON type of its values.

Values are not looked at: the types are part of what is noted once for a shape, and must be the same whichever record
of that shape comes first, on whichever worker.
"""

import re

from penstock.agents.tag._shape import ITEM, FieldPath, Shape
from penstock.model.entities import Catalogue, Kind

_PLAIN = re.compile(r"[\w -]+")


def infer(shape: Shape, catalogue: Catalogue) -> dict[str, str]:
    """Dotted path -> type of every leaf, sorted; items of a list are ``*``, several types are joined by ``|``."""
    return {
        text(path): "|".join(sorted(_type(path, kind, catalogue) for kind in kinds))
        for path, kinds in shape.leaves.items()
    }


def text(path: FieldPath) -> str:
    """The path as people write it: ``orders.*.sku``.

    A name that is more than a name stands in quotes, so that its dots are not the path's, and so that `redact`, which
    looks at this note as well, sees where it begins: in ``hosts."203.0.113.77"`` the address is one.
    """
    return ".".join("*" if part == ITEM else _quoted(str(part)) for part in path)


def _quoted(name: str) -> str:
    return name if _PLAIN.fullmatch(name) else f'"{name}"'


def named(path: FieldPath) -> tuple[str, ...]:
    """The names in a path, without the lists between them."""
    return tuple(part for part in path if isinstance(part, str))


def leaf_kinds(shape: Shape) -> dict[tuple[str, ...], Kind]:
    """The named path of every leaf that holds scalars of one type, for the catalogue."""
    found: dict[tuple[str, ...], Kind] = {}
    for path, kinds in shape.leaves.items():
        (kind, *others) = sorted(kinds)
        if not others and kind not in ("object", "array"):
            found.setdefault(named(path), kind)
    return found


def _type(path: FieldPath, kind: Kind, catalogue: Catalogue) -> str:
    # three names are enough to tell whose property it is
    return catalogue.infer(".".join(named(path)[-3:]), kind)

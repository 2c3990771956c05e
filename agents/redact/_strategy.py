"""What a strategy is, and which one answers for a match.

A strategy is a file ``strategies/<name>.py`` (or an entry point in the group ``penstock.strategies``) with a function
``build(recognizer, secret) -> Replace``, and optionally `NEEDS_KEY` and `WHOLE_VALUE_BECOMES_NULL`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from penstock.model.registry import Registry

STRATEGIES: Final = Registry("penstock.agents.redact.strategies", "penstock.strategies", "strategy")

Replace: TypeAlias = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Strategy:
    """A strategy made for one category.

    Attributes
    ----------
    name : str
    replace : callable
        The matched text in, what stands for it out.
    null : bool
        Whether a value that is nothing but the match becomes null.
    """

    name: str
    replace: Replace
    null: bool = False

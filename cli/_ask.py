"""Questions on a terminal, each with an answer that is proposed; where nobody is asked, that is the answer."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from penstock.model.errors import ConfigurationError

T = TypeVar("T")


class Asker:
    """Asks, or takes what is proposed.

    Parameters
    ----------
    asks
        Whether somebody is there to ask.
    """

    def __init__(self, *, asks: bool) -> None:
        self.asks = asks

    def text(self, question: str, proposed: str) -> str:
        """Any text; the one proposed where nothing is typed."""
        if not self.asks:
            return proposed
        from rich.prompt import Prompt

        return self._ask(lambda: Prompt.ask(_plain(question), default=proposed)).strip()

    def choice(self, question: str, choices: Sequence[str], proposed: str) -> str:
        """One of some words; asked again until it is one."""
        if not self.asks:
            return proposed
        from rich.prompt import Prompt

        return self._ask(lambda: Prompt.ask(_plain(question), choices=list(choices), default=proposed))

    def confirm(self, question: str, proposed: bool) -> bool:
        """Yes or no."""
        if not self.asks:
            return proposed
        from rich.prompt import Confirm

        return self._ask(lambda: Confirm.ask(_plain(question), default=proposed))

    @staticmethod
    def _ask(prompt: Callable[[], T]) -> T:
        try:
            return prompt()
        except EOFError:
            raise ConfigurationError("the answers ended before the questions did") from None


def _plain(question: str) -> str:
    from rich.markup import escape

    return escape(question)

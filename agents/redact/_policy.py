"""Which strategy answers for which category in which field."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from penstock.agents.redact._recognizer import Recognizer
from penstock.agents.redact._secret import Secret
from penstock.agents.redact._strategy import STRATEGIES, Strategy
from penstock.model.errors import ConfigurationError

Strategies: TypeAlias = Mapping[str, Strategy]
"""Category -> strategy."""

WHOLE_FIELD: Final = "field"
"""The category of a value that a rule hides whatever it is."""

FALLBACK: Final = "mask"
"""For a category that no policy names."""

KEEP: Final = "keep"
"""The strategy that leaves a match as it is."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What holds in one field and in what is below it.

    Attributes
    ----------
    strategies
        For matches.
    whole
        Hides the value whatever it is; None leaves it to the matches.
    """

    strategies: Strategies
    whole: Strategy | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """Strategies by category, and the rules of fields.

    Attributes
    ----------
    base
        Where no rule holds.
    names
        Name of a field at any depth -> rule.
    paths
        Dotted path of a field -> rule.
    """

    base: Rule
    names: Mapping[str, Rule] = field(default_factory=dict)
    paths: Mapping[str, Rule] = field(default_factory=dict)


def compile_policy(
    policy: Mapping[str, str],
    fields: Mapping[str, str | Mapping[str, str]],
    recognizers: Sequence[Recognizer],
    make: Callable[[str, Recognizer], Strategy],
) -> Policy:
    """The policy of a configuration.

    Parameters
    ----------
    policy
        Category -> name of its strategy.
    fields
        Field -> name of a strategy, or names by category.
    recognizers
        Those that are on.
    make
        Gives the strategy of a name for a recognizer.

    Raises
    ------
    ConfigurationError
        A rule names a category that is not on, or a strategy that does not fit.
    """
    known = {recognizer.category: recognizer for recognizer in recognizers}
    base = {name: make(policy.get(name, FALLBACK), recognizer) for name, recognizer in known.items()}
    rules: tuple[dict[str, Rule], dict[str, Rule]] = ({}, {})
    for where, rule in fields.items():
        if isinstance(rule, str):
            made = _bare(rule, base, known, make)
        else:
            for category in rule:
                _check(category, known, where)
            made = Rule(base | {category: make(name, known[category]) for category, name in rule.items()})
        rules["." in where][where] = made
    return Policy(Rule(base), *rules)


def _bare(
    name: str,
    base: Strategies,
    known: Mapping[str, Recognizer],
    make: Callable[[str, Recognizer], Strategy],
) -> Rule:
    if STRATEGIES.name(name) == KEEP:
        return Rule({category: make(name, recognizer) for category, recognizer in known.items()})
    return Rule(base, whole=make(name, Recognizer(WHOLE_FIELD, "medium")))


def _check(category: str, known: Mapping[str, Recognizer], where: str) -> None:
    if category not in known:
        raise ConfigurationError(
            f"redact: fields.{where} names {category}, which is no category here", hint=f"there are: {', '.join(known)}"
        )


def maker(secret: Secret | None) -> Callable[[str, Recognizer], Strategy]:
    """Makes strategies that work."""

    def make(name: str, recognizer: Recognizer) -> Strategy:
        module = STRATEGIES.load(name)
        null = getattr(module, "WHOLE_VALUE_BECOMES_NULL", False)
        return Strategy(STRATEGIES.name(name), module.build(recognizer, secret), null)

    return make


def label(name: str, recognizer: Recognizer) -> Strategy:
    """Makes strategies that only have their names, for those who look and do not touch."""
    return Strategy(STRATEGIES.name(name), str)


def needs_key(names: Sequence[str]) -> bool:
    """Whether one of the strategies of these names needs a key."""
    return any(getattr(STRATEGIES.load(name), "NEEDS_KEY", False) for name in names)

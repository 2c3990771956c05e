"""Which strategy answers for which category in which field."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, TypeAlias

from pydantic import BeforeValidator, Field, StringConstraints

from penstock.agents.redact._recognizer import Recognizer
from penstock.agents.redact._strategy import STRATEGIES, Strategy
from penstock.model.component import ComponentConfig
from penstock.model.errors import ConfigurationError
from penstock.model.keyring import Key

Strategies: TypeAlias = Mapping[str, Strategy]
"""Category -> strategy."""

WHOLE_FIELD: Final = "field"
"""The category of a value that a rule hides whatever it is."""

FALLBACK: Final = "mask"
"""For a category that no policy names."""

KEEP: Final = "keep"
"""The strategy that leaves a match as it is."""

FieldName = Annotated[str, StringConstraints(pattern=r'^[^"\\\x00-\x1f]+$')]


def _says_why(choice: Any) -> Any:
    if choice == KEEP:
        raise ValueError("keep needs a reason: {keep: <reason>}")
    return choice


class Kept(ComponentConfig):
    """What is found is left as it is."""

    keep: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)] = Field(description="Why.")


Choice = Annotated[str | Kept, Field(union_mode="left_to_right"), BeforeValidator(_says_why)]
"""The name of a strategy, or ``{keep: <reason>}``."""
FieldChoice = Annotated[str | Kept | dict[str, Choice], Field(union_mode="left_to_right"), BeforeValidator(_says_why)]
"""For a field: one choice for all that it holds, or choices by category."""


def name_of(choice: str | Kept) -> str:
    """The strategy that was chosen."""
    return choice if isinstance(choice, str) else KEEP


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

    @property
    def seals(self) -> bool:
        """Whether some strategy needs keys of the vault."""
        rules = [self.base, *self.names.values(), *self.paths.values()]
        used = [strategy for rule in rules for strategy in (*rule.strategies.values(), rule.whole)]
        return any(strategy is not None and strategy.seal is not None for strategy in used)


def compile_policy(
    policy: Mapping[str, str | Kept],
    fields: Mapping[str, str | Kept | Mapping[str, str | Kept]],
    recognizers: Sequence[Recognizer],
    make: Callable[[str, Recognizer], Strategy],
) -> Policy:
    """The policy of a configuration.

    Parameters
    ----------
    policy
        Category -> its strategy.
    fields
        Field -> a strategy, or strategies by category.
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
    base = {name: make(name_of(policy.get(name, FALLBACK)), recognizer) for name, recognizer in known.items()}
    rules: tuple[dict[str, Rule], dict[str, Rule]] = ({}, {})
    for where, rule in fields.items():
        if isinstance(rule, str | Kept):
            made = _bare(name_of(rule), base, known, make)
        else:
            for category in rule:
                _check(category, known, where)
            made = Rule(base | {category: make(name_of(choice), known[category]) for category, choice in rule.items()})
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


def maker(key: Key | None) -> Callable[[str, Recognizer], Strategy]:
    """Makes strategies that work."""

    def make(name: str, recognizer: Recognizer) -> Strategy:
        module = STRATEGIES.load(name)
        null = getattr(module, "WHOLE_VALUE_BECOMES_NULL", False)
        built: Any = module.build(recognizer, key)
        if getattr(module, "NEEDS_SUBJECT", False):
            return Strategy(STRATEGIES.name(name), str, null, built, recognizer.canonical)
        return Strategy(STRATEGIES.name(name), built, null)

    return make


def label(name: str, recognizer: Recognizer) -> Strategy:
    """Makes strategies that only have their names, for those who look and do not touch."""
    return Strategy(STRATEGIES.name(name), str)


def needs_key(
    policy: Mapping[str, str | Kept],
    fields: Mapping[str, str | Kept | Mapping[str, str | Kept]],
    categories: Sequence[str],
) -> bool:
    """Whether one of the strategies that these categories come under, or that fields name, needs a key."""
    used = [name_of(policy.get(category, FALLBACK)) for category in categories]
    for rule in fields.values():
        used += [name_of(rule)] if isinstance(rule, str | Kept) else map(name_of, rule.values())
    return any(getattr(STRATEGIES.load(name), "NEEDS_KEY", False) for name in used)

"""The policy file: which strategy answers for which category, in which field, for which purpose, for which tenant.

::

    default:                                        # for every tenant
      policy: {email: mask, ssn: remove}
      fields: {notes: remove}
      purposes:
        analytics: {policy: {email: pseudonymise}}
    tenants:
      acme:
        policy: {phone: tokenize}
        fields:
          contract.email: {keep: the contract is sent there}
        purposes:
          support: {fields: {user.phone: encrypt}}

``policy`` and ``fields`` say what the options of these names say. Of what is said of one category, or of one field,
the last counts of: the policy that is built in, the options of the pipeline file, ``default``, its purpose, the
tenant's section, its purpose. A tenant or a purpose that a section does not name adds nothing there: what is not said
otherwise is hidden.
"""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import Field, StringConstraints, ValidationError

from penstock.agents.redact._policy import Choice, FieldChoice, FieldName, Kept
from penstock.agents.redact._recognizer import RECOGNIZERS
from penstock.agents.redact._strategy import STRATEGIES
from penstock.model.component import ComponentConfig
from penstock.model.errors import ConfigurationError, PolicyFileError
from penstock.model.registry import Registry
from penstock.model.yaml_file import NAME, KeyPath, Source, file_error, near

Name = Annotated[str, StringConstraints(pattern=NAME)]


class Rules(ComponentConfig):
    """What holds for a tenant, or for one purpose of theirs."""

    policy: dict[str, Choice] = Field({}, description="Category -> strategy.")
    fields: dict[FieldName, FieldChoice] = Field({}, description="Field -> a strategy, or category -> strategy.")


class Section(Rules):
    """What holds for a tenant."""

    purposes: dict[Name, Rules] = Field({}, description="Purpose -> what holds there instead.")


class PolicyFile(ComponentConfig):
    """A policy file."""

    default: Section = Field(Section(), description="For every tenant, where the tenant's section says nothing else.")
    tenants: dict[str, Section] = Field({}, description="Tenant -> what holds there instead.")


class Settled(NamedTuple):
    """What holds for one tenant and purpose: ``policy`` and ``fields`` as the options of these names."""

    policy: Mapping[str, Choice]
    fields: Mapping[str, FieldChoice]


def load(path: Path) -> PolicyFile:
    """The policy in the file at `path`.

    Raises
    ------
    PolicyFileError
        The file is missing, is not YAML, has an unknown key or a wrong value, or names a category or a strategy that
        does not exist.
    """
    source = Source.load(path, PolicyFileError)
    if not isinstance(source.data, dict):
        raise PolicyFileError("a policy file is a mapping of keys", file=str(path), line=1)
    try:
        policy = PolicyFile.model_validate(source.data)
    except ValidationError as error:
        raise file_error(error, PolicyFile, source, ()) from None
    for place, rules in _rules(policy):
        _check(rules, place, source)
    return policy


def settle(
    file: PolicyFile, tenant: str | None, purpose: str | None, options: Settled, categories: Collection[str]
) -> Settled:
    """What holds for a tenant and a purpose.

    Parameters
    ----------
    tenant
        None is one that has no section.
    options
        What the stage's own options say.
    categories
        Those that are looked for: what the file says of others has no effect.
    """
    sections = [file.default, *([file.tenants[tenant]] if tenant is not None else [])]
    policy, fields = dict(options.policy), dict(options.fields)
    for section in sections:
        for rules in (section, section.purposes.get(purpose or "")):
            if rules is not None:
                policy |= rules.policy
                fields |= {name: _looked_for(choice, categories) for name, choice in rules.fields.items()}
    return Settled(policy, fields)


def _looked_for(choice: FieldChoice, categories: Collection[str]) -> FieldChoice:
    if not isinstance(choice, dict):
        return choice
    return {category: one for category, one in choice.items() if category in categories}


def require_purpose(file: PolicyFile, purpose: str) -> None:
    """Raises ConfigurationError where no section names the purpose: it is a slip, and would hide other things."""
    known = {name for section in (file.default, *file.tenants.values()) for name in section.purposes}
    if purpose not in known:
        hint = near(purpose, known) or (f"there are: {', '.join(sorted(known))}" if known else "it names none")
        raise ConfigurationError(f"redact: the policy file names no purpose {purpose}", hint=hint)


def _rules(policy: PolicyFile) -> Iterator[tuple[KeyPath, Rules]]:
    """Every set of rules, and where it stands."""
    sections: list[tuple[KeyPath, Section]] = [(("default",), policy.default)]
    sections += [(("tenants", tenant), section) for tenant, section in policy.tenants.items()]
    for place, section in sections:
        yield place, section
        for purpose, rules in section.purposes.items():
            yield (*place, "purposes", purpose), rules


def _check(rules: Rules, place: KeyPath, source: Source) -> None:
    """Whether every category and strategy exists."""
    _check_choices(rules.policy, (*place, "policy"), source)
    for name, choice in rules.fields.items():
        here = (*place, "fields", name)
        if isinstance(choice, dict):
            _check_choices(choice, here, source)
        else:
            _check_strategy(choice, here, source)


def _check_choices(choices: Mapping[str, Choice], place: KeyPath, source: Source) -> None:
    for category, choice in choices.items():
        _exists(RECOGNIZERS, category, (*place, category), source)
        _check_strategy(choice, (*place, category), source)


def _check_strategy(choice: Choice, place: KeyPath, source: Source) -> None:
    if not isinstance(choice, Kept):
        _exists(STRATEGIES, choice, place, source)


def _exists(registry: Registry, name: str, place: KeyPath, source: Source) -> None:
    try:
        registry.name(name)
    except ConfigurationError as error:
        raise source.error(error.message, place, hint=error.hint) from None

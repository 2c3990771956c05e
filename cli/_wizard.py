"""What a wizard proposes for a sample, what was decided, and the pipeline file that follows; it asks nobody."""

import json
import os
from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from penstock.agents.license._expression import ids, parse
from penstock.agents.redact._policy import FieldChoice, Kept, name_of
from penstock.agents.redact._recognizer import RECOGNIZERS
from penstock.agents.redact._strategy import STRATEGIES
from penstock.agents.redact.redact import DEFAULT_POLICY
from penstock.agents.tag._shape import ITEM, FieldPath
from penstock.agents.tag.inference.preview import Preview
from penstock.cli._sample import Look
from penstock.model import keyring
from penstock.model.entities import Catalogue
from penstock.model.errors import ConfigurationError, PipelineFileError
from penstock.model.license import Operation, Purpose, Region
from penstock.model.yaml_file import NAME, Source, file_error, near

OWN_LICENSE: Final = "LicenseRef-internal"
"""Of data that is nobody else's."""
_WITHOUT_KEY: Final = "remove"
_UNKNOWN: Final = "unknown_license"


class Answers(BaseModel):
    """What ``--answers`` may say; a question that it does not answer gets what is proposed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    connector: str | None = None
    options: dict[str, Any] = {}
    name: str | None = None
    tenant: Annotated[str, Field(pattern=NAME, max_length=60)] | None = None
    mappings: dict[str, str | None] = Field({}, description="Field -> Entity.property; null leaves it out.")
    pii: dict[str, FieldChoice] = Field({}, description="Field -> strategy, or category -> strategy.")
    license: str | None = None
    operation: Operation = "ingest"
    region: Region | None = None
    purpose: Purpose | None = None
    acknowledge: bool = Field(False, description="The license's terms, where they are not simply allowed.")
    out: Path | None = None
    force: bool = False
    save: bool = False
    run: bool = False


def read_answers(path: Path) -> Answers:
    """The answers in a YAML file.

    Raises
    ------
    PipelineFileError
        It cannot be read, or says something that is no answer; with file, line and key.
    """
    source = Source.load(path)
    if not isinstance(source.data, dict):
        raise PipelineFileError("answers are a mapping of keys", file=str(path), line=1)
    try:
        return Answers.model_validate(source.data)
    except ValidationError as error:
        raise file_error(error, Answers, source, ()) from None


# Mappings


@dataclass(frozen=True, slots=True)
class Mapped:
    """A field, and what it is; as ``/etl/configurations`` takes it."""

    source_field: str
    canonical_entity: str
    canonical_property: str
    confidence: float | None = None
    reasoning: str | None = None

    @property
    def target(self) -> str:
        return f"{self.canonical_entity}.{self.canonical_property}"


def proposed(preview: Preview) -> list[Mapped]:
    """The mappings that the sample suggests."""
    return [Mapped(**one._asdict()) for one in preview.mappings]


def changed(mappings: Sequence[Mapped], changes: Mapping[str, str | None], preview: Preview) -> list[Mapped]:
    """The mappings with some of them changed, added or (None) left out.

    Raises
    ------
    ConfigurationError
        There is no such field, entity or property.
    """
    known = {one.source_field: one for one in mappings}
    names = [field.name for field in preview.fields]
    for name, target in changes.items():
        if name not in names:
            hint = near(name, names) or f"there are: {', '.join(names)}"
            raise ConfigurationError(f"mappings: the sample has no field {name}", hint=hint)
        known.pop(name, None)
        if target is not None:
            entity, _, title = target.partition(".")
            check_target(entity, title)
            known[name] = Mapped(name, entity, title, reasoning="Chosen by hand")
    return sorted(known.values(), key=lambda one: names.index(one.source_field))


def check_target(entity: str, title: str) -> None:
    """Raises ConfigurationError where the catalogue has no such entity or property."""
    entities = Catalogue.load(None).entities
    if entity not in entities:
        hint = near(entity, entities) or f"there are: {', '.join(entities)}"
        raise ConfigurationError(f"mappings: the catalogue has no entity {entity}", hint=hint)
    if title not in entities[entity].properties:
        hint = near(title, entities[entity].properties) or f"it has: {', '.join(entities[entity].properties)}"
        raise ConfigurationError(f"mappings: {entity} has no property {title}", hint=hint)


def entities(
    mappings: Sequence[Mapped], preview: Preview, blurred: Container[str] = ()
) -> tuple[list[dict[str, Any]], list[str]]:
    """The option ``entities`` of `map`: an entity for each object whose fields are properties of one.

    What no field identifies in every row of the sample is left out, and named beside. A field that is `blurred`
    identifies nothing: behind `redact` two people's may look alike, and two would become one.
    """
    fields = {field.name: field for field in preview.fields}
    groups: dict[tuple[str, FieldPath], dict[str, Mapped]] = defaultdict(dict)
    for one in mappings:
        path = fields[one.source_field].path
        if _readable(path):
            best = groups[one.canonical_entity, path[:-1]]
            before = best.get(one.canonical_property)
            if before is None or _sure(before) < _sure(one):
                best[one.canonical_property] = one
    found: list[dict[str, Any]] = []
    left_out: list[str] = []
    names = Counter(entity for entity, _ in groups)
    for number, ((entity, around), properties) in enumerate(groups.items(), 1):
        key = _key(entity, properties, preview, blurred)
        if key is None:
            left_out.append(entity)
        else:
            alias = {"as": f"{entity}_{number}"} if names[entity] > 1 and around else {}
            named = {title: one.source_field for title, one in properties.items()}
            found.append({"type": entity, **alias, "key": key, "properties": named})
    return found, list(dict.fromkeys(left_out))


def _sure(one: Mapped) -> float:
    return 1.0 if one.confidence is None else one.confidence


def _readable(path: FieldPath) -> bool:
    """Whether `map` can read the field: at most one list, and no dots in names."""
    names = [part for part in path if isinstance(part, str)]
    lists = path.count(ITEM)
    plain = all(name and not {".", "*"} & set(name) and _literal(name) for name in names)
    return plain and (lists == 0 or (lists == 1 and path[0] != ITEM and path[-1] != ITEM))


def _literal(text: str) -> bool:
    """Whether a pipeline file takes the text as it stands: ``${NAME}`` would be a variable."""
    return "${" not in text


def _key(entity: str, properties: Mapping[str, Mapped], preview: Preview, blurred: Container[str]) -> str | None:
    """The field that identifies an entity, if there is one that no row lacks."""
    fields = {field.name: field for field in preview.fields}
    titles = [title for title in Catalogue.load(None).entities[entity].key if title in properties]
    names = [properties[title].source_field for title in titles]
    if entity == preview.primary_entity and len(preview.primary_key or ()) == 1:
        names += preview.primary_key or ()
    there = [name for name in dict.fromkeys(names) if not fields[name].nullable and _readable(fields[name].path)]
    here = {one.source_field.rpartition(".")[0] for one in properties.values()}
    there = [name for name in there if name.rpartition(".")[0] in here or "*" not in "".join(here)]
    return next((name for name in there if name.replace(".*", "") not in blurred), None)


# Personal data


@dataclass(frozen=True, slots=True)
class Decision:
    """What is done with something personal."""

    field_name: str
    category: str
    choice: str | Kept

    @property
    def strategy(self) -> str:
        return name_of(self.choice)

    def choosing(self, strategy: str, why: str = "") -> "Decision":
        """The same for another strategy."""
        return replace(self, choice=Kept(keep=why) if strategy == "keep" else strategy)

    @property
    def blurs(self) -> bool:
        """Whether two different values may become one."""
        return self.strategy in ("mask", "remove", "generalise")

    def told(self) -> dict[str, str]:
        """As ``/etl/configurations`` takes it."""
        return {"field_name": self.field_name, "category": self.category, "strategy": self.strategy}


def has_key(environ: Mapping[str, str]) -> bool:
    """Whether strategies that need a key have one."""
    try:
        keyring.load(environ)
    except ConfigurationError:
        return False
    return True


def strategies(matches: Sequence[Mapping[str, Any]], *, key: bool) -> list[Decision]:
    """What is proposed for what a scan found: what it recommends, but `remove` where that needs a key that is not."""
    return [
        Decision(one["field_name"], one["category"], _possible(one["recommended_strategy"], key=key)) for one in matches
    ]


def decided(decisions: Sequence[Decision], answers: Mapping[str, Any]) -> list[Decision]:
    """The decisions as the answers have them.

    Raises
    ------
    ConfigurationError
        An answer is for what was not found, or names no strategy.
    """
    known = {one.field_name for one in decisions}
    for field, said in answers.items():
        if field not in known:
            hint = near(field, known) or (f"there is in: {', '.join(sorted(known))}" if known else "")
            raise ConfigurationError(f"pii: nothing personal was found in {field}", hint=hint)
        found = {one.category for one in decisions if one.field_name == field}
        if isinstance(said, dict) and (unknown := sorted(set(said) - found)):
            there = ", ".join(sorted(found))
            raise ConfigurationError(f"pii: no {unknown[0]} was found in {field}", hint=f"there is: {there}")
        for choice in said.values() if isinstance(said, dict) else [said]:
            STRATEGIES.name(name_of(choice))
    return [Decision(one.field_name, one.category, _answer(one, answers)) for one in decisions]


def _answer(one: Decision, answers: Mapping[str, Any]) -> str | Kept:
    said = answers.get(one.field_name, one.choice)
    chosen: str | Kept = said.get(one.category, one.choice) if isinstance(said, dict) else said
    return chosen


def _possible(strategy: str, *, key: bool) -> str:
    needs = getattr(STRATEGIES.load(strategy), "NEEDS_KEY", False)
    return _WITHOUT_KEY if needs and not key else strategy


def possible(*, key: bool) -> list[str]:
    """The strategies that can be chosen: without a key those that need none."""
    return [name for name in sorted(STRATEGIES.modules) if _possible(name, key=key) == name]


def redact_options(decisions: Sequence[Decision], *, key: bool, lists: Container[str] = ()) -> dict[str, Any]:
    """The options of `redact` that do what was decided.

    By category what was decided for most of its fields; a field for which something else was decided has a rule. Of a
    field inside `lists` the rule goes by its name alone, because paths have the index of an item.
    """
    by_category: dict[str, list[Decision]] = defaultdict(list)
    for one in decisions:
        by_category[one.category].append(one)
    policy = {name: _WITHOUT_KEY for name, usual in DEFAULT_POLICY.items() if _possible(usual, key=key) != usual}
    fields: dict[str, dict[str, Any]] = defaultdict(dict)
    also = []
    for category, some in sorted(by_category.items()):
        if not getattr(RECOGNIZERS.load(category), "BY_DEFAULT", True):
            if all(one.strategy == "keep" for one in some):
                continue  # it is not looked for
            also.append(category)
        usual = _usual(some)
        policy[category] = _written(usual.choice)
        for one in some:
            if one.choice != usual.choice:
                fields[_rule(one, lists)][category] = _written(one.choice)
    options: dict[str, Any] = {"policy": policy} if policy else {}
    if fields:
        options["fields"] = dict(fields)
    return {**options, "also": also} if also else options


def _usual(decisions: Sequence[Decision]) -> Decision:
    """One with the choice of most of them; never to keep, where something else was chosen as well."""
    hidden = [one for one in decisions if one.strategy != "keep"] or decisions
    counts = Counter(str(one.choice) for one in hidden)
    return max(hidden, key=lambda one: counts[str(one.choice)])


def _rule(one: Decision, lists: Container[str]) -> str:
    if '"' in one.field_name or "\\" in one.field_name or "[" in one.field_name or not _literal(one.field_name):
        raise ConfigurationError(
            f"pii: no rule of its own can be made for {one.field_name}",
            hint=f"choose one strategy for all fields with {one.category}",
        )
    return one.field_name.rpartition(".")[2] if one.field_name in lists else one.field_name


def _written(choice: str | Kept) -> Any:
    return choice if isinstance(choice, str) else {"keep": choice.keep}


# The file


@dataclass(frozen=True, slots=True)
class Licensed:
    """What was asked and found of the license.

    Attributes
    ----------
    ids : list of str
        The pipeline's license, or those that stand in `field`.
    field : str
        Where each record names its own; empty where all go under one.
    allow : list of str
        Those that go on because whoever ran the wizard says so.
    acknowledged : bool
        Whether somebody said that the terms are known.
    """

    ids: list[str]
    field: str
    allow: list[str]
    acknowledged: bool
    operation: str
    region: str | None
    purpose: str | None


def check_licenses(texts: Iterable[str]) -> None:
    """Raises ConfigurationError where one is no SPDX expression."""
    for text in texts:
        try:
            parse(text)
        except ValueError as error:
            raise ConfigurationError(f"license: {error}", hint=f"such as CC-BY-4.0, or {OWN_LICENSE}") from None


def unknown_to_all(checks: Sequence[Mapping[str, Any]]) -> list[str]:
    """The single licenses that nothing is known of, in answers of `license_check`."""
    found = [one["license"]["id"] for one in checks if _UNKNOWN in {each["code"] for each in one["violations"]}]
    return list(dict.fromkeys(id for text in found for id in ids(parse(text))))


def pipeline(
    name: str,
    tenant: str,
    connector: Mapping[str, Any],
    mapped: Sequence[Mapping[str, Any]],
    redact: Mapping[str, Any],
    licensed: Licensed,
    look: Look,
) -> dict[str, Any]:
    """The pipeline that follows, as a file has it."""
    stages: list[Any] = ["tag"]
    if mapped:
        stages.append({"map": {"entities": list(mapped)}})
    stages += [{"redact": dict(redact)} if redact else "redact", {"license": _license(licensed)}]
    addresses, texts = ([name for name in names if _literal(name)] for names in (look.addresses, look.texts))
    if addresses:
        off = {} if os.environ.get("GEOIP_DATABASE") else {"enabled": False}
        stages.append({"geoip": {"fields": addresses, **off}})
    if texts:
        stages.append({"language": {"fields": texts}})
    if not _literal(json.dumps(connector)):
        raise ConfigurationError("${ in the options of the source would be a variable in a pipeline file")
    return {
        "name": name,
        **({"tenant": tenant} if tenant != "default" else {}),
        **({"license": licensed.ids[0]} if not licensed.field else {}),
        "sources": [dict(connector)],
        "raw": {"partitions": 4, "retention_hours": 168},
        "stages": stages,
        "sinks": [{"file": {"path": f"out/{name}"}}],
    }


def _license(licensed: Licensed) -> dict[str, Any]:
    options: dict[str, Any] = {"field": licensed.field} if licensed.field else {}
    if licensed.allow:
        options["allow"] = licensed.allow
    options["operation"] = licensed.operation
    options |= {
        name: said for name, said in (("region", licensed.region), ("purpose", licensed.purpose)) if said is not None
    }
    return {**options, "unknown": "quarantine"}


def text_of(document: Mapping[str, Any], remarks: Sequence[str]) -> str:
    """The file's text, with remarks at its head."""
    head = "".join(f"# {one}\n" for one in remarks)
    body = yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True, width=110)
    return f"{head}\n{body}" if head else body


def json_lines(rows: Iterable[Mapping[str, Any]], out: Path) -> int:
    """Write rows as JSON Lines to a file that only its owner reads; how many.

    Raises
    ------
    ConfigurationError
        It cannot be written.
    """
    import orjson

    count = 0
    try:
        with os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            for row in rows:
                file.write(orjson.dumps(row) + b"\n")
                count += 1
    except OSError as error:
        raise ConfigurationError(f"{out} cannot be written: {error.strerror}") from None
    return count

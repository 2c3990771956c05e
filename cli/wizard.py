"""wizard: from a sample of data to a pipeline file that governs it: mappings, personal data, license, each looked over.

On a terminal it asks, and proposes an answer to each question. `--answers FILE` and options answer beforehand, and with
`--yes`, or an answers file, nothing is asked: what is not answered gets what is proposed. A license that is denied ends
it with exit status 1 and no file; one that nobody knows needs somebody's word (`--acknowledge-license`).

Nothing leaves this machine, but license ids to the license registry where there is one, and with `--save` the
decisions to the REST API at PENSTOCK_API_URL. No value of the sample gets into the file, but ids of licenses.
"""

import glob
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from penstock.cli._shared import (
    FAILED,
    JsonFlag,
    Options,
    environment,
    load_plan,
    options_error,
    parse_options,
    print_json,
    run_async,
    say,
)
from penstock.model.errors import ConfigurationError

if TYPE_CHECKING:
    from penstock.agents.tag.inference.preview import Preview
    from penstock.cli._ask import Asker
    from penstock.cli._sample import Look
    from penstock.cli._wizard import Answers, Decision, Licensed, Mapped
    from penstock.connectors.samples import Sample

API_VARIABLE = "PENSTOCK_API_URL"
API_DEFAULT = "http://localhost:8000"


def command(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]", help="A sample: CSV, JSON, JSON Lines, Parquet, Arrow or Avro.", show_default=False
        ),
    ] = None,
    connector: Annotated[str | None, typer.Option(metavar="NAME", help="The source. [default: the file's]")] = None,
    option: Options = None,
    name: Annotated[str | None, typer.Option(help="Of the pipeline. [default: the file's]")] = None,
    tenant: Annotated[str | None, typer.Option(help="Whose data it is.")] = None,
    map: Annotated[
        list[str] | None,
        typer.Option(metavar="FIELD=ENTITY.PROPERTY", help="What a field is; with nothing behind = it is left out."),
    ] = None,
    pii: Annotated[
        list[str] | None, typer.Option(metavar="FIELD=STRATEGY", help="What is done with what is personal in a field.")
    ] = None,
    license: Annotated[str | None, typer.Option(metavar="ID", help="SPDX id or expression of the data.")] = None,
    operation: Annotated[str | None, typer.Option(help="What is done with the data, such as ingest or train.")] = None,
    region: Annotated[str | None, typer.Option(help="Where: a country such as DE, EU or EEA.")] = None,
    purpose: Annotated[str | None, typer.Option(help="What for, by a name that licenses use.")] = None,
    acknowledge: Annotated[
        bool, typer.Option("--acknowledge-license", help="You know the license's terms, though no registry does.")
    ] = False,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Else NAME.yml.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over files that are there.")] = False,
    save: Annotated[bool, typer.Option("--save", help="Save the configuration in the REST API as well.")] = False,
    run: Annotated[bool, typer.Option("--run", help="Run the pipeline, until everything is delivered.")] = False,
    answers: Annotated[
        Path | None, typer.Option(metavar="FILE", help="YAML with the answers; nothing is asked.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Take what is proposed; nothing is asked.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Look a sample over, decide on mappings, personal data and license, and write a pipeline file.

    \b
    penstock wizard people.csv
    penstock wizard people.csv --yes --pii email=remove --map ref=Person.id --license CC-BY-4.0 --json
    penstock wizard --answers answers.yml --run
    """
    from penstock.cli._ask import Asker

    given = {
        "connector": connector, "options": parse_options(option), "name": name, "tenant": tenant,
        "mappings": _pairs("--map", map), "pii": _pairs("--pii", pii), "license": license, "operation": operation,
        "region": region, "purpose": purpose, "acknowledge": acknowledge, "out": out, "force": force, "save": save,
        "run": run,
    }  # fmt: skip
    ask = Asker(asks=not yes and answers is None)
    if ask.asks and (as_json or not sys.stdin.isatty()):
        why = "--json prints nothing but the result" if as_json else "there is no terminal to ask at"
        raise ConfigurationError(why, hint="--yes takes what is proposed, --answers FILE what the file says")
    result = _Wizard(_answers(answers, given), ask, quiet=as_json).run(file)
    if as_json:
        print_json(result)
    if result["run"] is not None:
        raise typer.Exit(result["run"]["exit_status"])


def _pairs(flag: str, given: list[str] | None) -> dict[str, str | None]:
    """``field=what`` as a mapping; nothing behind the last = is None."""
    pairs: dict[str, str | None] = {}
    for each in given or ():
        field, equals, what = each.rpartition("=")
        if not equals or not field:
            raise ConfigurationError(f"{flag} takes FIELD=…, such as {flag} email=…")
        pairs[field] = what or None
    return pairs


def _answers(path: Path | None, given: dict[str, Any]) -> "Answers":
    """The answers of a file, with those of the options over them."""
    from pydantic import ValidationError

    from penstock.cli._wizard import Answers, read_answers

    said = read_answers(path).model_dump(exclude_unset=True) if path else {}
    for key, value in given.items():
        if isinstance(value, dict):
            said[key] = said.get(key, {}) | value
        elif value not in (None, False):
            said[key] = value
    try:
        return Answers.model_validate(said)
    except ValidationError as error:
        raise options_error("wizard", error, Answers) from None


class _Wizard:
    """The steps, one after the other."""

    def __init__(self, answers: "Answers", ask: "Asker", *, quiet: bool) -> None:
        self._said = answers
        self._ask = ask
        self._quiet = quiet
        self._environ = environment()

    def run(self, file: Path | None) -> dict[str, Any]:
        """Everything; what ``--json`` prints.

        Raises
        ------
        ConfigurationError
            An answer does not fit the sample, or a file is there already.
        """
        from penstock.agents.tag.inference import preview
        from penstock.cli import _wizard
        from penstock.cli._sample import describe

        sample = self._sample(file)
        name, out = self._names(sample)
        tenant = self._tenant()
        found = preview.preview(sample.rows)
        mappings = self._mappings(found)
        report, decisions = self._pii(sample)
        look = describe(sample)
        licensed, checks = self._license(sample, look, tenant)
        source = self._source(sample, out)
        key = _wizard.has_key(self._environ)
        blurred = {one.field_name for one in decisions if one.blurs}
        entities, left_out = _wizard.entities(mappings, found, blurred)
        for entity in left_out:
            self._tell(f"{entity} is left out of `map`: no field that identifies it is there always and stays distinct")
        document = _wizard.pipeline(
            name, tenant, source, entities,
            _wizard.redact_options(decisions, key=key, lists=_through_lists(found)), licensed, look,
        )  # fmt: skip
        self._write(out, document, _remarks(report, licensed))
        body = {
            "tenant_id": tenant,
            "name": name,
            "connector": source,
            "mappings": [asdict(one) for one in mappings],
            "pii_decisions": [one.told() for one in decisions],
            "license_acknowledged": licensed.acknowledged,
            "pipeline": document,
        }
        return {
            "file": str(out),
            "configuration": body,
            "schema": found.answer(),
            "pii": report,
            "license": checks,
            "saved": self._saved(body),
            "run": self._ran(out),
        }

    # Steps

    def _sample(self, file: Path | None) -> "Sample":
        """The first rows, and how they are read."""
        from penstock.cli import _sample
        from penstock.connectors import samples
        from penstock.connectors.registry import SOURCES, manifest

        given = self._said.options
        if file is None and self._said.options.get("path") is None:
            file = Path(self._ask.text("File with a sample of the data", "") or _nothing())
        asked = run_async(_sample.rows(file)) if file is not None else samples.Sample("csv", {})
        kind = self._said.connector
        if kind is None and asked.kind in SOURCES.modules:
            kind = self._ask.choice("Connector", sorted(SOURCES.modules), asked.kind)
        if kind is not None and SOURCES.name(kind) != asked.kind:
            asked = samples.Sample(SOURCES.name(kind), {"path": asked.options.get("path", "")})
        asked = samples.Sample(asked.kind, asked.options | given)
        if asked.kind in SOURCES.modules:
            said = manifest(asked.kind)
            license = said.license or "not the connector's to say"
            self._tell(f"{said.title}, version {said.version}; license {license}; personal data {said.pii}")
        sample = run_async(_read(asked))
        self._tell(f"{len(sample.rows):,} records looked at, {sample.unreadable:,} more were unreadable")
        return sample

    def _names(self, sample: "Sample") -> tuple[str, Path]:
        """The pipeline's name and its file, which may be written."""
        from penstock.cli.init import pipeline_name

        path = Path(str(sample.options.get("path", "")))
        name = self._said.name or self._ask.text("Name of the pipeline", pipeline_name(None, path))
        name = pipeline_name(name, None)
        out = self._said.out or Path(self._ask.text("File to write", f"{name}.yml"))
        if (
            out.exists()
            and not self._said.force
            and not (self._ask.asks and self._ask.confirm(f"{out} is there: write over it?", False))
        ):
            raise ConfigurationError(f"{out} is there already", hint="choose another name with --out, or --force")
        return name, out

    def _tenant(self) -> str:
        return self._said.tenant or self._ask.text("Tenant", "default")

    def _mappings(self, found: "Preview") -> "list[Mapped]":
        """What fields are, as proposed or as somebody wants it."""
        from penstock.cli import _wizard
        from penstock.cli.schema import show

        if not self._quiet:
            show(found)
        mappings = _wizard.changed(_wizard.proposed(found), self._said.mappings, found)
        if not self._ask.asks or self._ask.confirm(f"Take these {len(mappings)} mappings?", True):
            return mappings
        changes: dict[str, str | None] = {}
        now = {one.source_field: one.target for one in mappings}
        for field in found.fields:
            if field.type not in ("array", "object"):
                changes[field.name] = self._target(field.name, now.get(field.name, "-"))
        return _wizard.changed(mappings, {n: to for n, to in changes.items() if to != now.get(n)}, found)

    def _target(self, field: str, proposed: str) -> str | None:
        """What somebody says a field is; asked again until the catalogue has it."""
        from penstock.cli import _wizard

        while True:
            said = self._ask.text(f"{field} is (Entity.property, - for nothing)", proposed)
            if said == "-":
                return None
            try:
                _wizard.check_target(*said.partition(".")[::2])
            except ConfigurationError as error:
                say(str(error))
            else:
                return said

    def _pii(self, sample: "Sample") -> "tuple[dict[str, Any], list[Decision]]":
        """What is personal, and what is done with it."""
        from penstock.agents.redact._report import scan
        from penstock.cli import _wizard, pii
        from penstock.connectors import samples

        report = scan(sample.rows, total_rows=max(run_async(samples.count(sample)), len(sample.rows)))
        if not self._quiet:
            pii.show(report)
            for line in (
                report["summary"],
                *(f"impact assessment needed: {r['reason']}" for r in report["dpia_reasons"]),
            ):
                self._tell(line)
        key = _wizard.has_key(self._environ)
        decisions = _wizard.decided(_wizard.strategies(report["pii_matches"], key=key), self._said.pii)
        if not decisions or not self._ask.asks or self._ask.confirm("Take these strategies?", True):
            return report, decisions
        return report, [one.choosing(*self._strategy(one, key)) for one in decisions]

    def _strategy(self, one: "Decision", key: bool) -> tuple[str, str]:
        """The strategy that somebody wants, and why for `keep`."""
        from penstock.cli import _wizard

        choices = _wizard.possible(key=key)
        strategy = self._ask.choice(f"{one.category} in {one.field_name}", choices, one.strategy)
        why = ""
        while strategy == "keep" and not why:
            why = self._ask.text("Why is it kept?", "")
        return strategy, why

    def _license(self, sample: "Sample", look: "Look", tenant: str) -> "tuple[Licensed, list[dict[str, Any]]]":
        """What is asked and found of the license, or of those that the records name.

        Raises
        ------
        typer.Exit
            It is denied, or somebody does not want to go on with it.
        """
        from penstock.cli import _wizard

        field = "" if self._said.license else look.license_field
        ids = look.licenses if field else [self._said.license or self._ask.text("License", _wizard.OWN_LICENSE)]
        _wizard.check_licenses(ids)
        name = Path(str(sample.options.get("path", ""))).name
        checks = [run_async(self._checked(id, name, sample.kind, tenant)) for id in ids]
        for found in checks:
            self._show_license(found)
        denied = [one for one in checks if one["decision"] == "deny"]
        if denied and len(denied) == len(checks):
            if self._quiet:
                print_json({"file": None, "license": checks})
            say("the license denies this: nothing was written")
            raise typer.Exit(FAILED)
        return self._acknowledged(field, ids, checks), checks

    def _acknowledged(self, field: str, ids: list[str], checks: list[dict[str, Any]]) -> "Licensed":
        from penstock.cli import _wizard

        unknown = _wizard.unknown_to_all(checks)
        open_ones = [one["license"]["id"] for one in checks if one["decision"] == "quarantine"]
        said = self._said.acknowledge or set(ids) == {_wizard.OWN_LICENSE}
        if open_ones and not said:
            names = ", ".join(open_ones)
            said = self._ask.asks and self._ask.confirm(f"Do you know and accept the terms of {names}?", False)
            if not said and not field:
                say(f"nobody here knows whether {names} allows this: nothing was written (--acknowledge-license)")
                raise typer.Exit(FAILED)
        return _wizard.Licensed(
            ids=ids, field=field, allow=unknown if said else [], acknowledged=bool(said),
            operation=self._said.operation, region=self._said.region, purpose=self._said.purpose,
        )  # fmt: skip

    async def _checked(self, id: str, name: str, kind: str, tenant: str) -> dict[str, Any]:
        from penstock.agents.license import CheckRequest, license_check
        from penstock.model.component import Resources

        request = CheckRequest(
            source_name=name[:256], source_type=kind, license_id=id, operation=self._said.operation,
            tenant_id=tenant, region=self._said.region, purpose=self._said.purpose,
        )  # fmt: skip
        return await license_check(request, Resources(environ=self._environ))

    def _show_license(self, found: dict[str, Any]) -> None:
        from penstock.cli.license import show

        if not self._quiet:
            show(found, self._said.operation)

    def _source(self, sample: "Sample", out: Path) -> dict[str, Any]:
        """The source as a pipeline file has it; what no source reads is written anew as JSON Lines."""
        from penstock.cli import _wizard
        from penstock.connectors import samples
        from penstock.connectors.registry import SOURCES

        if sample.kind in SOURCES.modules:
            return {sample.kind: sample.options}
        lines = out.with_suffix(".jsonl")
        if lines.exists() and not self._said.force:
            raise ConfigurationError(f"{lines} is there already", hint="--force writes over it")
        if not self._ask.confirm(f"No source reads {sample.kind}: write its records to {lines}?", True):
            raise ConfigurationError(f"no source reads {sample.kind}", hint="make it JSON Lines")
        count = _wizard.json_lines(samples.every(sample), lines)
        self._tell(f"{count:,} records written to {lines}, which holds them as they are: keep it no longer than needed")
        return {"jsonl": {"path": glob.escape(str(lines))}}

    def _write(self, out: Path, document: dict[str, Any], remarks: list[str]) -> None:
        """Write the file, once it has been looked over as `penstock check` does."""
        from penstock.agents.runtime.compile import compile_plan
        from penstock.cli import _wizard
        from penstock.connectors.registry import SINKS, SOURCES
        from penstock.topology.load import reads

        text = _wizard.text_of(document, remarks)
        compile_plan(*reads(text, self._environ, file=str(out)), sources=SOURCES, sinks=SINKS)
        try:
            out.write_text(text, encoding="utf-8")
        except OSError as error:
            raise ConfigurationError(f"{out} cannot be written: {error.strerror}") from None
        self._tell(f"{out} written; next: penstock check {out}, then penstock run {out} --until-idle")

    def _saved(self, body: dict[str, Any]) -> dict[str, Any] | None:
        """What the API says of the configuration, where it is to be saved."""
        if not (self._said.save or (self._ask.asks and self._ask.confirm("Save it in the REST API?", False))):
            return None
        saved = run_async(_save(body, self._environ))
        self._tell(f"saved as {saved['configuration_id']}, version {saved['version']}")
        return saved

    def _ran(self, out: Path) -> dict[str, Any] | None:
        """How the pipeline ran, where it is to run."""
        if not (self._said.run or (self._ask.asks and self._ask.confirm("Run it now?", False))):
            return None
        from msgspec import to_builtins

        from penstock.cli.run import run_here, show

        result = run_async(run_here(load_plan(out), until_idle=True))
        if not self._quiet:
            show(result)
        return {**to_builtins(result), "exit_status": result.exit_status}

    def _tell(self, text: str) -> None:
        if not self._quiet:
            say(text)


def _nothing() -> str:
    raise ConfigurationError("there is no data to look at", hint="name a file with a sample, or -o path=…")


async def _read(asked: "Sample") -> "Sample":
    from pydantic import ValidationError

    from penstock.connectors import samples
    from penstock.connectors.registry import SOURCES

    try:
        sample = await samples.read(asked)
    except ValidationError as error:
        raise options_error(asked.kind, error, SOURCES.load(asked.kind).Config) from None
    if not sample.rows:
        raise ConfigurationError(f"the sample holds no record that could be read as {asked.kind}")
    return sample


async def _save(body: dict[str, Any], environ: dict[str, str]) -> dict[str, Any]:
    from penstock.model.http import ServiceClient

    client = ServiceClient.from_environment("the REST API", environ, API_VARIABLE, API_DEFAULT)
    try:
        answer = await client.request("POST", "/etl/configurations", json=body)
    finally:
        await client.close()
    return client.read(answer, dict[str, Any])


def _through_lists(found: "Preview") -> set[str]:
    """Fields inside lists, as reports call them: without the lists' indexes."""
    return {field.name.replace(".*", "") for field in found.fields if "*" in field.name}


def _remarks(report: dict[str, Any], licensed: "Licensed") -> list[str]:
    """What whoever reads the file should know; no value of the sample."""
    remarks = ["Written by `penstock wizard`: `penstock check` looks it over, `penstock plan` shows what it means."]
    remarks += [f"Impact assessment needed: {one['reason']}" for one in report["dpia_reasons"]]
    if licensed.allow:
        remarks.append(f"Allowed by the word of whoever ran the wizard: {', '.join(licensed.allow)}")
    return remarks

"""Reading pipeline files: variables, and errors that name file, line, key, what was found and what may stand there."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from penstock.model.component import ComponentConfig
from penstock.model.errors import PipelineFileError
from penstock.topology.load import Source, file_error, load, loads, reads

SECRET = "tr0ub4dor"


def fails(text: str, environ: dict[str, str] | None = None) -> PipelineFileError:
    with pytest.raises(PipelineFileError) as caught:
        loads(text, environ or {}, file="orders.yml")
    return caught.value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nam: a", "orders.yml:1: unknown key nam (did you mean name?)"),
        ("description: a", "orders.yml: name is missing"),
        (
            "name: a\nchain: topcs",
            "orders.yml:2: chain: found 'topcs', allowed: auto, fused, topics or a list (did you mean topics?)",
        ),
        ("name: a\nchain: [[tag], redact]", "orders.yml:2: chain.1: found 'redact', allowed: a list"),
        (
            "name: a\nraw:\n  codec: JSNO",
            "orders.yml:3: raw.codec: found 'JSNO', allowed: json, avro (did you mean json?)",
        ),
        (
            "name: a\nraw:\n  partitions: four",
            "orders.yml:3: raw.partitions: found 'four', allowed: a whole number",
        ),
        (
            "name: a\nraw:\n  partitions: 0",
            "orders.yml:3: raw.partitions: must be greater than or equal to 1, found 0",
        ),
        ("name: a\nraw: 3", "orders.yml:2: raw: found 3, allowed: a mapping"),
        ("name: a\nraw:", "orders.yml:2: raw: found nothing, allowed: a mapping"),
        ("name: a\nungoverned: maybe", "orders.yml:2: ungoverned: found 'maybe', allowed: true or false"),
        ("name: a\nstages: tag", "orders.yml:2: stages: found 'tag', allowed: a list"),
        (
            "name: a\nstages:\n  - {use: geoip, optoins: {}}",
            "orders.yml:3: unknown key optoins (did you mean options?)",
        ),
        (
            "name: a\nstages:\n  - tag\n  - tag",
            "orders.yml:2: stages: tag stands here twice: give one of them another name with `as:`",
        ),
        ("name: a\n3: b", "orders.yml:2: 3: is no key: keys are text (put it in quotes)"),
        ("name: a\nname: b", "orders.yml:2: name stands here twice"),
        ("- a", "orders.yml:1: a pipeline file is a mapping of keys"),
        ("", "orders.yml:1: a pipeline file is a mapping of keys"),
        ("name: [", "orders.yml:1: not YAML: expected the node content, but found '<stream end>'"),
        ("name: a\n? [b]\n: c", "orders.yml:2: not YAML: found unhashable key"),
        ("name: 2024-99-99", "orders.yml: not YAML: ValueError"),
        ("name: \x01", "orders.yml: not YAML: ReaderError"),
        ("name: a\n---\nname: b", "orders.yml:2: not YAML: but found another document"),
    ],
)
def test_an_error_says_where_what_and_what_else(text, said):
    assert str(fails(text)) == said


@pytest.mark.parametrize("item", ["3", "{geoip: {}, redact: {}}", "[tag]", "{geoip: , database: x}"])
def test_what_is_no_component_is_told_how_to_write_one(item):
    error = fails(f"name: a\nstages:\n  - tag\n  - {item}")
    assert error.line == 4
    assert "- name: {options}" in error.hint


def test_the_name_of_a_component_in_short_form_is_found_in_its_line():
    error = fails("name: a\nstages:\n  - geoip:\n      as: Where is it")
    assert (error.line, error.key) == (4, "stages.0.geoip.as")
    assert "lower-case letters" in error.hint


def test_variables_are_replaced():
    text = "name: ${NAME}\nenv: ${WHERE:-dev}\ndescription: ${A}-${B:-}"
    pipeline = loads(text, {"NAME": "orders", "A": "x", "WHERE": ""})
    assert (pipeline.name, pipeline.env, pipeline.description) == ("orders", "dev", "x-")


def test_a_number_may_come_from_a_variable():
    assert loads("name: a\nraw: {partitions: '${N}'}", {"N": "8"}).raw.partitions == 8


def test_a_variable_that_is_not_set_is_named():
    error = fails("name: a\nenv: ${NOWHERE}")
    assert str(error) == "orders.yml:2: the environment variable NOWHERE is not set (or write ${NOWHERE:-…})"


@pytest.mark.parametrize(
    "text",
    [
        "name: ${S}!",
        "name: a\nchain: ${S}",
        "name: a\nraw: {partitions: '${S}'}",
        "name: a\nraw: {codec: 'x${S}'}",
        "name: a\nstages: ['${S}', '${S}']",
        "name: a\nstages: [{tag: {as: '${S} '}}]",
    ],
)
def test_what_a_variable_held_is_never_shown(text):
    error = fails(text, {"S": SECRET})
    assert SECRET not in f"{error}{error.hint}{error!r}{error.__cause__}"
    assert error.__suppress_context__


class Config(ComponentConfig):
    password: int = 0
    url: int = 0


@pytest.mark.parametrize("key", ["password", "url"])
def test_what_sounds_like_a_secret_is_never_shown(key):
    source = Source(f"{key}: {SECRET}", "orders.yml")
    with pytest.raises(ValidationError) as caught:
        Config.model_validate(source.data)
    said = str(file_error(caught.value, Config, source, ()))
    assert said == f"orders.yml:1: {key}: allowed: a whole number"


def test_long_values_are_cut():
    assert len(str(fails(f"name: {'A' * 5000}"))) < 300


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path):
    with pytest.raises(PipelineFileError, match=r"none\.yml: cannot be read: No such file"):
        load(tmp_path / "none.yml", {})
    (tmp_path / "latin.yml").write_bytes(b"name: \xe9")
    with pytest.raises(PipelineFileError, match=r"latin\.yml: cannot be read: it is not UTF-8"):
        load(tmp_path / "latin.yml", {})


def test_lines_of_keys_and_items_are_known():
    _, source = reads("name: a\nstages:\n  - tag\n  - redact:\n      policy:\n        ip: mask\n", {})
    assert source.line(("stages", 1)) == 4
    assert source.line(("stages", 1, "redact", "policy", "ip")) == 6
    assert source.line(("stages", 1, "redact", "regions")) == 4
    assert source.line(("raw", "topic")) is None


def test_places_of_components_in_every_form():
    _, source = reads("name: a\nstages:\n  - tag\n  - redact: {}\n  - {use: license, options: {}}\n", {})
    assert source.component("stages", 0) == (("stages", 0), ("stages", 0))
    assert source.component("stages", 1) == (("stages", 1, "redact"), ("stages", 1, "redact"))
    assert source.component("stages", 2) == (("stages", 2, "use"), ("stages", 2, "options"))


@pytest.mark.parametrize(
    ("text", "variable", "env"),
    [("name: a", None, "dev"), ("name: a", "prod", "prod"), ("name: a", "", "dev"), ("name: a\nenv: x", "prod", "x")],
)
def test_the_environment_is_the_files_else_the_variables(text: str, variable: str | None, env: str) -> None:
    environ = {} if variable is None else {"AF_ENV": variable}
    assert loads(text, environ).env == env

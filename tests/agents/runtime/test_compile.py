"""Pipelines made ready to run: aliases resolved, options validated, errors in terms of the file."""

import pytest

from penstock.agents.registry import STAGES
from penstock.agents.runtime.compile import compile_plan, facts
from penstock.connectors.registry import SINKS, SOURCES
from penstock.model.errors import PipelineFileError
from penstock.topology.load import reads
from penstock.topology.spec import Pipeline


def compiled(text: str, **environ: str):
    return compile_plan(*reads(text, environ, file="orders.yml"), sources=SOURCES, sinks=SINKS)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stages: [geopi]", "orders.yml:2: stages.0: no stage is called geopi (did you mean geoip?)"),
        ("stages: [{use: geopi}]", "orders.yml:2: stages.0.use: no stage is called geopi (did you mean geoip?)"),
        ("sources: [cvs]", "orders.yml:2: sources.0: no source is called cvs (did you mean csv?)"),
        ("sinks: [graf]", "orders.yml:2: sinks.0: no sink is called graf (did you mean graph?)"),
        (
            "stages:\n  - tag\n  - redact:\n      polcy: {}",
            "orders.yml:5: unknown key polcy (did you mean policy?)",
        ),
        (
            "stages:\n  - use: redact\n    options:\n      polcy: {}",
            "orders.yml:5: unknown key polcy (did you mean policy?)",
        ),
        ("sources:\n  - csv:\n      pth: x", "orders.yml:4: unknown key pth (did you mean path?)"),
        ("sources:\n  - csv", "orders.yml:3: sources.0.path is missing"),
        (
            "stages:\n  - hashing:\n      hash_algorithms: [sha255]",
            "orders.yml:4: stages.0.hashing.hash_algorithms.0: found 'sha255', "
            "allowed: sha256, sha512, blake3, blake2b, sha1, md5 (did you mean sha256?)",
        ),
        (
            "stages:\n  - map: {entities: [{type: P, key: a, proprties: {}}]}",
            "orders.yml:3: unknown key proprties (did you mean properties?)",
        ),
        (
            "stages:\n  - redact: {fields: {a: 3}}",
            "orders.yml:3: stages.0.redact.fields.a: found 3, allowed: text or a mapping",
        ),
        (
            "stages:\n  - hash\n  - hashing",
            "orders.yml:4: stages.1: hash stands here twice (give one of them another name with `as:`)",
        ),
        (
            "stages: [tag, hash]\nchain: [[hash], [tag]]",
            "orders.yml:3: chain: chain lists hash, tag, the stages are tag, hash (chain "
            "groups must hold every stage once, in the order of stages)",
        ),
    ],
)
def test_errors_say_where_and_what_else(text, said):
    with pytest.raises(PipelineFileError) as caught:
        compiled(f"name: orders\n{text}")
    assert str(caught.value) == said


def test_what_variables_held_is_never_shown():
    for text in (
        "stages: ['${S}']",
        "sources: [{csv: {path: x, encoding: '${S}'}}]",
        "stages: [{language: {confidence_threshold: '${S}'}}]",
        "stages: [tag]\nchain: [['${S}']]",
    ):
        with pytest.raises(PipelineFileError) as caught:
            compiled(f"name: orders\n{text}", S="s3cret")
        assert "s3cret" not in f"{caught.value!r}{caught.value.hint}"


def test_aliases_become_names_in_stages_and_chain():
    plan = compiled(
        "name: orders\nstages: [tag, redact, license, hashing]\nchain: [[tag, redact], [license], [hashing]]"
    )
    assert [agent.name for agent in plan.agents] == ["tag-redact", "license", "hash"]
    assert plan.pipeline.stages[3].use == "hash"


def test_a_name_of_its_own_stays():
    plan = compiled("name: orders\nstages: [{hashing: {as: digest}}]\nchain: [[digest]]")
    assert [(agent.name, agent.stages[0].use) for agent in plan.agents] == [("digest", "hash")]


def test_a_stage_that_says_so_stands_alone_under_auto(monkeypatch):
    monkeypatch.setattr(STAGES.load("language"), "ALONE", True, raising=False)
    plan = compiled("name: orders\nstages: [tag, redact, language, hash]")
    assert [agent.name for agent in plan.agents] == ["tag-redact", "language", "hash"]


def test_a_stage_may_stand_alone_as_its_options_say():
    plan = compiled("name: orders\nstages: [tag, {hash: {enable_fuzzy: true}}, language, {hashing: {as: plain}}]")
    assert [agent.name for agent in plan.agents] == ["tag", "hash", "language-plain"]


def test_facts_come_from_the_stages(monkeypatch):
    monkeypatch.setattr(STAGES.load("geoip"), "ORIGINAL", True, raising=False)
    found = facts(compiled("name: orders\nstages: [{map: {as: who}}, geoip, {language: {enabled: false}}]"))
    assert (found["who"].adds_text, found["geoip"].adds_text) == (True, False)
    assert (found["who"].needs_original, found["geoip"].needs_original) == (False, True)
    assert (found["who"].enabled, found["language"].enabled) == (True, False)


def test_without_a_file_the_key_is_named_and_connectors_may_stay_unchecked():
    pipeline = Pipeline.model_validate({"name": "orders", "sinks": ["nowhere"]})
    assert compile_plan(pipeline).sinks[0].name == "nowhere"
    with pytest.raises(PipelineFileError) as caught:
        compile_plan(pipeline, sinks=SINKS)
    assert (caught.value.key, str(caught.value)[:8]) == ("sinks.0", "sinks.0:")


def test_options_that_are_valid_stay_as_they_are_written():
    plan = compiled("name: orders\nstages: [{redact: {policy: {email: {keep: asked for}}}}]")
    assert plan.pipeline.stages[0].options == {"policy": {"email": {"keep": "asked for"}}}

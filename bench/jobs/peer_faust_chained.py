"""The job in Faust as its tutorials teach it: an agent a stage, a topic between each two, one record a message."""

import sys

import faust
from stages import configuration, geoip_stage, hash_message, language, license_stage, redact, tag


def build() -> faust.App:
    config = configuration()
    app = faust.App(
        config["group"],
        broker=f"kafka://{config['bootstrap']}",
        datadir=config["work"],
        topic_partitions=config["partitions"],
        web_enabled=False,  # nobody asks, and its port may be taken
    )
    names = ("tagged", "redacted", "licensed", "located", "spoken")
    raw = app.topic(config["raw"], value_serializer="json")
    tagged, redacted, licensed, located, spoken = (
        app.topic(f"{config['group']}-{name}", internal=True, value_serializer="json") for name in names
    )
    enriched = app.topic(config["enriched"], value_serializer="json")
    allowed = license_stage(config["allow"])
    geoip = geoip_stage(config["mmdb"])

    @app.agent(raw, sink=[tagged])
    async def tag_agent(stream):
        async for record in stream:
            yield tag(record)

    @app.agent(tagged, sink=[redacted])
    async def redact_agent(stream):
        async for envelope in stream:
            yield redact(envelope)

    @app.agent(redacted, sink=[licensed])
    async def license_agent(stream):
        async for envelope in stream:
            if allowed(envelope):
                yield envelope

    @app.agent(licensed, sink=[located])
    async def geoip_agent(stream):
        async for envelope in stream:
            yield geoip(envelope)

    @app.agent(located, sink=[spoken])
    async def language_agent(stream):
        async for envelope in stream:
            yield language(envelope)

    @app.agent(spoken, sink=[enriched])
    async def hash_agent(stream):
        async for envelope in stream:
            yield hash_message(envelope)

    return app


if __name__ == "__main__":
    app = build()
    sys.argv = [sys.argv[0], "worker", "-l", "warn"]
    app.main()

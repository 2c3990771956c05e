"""The job in Faust: one agent that does the six stages of each record, at least once (its default)."""

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
    raw = app.topic(config["raw"], value_serializer="json")
    enriched = app.topic(config["enriched"], value_serializer="json")
    allowed = license_stage(config["allow"])
    geoip = geoip_stage(config["mmdb"])

    @app.agent(raw, sink=[enriched])
    async def enrich(records):
        async for record in records:
            envelope = redact(tag(record))
            if allowed(envelope):
                yield hash_message(language(geoip(envelope)))

    return app


if __name__ == "__main__":
    app = build()
    sys.argv = [sys.argv[0], "worker", "-l", "warn"]
    app.main()

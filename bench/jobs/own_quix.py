"""The job in Quix Streams with penstock's own stages, record by record, at least once (its default)."""

from own_stages import enricher
from quixstreams import Application
from stages import configuration


def main() -> None:
    config = configuration()
    enrich = enricher(config)
    app = Application(
        broker_address=config["bootstrap"],
        consumer_group=config["group"],
        auto_offset_reset="earliest",
        state_dir=config["work"],
        loglevel="WARNING",
    )
    raw = app.topic(config["raw"], value_deserializer="bytes")
    enriched = app.topic(config["enriched"], value_serializer="bytes")

    frame = app.dataframe(raw)
    frame = frame.apply(lambda value: enrich([value]), expand=True)
    frame.to_topic(enriched)
    app.run()


if __name__ == "__main__":
    main()

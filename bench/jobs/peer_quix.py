"""The job in Quix Streams: one StreamingDataFrame, one operation a stage, at least once (its default)."""

from quixstreams import Application
from stages import configuration, geoip_stage, hash_message, language, license_stage, redact, tag


def main() -> None:
    config = configuration()
    app = Application(
        broker_address=config["bootstrap"],
        consumer_group=config["group"],
        auto_offset_reset="earliest",
        state_dir=config["work"],
        loglevel="WARNING",
    )
    raw = app.topic(config["raw"], value_deserializer="json")
    enriched = app.topic(config["enriched"], value_serializer="json")

    frame = app.dataframe(raw)
    frame = frame.apply(tag)
    frame = frame.apply(redact)
    frame = frame.filter(license_stage(config["allow"]))
    frame = frame.apply(geoip_stage(config["mmdb"]))
    frame = frame.apply(language)
    frame = frame.apply(hash_message)
    frame.to_topic(enriched)
    app.run()


if __name__ == "__main__":
    main()

"""The job in Bytewax: the Kafka operators with one map a stage, at least once by its recovery store."""

from pathlib import Path

import bytewax.operators as op
import orjson
from bytewax.connectors.kafka import KafkaSinkMessage, KafkaSourceMessage
from bytewax.connectors.kafka import operators as kop
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.run import cli_main
from stages import Envelope, configuration, geoip_stage, hash_message, language, license_stage, redact, tag


def read(message: KafkaSourceMessage) -> Envelope:
    return orjson.loads(message.value)


def write(envelope: Envelope) -> KafkaSinkMessage:
    return KafkaSinkMessage(key=None, value=orjson.dumps(envelope))


def main() -> None:
    config = configuration()
    brokers = config["bootstrap"].split(",")
    flow = Dataflow("enrich")
    source = kop.input("raw", flow, brokers=brokers, topics=[config["raw"]])
    op.inspect("errors", source.errs).then(op.raises, "stop_on_error")
    stream = op.map("read", source.oks, read)
    stream = op.map("tag", stream, tag)
    stream = op.map("redact", stream, redact)
    stream = op.filter("license", stream, license_stage(config["allow"]))
    stream = op.map("geoip", stream, geoip_stage(config["mmdb"]))
    stream = op.map("language", stream, language)
    stream = op.map("hash", stream, hash_message)
    kop.output("enriched", op.map("write", stream, write), brokers=brokers, topic=config["enriched"])

    store = Path(config["work"]) / "recovery"
    store.mkdir()
    init_db_dir(store, 1)
    cli_main(flow, recovery_config=RecoveryConfig(store))


if __name__ == "__main__":
    main()

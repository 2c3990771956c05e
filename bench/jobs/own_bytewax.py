"""The job in Bytewax with penstock's own stages, record by record, at least once by its recovery store."""

from pathlib import Path

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSinkMessage, KafkaSourceMessage
from bytewax.connectors.kafka import operators as kop
from bytewax.dataflow import Dataflow, Stream
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.run import cli_main
from own_stages import Enrich, enricher
from stages import configuration


def main(batches: bool) -> None:
    """Run it, with the stages called for each record, or for each batch that Bytewax passes on."""
    config = configuration()
    enrich = enricher(config)
    brokers = config["bootstrap"].split(",")
    flow = Dataflow("enrich")
    # the most records that its Kafka source hands on at a time
    source = kop.input("raw", flow, brokers=brokers, topics=[config["raw"]], batch_size=500 if batches else 1000)
    op.inspect("errors", source.errs).then(op.raises, "stop_on_error")
    stream = (_by_batch if batches else _by_record)(source.oks, enrich)
    kop.output("enriched", stream, brokers=brokers, topic=config["enriched"])

    store = Path(config["work"]) / "recovery"
    store.mkdir()
    init_db_dir(store, 1)
    cli_main(flow, recovery_config=RecoveryConfig(store))


def _by_record(stream: Stream[KafkaSourceMessage], enrich: Enrich) -> Stream[KafkaSinkMessage]:
    return op.flat_map(
        "enrich", stream, lambda message: [KafkaSinkMessage(key=None, value=value) for value in enrich([message.value])]
    )


def _by_batch(stream: Stream[KafkaSourceMessage], enrich: Enrich) -> Stream[KafkaSinkMessage]:
    def work(messages: list[KafkaSourceMessage]) -> list[KafkaSinkMessage]:
        return [KafkaSinkMessage(key=None, value=value) for value in enrich([m.value for m in messages])]

    return op.flat_map_batch("enrich", stream, work)


if __name__ == "__main__":
    main(batches=False)

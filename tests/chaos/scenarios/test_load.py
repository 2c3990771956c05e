"""The load knows where each of its records stands, also where the broker does not say it again."""

from __future__ import annotations

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from penstock.broker import embedded

from .load import Load

pytestmark = pytest.mark.integration


def test_a_record_of_which_no_offset_was_told_is_looked_for(
    embedded_broker: embedded.BrokerInfo, pipeline_name: str
) -> None:
    topic = f"{pipeline_name}.raw"
    admin = AdminClient({"bootstrap.servers": embedded_broker.bootstrap})
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(20)
    load = Load(embedded_broker.bootstrap, topic, partitions=1)
    load.burst(3)
    known = dict(load.sent)
    del load.sent[0, 0, 1]
    load._unplaced.add((0, 0, 1))
    load.flush()
    assert load.sent == known
    load._unplaced.add((0, 0, 99))
    with pytest.raises(AssertionError, match="not there"):
        load.flush()

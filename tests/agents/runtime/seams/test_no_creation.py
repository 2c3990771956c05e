"""No client of ours has the broker create what it asks for."""

from aiokafka import client
from aiokafka.protocol.metadata import MetadataRequest, MetadataRequest_v1, MetadataRequest_v5

from penstock.agents.runtime import cluster


def test_a_request_of_a_client_creates_nothing() -> None:
    assert cluster.no_creation, "importing the cluster installs it"
    asked = client.MetadataRequest(["nowhere"]).build(MetadataRequest_v5)
    assert (asked.topics, asked.allow_auto_topic_creation) == (["nowhere"], False)
    assert client.MetadataRequest(None).build(MetadataRequest_v1).topics is None
    plain = MetadataRequest(["nowhere"]).build(MetadataRequest_v5)
    assert plain.allow_auto_topic_creation, "aiokafka has changed its mind: this is not needed any more"

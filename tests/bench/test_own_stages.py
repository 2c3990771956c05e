"""penstock's stages as a job of another framework calls them: the same records whatever is handed over at a time."""

import generate
import geo
import orjson
import pytest
from own_stages import enricher
from verify import WrongError, verify

COUNT = 400


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    database = geo.write(tmp_path_factory.mktemp("geo") / "geo.mmdb")
    allowed = list(generate.ALLOWED_LICENSES)
    return {"packages": [], "raw": "r", "group": "g", "mmdb": str(database), "allow": allowed}


def enriched(config, size: int) -> list[bytes]:
    values, enrich = list(generate.encoded(COUNT)), enricher(config)
    return [out for start in range(0, COUNT, size) for out in enrich(values[start : start + size])]


@pytest.mark.parametrize("size", [1, 150])
def test_what_comes_out_is_what_the_benchmark_asks_for(config, size):
    verify(enriched(config, size), COUNT)


def test_batches_of_any_size_give_the_same_ids_included(config):
    single, some, all_ = ([orjson.loads(value) for value in enriched(config, size)] for size in (1, 150, COUNT))
    for each in (*single, *some, *all_):
        del each["metadata"]  # holds the time
    assert single == some == all_


def test_a_record_too_few_is_seen(config):
    with pytest.raises(WrongError, match="1 of"):
        verify(enriched(config, COUNT)[:-1], COUNT)

import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from penstock.model.errors import ConfigurationError, UnreachableError
from penstock.services.database import connect, reading, upsert

metadata = sa.MetaData()
COUNTERS = sa.Table(
    "counters", metadata, sa.Column("name", sa.Text, primary_key=True), sa.Column("value", sa.Integer, nullable=False)
)
NOTES = sa.Table(
    "notes",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("counter", sa.ForeignKey(COUNTERS.c.name), nullable=False),
)

COUNT_IN_A_PROCESS = """
import sys, sqlalchemy as sa
from penstock.services.database import connect
metadata = sa.MetaData()
counters = sa.Table("counters", metadata, sa.Column("name", sa.Text, primary_key=True), sa.Column("value", sa.Integer))
engine = connect(sys.argv[1], metadata)
for _ in range(50):
    with engine.begin() as connection:
        value = connection.execute(sa.select(counters.c.value)).scalar_one()
        connection.execute(sa.update(counters).values(value=value + 1))
"""


def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'missing' / 'folders' / 'test.db'}"


def counted(tmp_path: Path) -> sa.Engine:
    engine = connect(url(tmp_path), metadata)
    with engine.begin() as connection:
        connection.execute(sa.insert(COUNTERS).values(name="a", value=0))
    return engine


def value_of(engine: sa.Engine) -> int:
    with reading(engine) as connection:
        return int(connection.execute(sa.select(COUNTERS.c.value)).scalar_one())


def test_reading_then_writing_is_one_step_between_threads(tmp_path: Path) -> None:
    engine = counted(tmp_path)

    def count(_: int) -> None:
        with engine.begin() as connection:
            value = connection.execute(sa.select(COUNTERS.c.value)).scalar_one()
            connection.execute(sa.update(COUNTERS).values(value=value + 1))

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(count, range(200)))
    assert value_of(engine) == 200


def test_reading_then_writing_is_one_step_between_processes(tmp_path: Path) -> None:
    engine = counted(tmp_path)
    processes = [subprocess.Popen([sys.executable, "-c", COUNT_IN_A_PROCESS, url(tmp_path)]) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert value_of(engine) == 150


def test_readers_and_a_writer_do_not_wait_for_each_other(tmp_path: Path) -> None:
    engine = counted(tmp_path)
    with engine.begin() as writer:
        writer.execute(sa.update(COUNTERS).values(value=1))
        assert value_of(engine) == 0  # would wait 30 s and fail if reading took the writer's lock
    with reading(engine) as reader:
        assert reader.execute(sa.select(COUNTERS.c.value)).scalar_one() == 1
        with engine.begin() as writer:
            writer.execute(sa.update(COUNTERS).values(value=2))
        assert reader.execute(sa.select(COUNTERS.c.value)).scalar_one() == 1  # one consistent view


def test_an_exception_undoes_the_transaction(tmp_path: Path) -> None:
    engine = counted(tmp_path)
    with pytest.raises(RuntimeError), engine.begin() as connection:
        connection.execute(sa.update(COUNTERS).values(value=7))
        raise RuntimeError
    assert value_of(engine) == 0


def test_foreign_keys_hold_and_errors_do_not_quote_values(tmp_path: Path) -> None:
    engine = counted(tmp_path)
    with pytest.raises(sa.exc.IntegrityError) as caught, engine.begin() as connection:
        connection.execute(sa.insert(NOTES).values(counter="secret-value"))
    assert "secret-value" not in str(caught.value)


def test_opening_again_keeps_what_is_there(tmp_path: Path) -> None:
    counted(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        assert [value_of(engine) for engine in pool.map(lambda _: connect(url(tmp_path), metadata), range(8))] == [
            0
        ] * 8


def test_many_may_open_a_new_database_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        assert len(list(pool.map(lambda _: connect(url(tmp_path), metadata), range(32)))) == 32


def test_upsert_replaces(tmp_path: Path) -> None:
    engine = counted(tmp_path)
    with engine.begin() as connection:
        statement = upsert(connection, COUNTERS).values(name="a", value=5)
        connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"value": 5}))
    assert value_of(engine) == 5


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg2"])
def test_an_unreachable_server_is_named_without_its_password(scheme: str) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound, never listening: nobody answers here
        port = nobody.getsockname()[1]
        with pytest.raises(UnreachableError) as caught:
            connect(f"{scheme}://somebody:s3cret-pw@127.0.0.1:{port}/things?password=0ther-pw", metadata)
    text = f"{caught.value!s} {caught.value!r} {caught.value.__cause__} {caught.value.__suppress_context__}"
    assert f"127.0.0.1:{port}/things" in text
    assert "DATABASE_URL" in text
    assert "s3cret-pw" not in text
    assert "0ther-pw" not in text
    assert caught.value.__suppress_context__


def test_a_folder_in_the_place_of_the_file_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match="DATABASE_URL"):
        connect(f"sqlite:///{tmp_path}", metadata)


@pytest.mark.parametrize("text", ["", "no url", "mysql://localhost/x", "sqlite://", "sqlite:///:memory:"])
def test_a_url_that_cannot_be_used_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="DATABASE_URL"):
        connect(text, metadata)

import errno
import fcntl
import itertools
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import boto3
import fsspec
import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer

from penstock.model.errors import ConfigurationError, DecodeError, UnreachableError
from penstock.stores import _bucket
from penstock.stores._bucket import Bucket
from penstock.stores.claims import LEAST_AGE_SECONDS, Claims, Purged, store_url

HOUR = 3600.0
WEEK = 7 * 24 * HOUR


@pytest.fixture(scope="module")
def bucket():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    boto3.client("s3", endpoint_url=address, region_name="us-east-1", **keys).create_bucket(Bucket="penstock")
    yield {"endpoint_url": address, "key": "testing", "secret": "testing"}
    server.stop()


@pytest.fixture(params=["file", "memory", "s3"])
def kind(request) -> str:
    return request.param


@pytest.fixture
def claims(kind, request, tmp_path):
    if kind == "s3":
        return Claims(f"s3://penstock{tmp_path}", **request.getfixturevalue("bucket"))
    return Claims(tmp_path.as_uri() if kind == "file" else f"memory://{tmp_path}")


@pytest.fixture
def grow_old(kind, tmp_path) -> Callable[..., None]:
    """Make everything in the store that many seconds older, or what one of the addresses names."""

    def ages(name: str, addresses: tuple[str, ...]) -> bool:
        return not addresses or any(address[7:71] in name for address in addresses)

    def grow(seconds: float, *addresses: str) -> None:
        past = timedelta(seconds=seconds)
        if kind == "file":
            for path in (path for path in tmp_path.rglob("*") if path.is_file() and ages(path.name, addresses)):
                os.utime(path, (path.stat().st_mtime - seconds,) * 2)
        elif kind == "memory":
            for name, file in fsspec.filesystem("memory").store.items():
                if name.startswith(str(tmp_path)) and ages(name, addresses):
                    file.created, file.modified = file.created - past, file.modified - past
        else:
            for key in s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets["penstock"].keys.values():
                if ages(key.name, addresses):
                    key.last_modified -= past

    return grow


def files(folder: Path) -> set[Path]:
    """The files below a folder, but for its locks."""
    return {path for path in folder.rglob("*") if path.is_file() and path.name != "lock"}


def test_data_is_kept_under_its_hash(claims):
    for data in (b"", b"one", b"\0\xff" * 3_000_000):
        address = claims.put(data)
        assert address == f"sha256:{sha256(data).hexdigest()}:{len(data)}"
        assert claims.get(address) == data
        assert claims.put(data) == address


def test_what_is_missing_or_no_address_is_a_decode_error(claims):
    with pytest.raises(DecodeError, match="is not in"):
        claims.get(f"sha256:{'0' * 64}:3")
    for address in ("", "sha256:00:1", f"sha512:{'0' * 64}:3", f"sha256:{'../' * 21}0:3", f"sha256:{'0' * 64}:-3"):
        with pytest.raises(DecodeError, match="the address of a claim is not"):
            claims.get(address)


def test_an_address_of_another_length_is_refused(claims):
    address = claims.put(b"one")
    with pytest.raises(DecodeError, match="damaged"):
        claims.get(address.removesuffix("3") + "4")


def test_damage_is_noticed_and_healed_by_putting_again(tmp_path):
    claims = Claims(tmp_path.as_uri())
    address = claims.put(b"secret text")
    (path,) = files(tmp_path)
    assert path.name == sha256(b"secret text").hexdigest()
    path.write_bytes(b"secret tex!")
    with pytest.raises(DecodeError, match="damaged") as caught:
        claims.get(address)
    assert "secret" not in str(caught.value)
    path.write_bytes(b"cut")
    claims.put(b"secret text")
    assert claims.get(address) == b"secret text"


def test_many_writers_of_the_same_leave_one_file_and_no_drafts(tmp_path):
    claims = Claims(tmp_path.as_uri())
    threads = [threading.Thread(target=claims.put, args=(b"x" * 1_000_000,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(files(tmp_path)) == 1


def test_a_folder_that_cannot_be_written_is_unreachable(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UnreachableError, match="the claim store at file://"):
        Claims((tmp_path / "file").as_uri()).put(b"one")


def test_a_server_that_is_gone_is_unreachable_and_secrets_stay_out():
    claims = Claims(
        "s3://key:password@penstock/claims",
        endpoint_url="http://127.0.0.1:1",
        key="testing",
        secret="testing",
        config_kwargs={"retries": {"max_attempts": 0}},
    )
    with pytest.raises(UnreachableError) as caught:
        claims.get(f"sha256:{'0' * 64}:3")
    assert "s3://penstock/claims" in str(caught.value)
    assert "password" not in str(caught.value)


def test_an_unknown_url_is_a_configuration_error():
    with pytest.raises(ConfigurationError, match="gopher://"):
        Claims("gopher://example.com/claims")


def test_a_plain_path_is_a_folder(tmp_path):
    address = Claims(str(tmp_path / "claims")).put(b"one")
    assert Path(tmp_path / "claims" / address[7:9] / address[7:71]).read_bytes() == b"one"


# Growing old, and being deleted


def gone(claims: Claims, address: str) -> bool:
    with suppress(DecodeError):
        claims.get(address)
        return False
    return True


def counts(purged: Purged) -> tuple[int, int, int]:
    return purged.deleted.count, purged.kept.count, purged.in_use


def test_what_is_kept_is_counted(claims, grow_old):
    assert (claims.inventory().count, claims.inventory().bytes, claims.inventory().oldest) == (0, 0, None)
    address = claims.put(b"one")
    claims.put(b"three")
    grow_old(WEEK, address)
    found = claims.inventory()
    assert (found.count, found.bytes) == (2, 8)
    assert found.oldest == pytest.approx(time.time() - WEEK, abs=60)


def test_what_is_old_and_not_in_use_is_deleted(claims, grow_old):
    old, young, used = (claims.put(text) for text in (b"old", b"younger", b"in use"))
    grow_old(WEEK, old, used)
    grow_old(WEEK - HOUR, young)
    would = claims.purge(WEEK - 60, {used}, dry_run=True)
    assert counts(would) == (1, 2, 1) and not gone(claims, old)
    done = claims.purge(WEEK - 60, {used})
    assert done == would
    assert (done.deleted.bytes, done.kept.bytes) == (3, 13)
    assert done.deleted.oldest == pytest.approx(time.time() - WEEK, abs=60)
    assert gone(claims, old) and claims.get(young) == b"younger" and claims.get(used) == b"in use"
    assert counts(claims.purge(WEEK - 60, {used})) == (0, 2, 1)
    assert claims.put(b"old") == old and claims.get(old) == b"old"


def test_to_put_again_is_to_be_young_again(claims, grow_old):
    address = claims.put(b"one")
    other = claims.put(b"other")
    grow_old(WEEK)
    claims.put(b"one")
    assert counts(claims.purge(2 * LEAST_AGE_SECONDS)) == (1, 1, 0)
    assert gone(claims, other) and claims.get(address) == b"one"


def test_what_a_put_leaves_as_it_is_is_too_young_to_be_purged(claims, grow_old):
    address = claims.put(b"one")
    for _ in range(60):
        grow_old(HOUR - 300)
        claims.put(b"one")
        assert counts(claims.purge(LEAST_AGE_SECONDS)) == (0, 1, 0)
    assert claims.get(address) == b"one"


def test_what_may_be_on_its_way_is_not_purged(claims):
    for seconds in (0, -1, LEAST_AGE_SECONDS - 1):
        with pytest.raises(ConfigurationError, match="24 hours"):
            claims.purge(seconds)


def test_what_is_in_use_must_be_addresses(claims, grow_old):
    address = claims.put(b"one")
    grow_old(WEEK)
    with pytest.raises(DecodeError):
        claims.purge(LEAST_AGE_SECONDS, ["one"])
    assert claims.get(address) == b"one"


def test_other_files_in_the_store_are_left_alone(claims, grow_old, kind, tmp_path, request):
    options = request.getfixturevalue("bucket") if kind == "s3" else {}
    store = fsspec.filesystem(kind, **options)
    root = f"penstock{tmp_path}" if kind == "s3" else str(tmp_path)
    others = [f"{root}/README", f"{root}/ab/notes.txt", f"{root}/zz/{'0' * 64}x", f"{root}/ab/{'0' * 63}"]
    for path in others:
        store.makedirs(path.rpartition("/")[0], exist_ok=True)
        store.pipe_file(path, b"x")
    address = claims.put(b"one")
    grow_old(WEEK)
    assert claims.inventory().count == 1
    assert counts(claims.purge(LEAST_AGE_SECONDS)) == (1, 0, 0)
    assert gone(claims, address)
    assert all(store.exists(path) for path in others)


def test_what_was_left_half_done_goes_once_it_is_old(claims, grow_old, kind, tmp_path):
    address = claims.put(b"one")
    if kind == "file":
        left = tmp_path / address[7:9] / f".{address[7:71]}.0123"
        left.write_bytes(b"o")
        there = left.exists
    else:
        keeper: Any = claims._keeper
        mark = f"{address[7:71]}.{'0' * 16}"
        keeper._files.pipe_file(keeper._path(mark), b"")
        there = lambda: mark in keeper._near(mark)  # noqa: E731
    claims.purge(LEAST_AGE_SECONDS)
    assert there()
    grow_old(WEEK)
    claims.purge(LEAST_AGE_SECONDS, [address], dry_run=True)
    assert there()
    claims.purge(LEAST_AGE_SECONDS, [address])
    assert not there() and claims.get(address) == b"one"


def test_many_are_purged_at_once(claims, grow_old):
    addresses = [claims.put(b"%d" % number) for number in range(60)]
    grow_old(WEEK)
    assert counts(claims.purge(LEAST_AGE_SECONDS, addresses[::2])) == (30, 30, 30)
    assert [gone(claims, address) for address in addresses] == [False, True] * 30


def test_a_store_that_does_not_answer_is_neither_counted_nor_purged(tmp_path):
    claims = Claims(
        "s3://penstock/claims", endpoint_url="http://127.0.0.1:1", key="k", secret="s",
        config_kwargs={"retries": {"max_attempts": 0}},
    )  # fmt: skip
    for call in (claims.inventory, lambda: claims.purge(WEEK)):
        with pytest.raises(UnreachableError, match="s3://penstock/claims"):
            call()
    assert Claims((tmp_path / "never").as_uri()).inventory().count == 0
    assert counts(Claims((tmp_path / "never").as_uri()).purge(WEEK)) == (0, 0, 0)
    assert not (tmp_path / "never").exists()


# While somebody puts it again


@pytest.mark.parametrize("moment", ["before it looks", "before it deletes", "behind it"])
def test_what_is_put_while_it_is_purged_is_there_afterwards(claims, grow_old, kind, moment, monkeypatch):
    """The put begins in a purge, at its worst moments, and goes on while the purge does."""
    address = claims.put(b"one")
    grow_old(WEEK)
    putting = threading.Thread(target=claims.put, args=(b"one",))

    def begin() -> None:
        if putting.ident is None:
            putting.start()
            putting.join(0.3)  # it ends, or it waits for the purge

    def hooked(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: Any, *arguments: Any) -> Any:
            ours = str(path).endswith(address[7:71]) and threading.current_thread().name.startswith("purge")
            if ours and moment != "behind it":
                begin()
            result = function(path, *arguments)
            if ours and moment == "behind it":
                begin()
            return result

        return call

    looks = moment == "before it looks"
    if kind == "file":
        name = "stat" if looks else "unlink"
        function = getattr(Path, name)
        monkeypatch.setattr(Path, name, lambda path, **options: hooked(lambda p: function(p, **options))(path))
    else:
        keeper: Any = claims._keeper
        where, name = (keeper, "_near") if looks else (keeper._files, "rm_file")
        monkeypatch.setattr(where, name, hooked(getattr(where, name)))
    claims.purge(LEAST_AGE_SECONDS)
    assert putting.ident is not None, "the moment never came"
    putting.join(20)
    assert not putting.is_alive() and claims.get(address) == b"one"
    assert claims.inventory().oldest == pytest.approx(time.time(), abs=60)


def test_puts_and_purges_in_a_folder_side_by_side(tmp_path):
    claims = Claims(tmp_path.as_uri())
    address = claims.put(b"one")
    (path,) = files(tmp_path)
    outcomes = set()
    for _ in range(200):
        os.utime(path, (0, 0))
        together = threading.Barrier(4)
        dropped: list[bool] = []

        def put(together=together) -> None:
            together.wait(20)
            claims.put(b"one")

        def drop(together=together, dropped=dropped) -> None:
            together.wait(20)
            dropped.append(claims._keeper.drop(address[7:71], time.time() - LEAST_AGE_SECONDS))

        threads = [threading.Thread(target=work) for work in (put, drop, drop, put)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert claims.get(address) == b"one"
        outcomes.add(sum(dropped))
    assert 2 not in outcomes and outcomes


class Stepped:
    """A file system in memory that does what its threads ask for in the order that a schedule says."""

    def __init__(self, schedule: tuple[int, ...]) -> None:
        self.objects: dict[str, tuple[bytes, float]] = {}
        self.now = 0.0
        self._schedule = list(schedule)
        self._turn = threading.Condition()
        self._running = set(schedule)

    def run(self, works: list[Callable[[], Any]]) -> None:
        threads = [threading.Thread(target=self._work, args=(i, work), name=str(i)) for i, work in enumerate(works)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
            assert not thread.is_alive()

    def _work(self, number: int, work: Callable[[], Any]) -> None:
        work()
        with self._turn:
            self._running.discard(number)
            self._turn.notify_all()

    def _step(self) -> None:
        """Wait until it is this thread's turn; behind the schedule's end it always is."""
        me = int(threading.current_thread().name)
        with self._turn:
            while True:
                while self._schedule and self._schedule[0] not in self._running:
                    self._schedule.pop(0)
                if not self._schedule or self._schedule[0] == me:
                    break
                assert self._turn.wait(30)
            if self._schedule:
                self._schedule.pop(0)
            self._turn.notify_all()

    def pipe_file(self, path: str, data: bytes) -> None:
        self._step()
        self.objects[path] = (data, self.now)

    def find(self, path: str, detail: bool, prefix: str) -> dict[str, dict[str, Any]]:
        self._step()
        start = f"{path}/{prefix}"
        found = {name: each for name, each in self.objects.items() if name.startswith(start)}
        return {name: {"size": len(data), "mtime": changed} for name, (data, changed) in found.items()}

    def rm_file(self, path: str) -> None:
        self._step()
        if self.objects.pop(path, None) is None:
            raise FileNotFoundError(path)


def _schedules() -> Iterator[tuple[int, ...]]:
    """Every order of a put's steps and a purge's, and some of two purges and a put."""
    for places in itertools.combinations(range(9), 4):
        yield tuple(int(place in places) for place in range(9))
    chance = random.Random(0)
    for _ in range(500):
        steps = [0] * 6 + [1] * 4 + [2] * 4
        chance.shuffle(steps)
        yield tuple(steps)


def test_in_a_bucket_no_order_of_steps_loses_what_was_put(monkeypatch):
    monkeypatch.setattr(_bucket, "_POLL_SECONDS", 0.0001)
    digest = sha256(b"one").hexdigest()
    outcomes = set()
    for schedule in _schedules():
        store = Stepped(schedule)
        bucket = Bucket(store, "root", lambda store=store: store.now)
        store.objects[bucket._path(digest)] = (b"one", -WEEK)
        dropped: list[bool] = []
        drop = lambda: dropped.append(bucket.drop(digest, -LEAST_AGE_SECONDS))  # noqa: B023, E731
        store.run([lambda: bucket.keep(digest, b"one"), *[drop] * max(schedule)])  # noqa: B023
        assert set(store.objects) == {bucket._path(digest)}, schedule
        outcomes.add(tuple(sorted(dropped)))
    assert {(True,), (False,), (False, False), (False, True)} <= outcomes, "each came first now and then"


def test_a_mark_of_a_purge_that_was_killed_is_not_waited_for_for_ever(monkeypatch):
    monkeypatch.setattr(_bucket, "LONGEST_MARK_SECONDS", 0.2)
    claims = Claims(f"memory://marks-{os.getpid()}")
    keeper: Any = claims._keeper
    mark = f"{sha256(b'one').hexdigest()}.{'0' * 16}"
    keeper._files.pipe_file(keeper._path(mark), b"")
    began = time.monotonic()
    address = claims.put(b"one")
    assert claims.get(address) == b"one" and 0.2 <= time.monotonic() - began < 10
    assert set(keeper._near(mark[:64])) == {mark[:64]}


def test_a_purge_that_was_held_up_deletes_nothing(monkeypatch):
    claims = Claims(f"memory://held-up-{os.getpid()}")
    address = claims.put(b"one")
    keeper: Any = claims._keeper
    monkeypatch.setattr(_bucket, "_LONGEST_LOOK_SECONDS", -1.0)
    assert keeper.drop(address[7:71], time.time() + WEEK) is False
    assert claims.get(address) == b"one"


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_takes_claims_and_no_purge(tmp_path, monkeypatch, code):
    def refuse(*arguments: Any) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refuse)
    claims = Claims(tmp_path.as_uri())
    address = claims.put(b"one")
    for path in files(tmp_path):
        os.utime(path, (0, 0))
    with pytest.raises(UnreachableError):
        claims.purge(LEAST_AGE_SECONDS)
    assert claims.get(address) == b"one"


def test_another_users_file_is_replaced(tmp_path, monkeypatch):
    claims = Claims(tmp_path.as_uri())
    address = claims.put(b"one")
    (path,) = files(tmp_path)
    os.utime(path, (0, 0))

    def refuse(*arguments: Any, **options: Any) -> None:
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr(os, "utime", refuse)
    claims.put(b"one")
    assert path.stat().st_mtime > time.time() - HOUR and claims.get(address) == b"one"


def test_file_systems_tell_times_in_their_own_ways():
    moment = datetime(2024, 1, 1, tzinfo=UTC)
    store = Bucket(type("Files", (), {"modified": lambda self, path: moment})(), "", time.time)
    for info in ({"LastModified": moment}, {"mtime": moment.timestamp()}, {"created": moment, "mtime": moment}, {}):
        assert store._changed("path", info) == moment.timestamp()


def test_where_a_pipelines_claims_are(tmp_path):
    assert store_url("s3://bucket/claims", tmp_path, "orders") == "s3://bucket/claims"
    assert store_url(None, tmp_path, "orders") == f"file://{tmp_path}/claims/orders"

import threading
from hashlib import sha256
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from penstock.model.errors import ConfigurationError, DecodeError, UnreachableError
from penstock.stores.claims import Claims


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
def claims(request, tmp_path):
    if request.param == "s3":
        return Claims("s3://penstock/claims", **request.getfixturevalue("bucket"))
    return Claims(tmp_path.as_uri() if request.param == "file" else f"memory://{tmp_path}")


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
    (path,) = (path for path in tmp_path.rglob("*") if path.is_file())
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
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


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

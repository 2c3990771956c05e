import base64
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.model import ledger
from penstock.model.errors import ConfigurationError

CHAIN = "orders/orders.raw/2"
# RFC 8032, section 7.1, test 1.
KEY = Ed25519PrivateKey.from_private_bytes(
    bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
)


def entry(seq: int, **changes: object) -> ledger.Entry:
    values: dict[str, object] = {
        "seq": seq,
        "epoch": 0,
        "offset": seq,
        "last": seq,
        "record_id": f"orders.raw/2/{seq}",
        "verdict": "kept",
        "stage": "",
        "code": "",
        "content_hash": sha256(str(seq).encode()).hexdigest(),
        "license": "CC-BY-4.0",
        "pii": ("email", "phone"),
        "timestamp": 1_700_000_000_000 + seq,
    }
    return ledger.Entry(**(values | changes))  # type: ignore[arg-type]


def sealed(count: int = 3, **changes: object) -> ledger.Batch:
    entries = [entry(seq) for seq in range(count)]
    head = ledger.seal(KEY, CHAIN, entries, previous=ledger.genesis_hash(CHAIN))
    return msgspec.structs.replace(ledger.batch(head, KEY.public_key(), entries), **changes)


def test_golden_bytes_of_an_entry_and_its_hash() -> None:
    first = entry(0, license="Zürich", content_hash="")
    assert (
        ledger.canonical(first)
        == (
            '{"code":"","content_hash":"","epoch":0,"last":0,"license":"Zürich","offset":0,"pii":["email","phone"],'
            '"record_id":"orders.raw/2/0","seq":0,"stage":"","timestamp":1700000000000,"verdict":"kept"}'
        ).encode()
    )
    genesis = sha256(b"penstock.ledger.genesis.v1\norders/orders.raw/2").digest()
    assert ledger.genesis_hash(CHAIN) == genesis
    assert ledger.extend(genesis, [first, entry(1)]) == [
        one := sha256(genesis + ledger.canonical(first)).digest(),
        sha256(one + ledger.canonical(entry(1))).digest(),
    ]


def test_golden_bytes_of_a_head() -> None:
    head = sealed(2)
    assert ledger.head_bytes(head) == (
        b"penstock.ledger.head.v1\n"
        b'{"chain":"orders/orders.raw/2","epoch":0,"first_seq":0,'
        b'"head_hash":"HEAD","key_id":"21fe31dfa154a261","merkle_root":"ROOT","next_offset":2,"next_seq":2,'
        b'"prev_hash":"PREV"}'
    ).replace(b"HEAD", head.head_hash.encode()).replace(b"ROOT", head.merkle_root.encode()).replace(
        b"PREV", head.prev_hash.encode()
    )
    # Written down once, so that another version cannot silently sign other bytes.
    assert (head.head_hash[:16], head.merkle_root[:16], head.signature[:16]) == (
        "ce64bbc607cce5ac",
        "e75e7cceb961c988",
        "irkdMttbbPHv+P+N",
    )
    KEY.public_key().verify(base64.b64decode(head.signature), ledger.head_bytes(head))


def leaf(value: bytes) -> bytes:
    return sha256(b"\x00" + value).digest()


def node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def test_merkle_root_is_the_one_of_rfc_6962() -> None:
    # The root over the eight inputs that Certificate Transparency's own implementations test with.
    data = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
    inputs = [bytes.fromhex(text) for text in data]
    assert ledger.merkle_root([]) == sha256(b"").digest()
    assert ledger.merkle_root(inputs).hex() == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
    a, b, c = (leaf(value) for value in inputs[:3])
    assert ledger.merkle_root(inputs[:3]) == node(node(a, b), c)


@given(st.integers(1, 40), st.data())
@settings(derandomize=True, deadline=None)
def test_inclusion_proofs_prove_their_entry_and_no_other(size: int, data: st.DataObject) -> None:
    hashes = [sha256(bytes([number])).digest() for number in range(size)]
    root = ledger.merkle_root(hashes)
    index = data.draw(st.integers(0, size - 1))
    proof = ledger.inclusion_proof(hashes, index)
    assert ledger.verify_inclusion(root, size, index, hashes[index], proof)
    other = data.draw(st.integers(0, size - 1).filter(lambda number: number != index) if size > 1 else st.just(1))
    assert not ledger.verify_inclusion(root, size, other, hashes[index], proof)
    assert not ledger.verify_inclusion(root, size, index, sha256(b"another").digest(), proof)
    assert not ledger.verify_inclusion(root, size, index, hashes[index], [*proof, root])
    assert not ledger.verify_inclusion(root, size, index, hashes[index], proof[:-1]) or not proof


def test_no_proof_for_an_entry_that_is_not_there() -> None:
    with pytest.raises(IndexError, match="a batch of 2 has no entry 2"):
        ledger.inclusion_proof([b"a", b"b"], 2)


def test_a_sealed_batch_has_no_fault_and_survives_json() -> None:
    batch = sealed()
    again = msgspec.json.decode(msgspec.json.encode(batch), type=ledger.Batch)
    assert again == batch
    assert ledger.batch_fault(again) is None
    assert (batch.first_seq, batch.next_seq, batch.next_offset, batch.epoch) == (0, 3, 3, 0)


def test_next_offset_may_skip_what_kafka_skipped() -> None:
    head = ledger.seal(KEY, CHAIN, [entry(0)], previous=ledger.genesis_hash(CHAIN), next_offset=7)
    assert head.next_offset == 7
    assert ledger.verify_head(head, KEY.public_key())


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"next_seq": 4}, "not those of the entries"),
        ({"epoch": 1}, "not those of the entries"),
        ({"next_offset": 2}, "not behind the last entry"),
        ({"prev_hash": "00" * 32}, "genesis"),
        ({"chain": "orders/orders.raw/3"}, "genesis"),
        ({"head_hash": "00" * 32}, "head_hash"),
        ({"merkle_root": "00" * 32}, "merkle_root"),
        ({"public_key": "AAAA"}, "public_key"),
        ({"key_id": "0" * 16}, "signature"),
        ({"signature": base64.b64encode(bytes(64)).decode()}, "signature"),
        ({"signature": "no base64"}, "signature"),
        ({"entries": ()}, "at least one"),
        ({"entries": (entry(0), entry(1), entry(2, license="MIT"))}, "head_hash"),
    ],
)
def test_a_batch_that_is_not_what_was_signed_names_its_fault(changes: dict[str, object], fault: str) -> None:
    assert fault in (ledger.batch_fault(sealed(**changes)) or "")


@pytest.mark.parametrize(
    ("entries", "fault"),
    [
        ([], "at least one"),
        ([entry(0), entry(2)], "seq must go up"),
        ([entry(0), entry(1, epoch=1)], "epoch stay the same"),
        ([entry(0), entry(1, offset=0, last=0)], "offsets must go up"),
        ([entry(0, last=4)], "only what was lost"),
        ([entry(0, verdict="fine")], "verdict is none of"),
        ([entry(0, pii=("phone", "email"))], "pii must be sorted"),
        ([entry(0, pii=("a,b",))], "pii must be sorted"),
        ([entry(0, record_id="a\0b")], "NUL"),
        ([entry(-1)], "negative"),
    ],
)
def test_entries_that_cannot_follow_each_other_are_refused(entries: list[ledger.Entry], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        ledger.seal(KEY, CHAIN, entries, previous=ledger.genesis_hash(CHAIN))


def test_a_lost_range_is_one_entry() -> None:
    lost = [entry(0, offset=5, last=99, verdict="lost", record_id="")]
    assert ledger.seal(KEY, CHAIN, lost, previous=ledger.genesis_hash(CHAIN)).next_offset == 100


def test_another_spelling_of_a_signature_is_not_the_signature() -> None:
    head = sealed()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    last = head.signature[-3]
    other = alphabet[alphabet.index(last) ^ 1]
    spelled = head.signature[:-3] + other + "=="
    assert base64.b64decode(spelled) == base64.b64decode(head.signature)
    assert not ledger.verify_head(msgspec.structs.replace(head, signature=spelled), KEY.public_key())


def test_the_key_file_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "ledger.pem"
    with ThreadPoolExecutor(16) as pool:
        keys = list(pool.map(lambda _: ledger.load_or_create_key(path), range(64)))
    assert len({ledger.key_id(key.public_key()) for key in keys}) == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(path.parent) == ["ledger.pem"]  # noqa: PTH208


def test_a_key_file_that_others_may_read_or_that_holds_no_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.pem"
    ledger.load_or_create_key(path)
    path.chmod(0o644)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        ledger.load_or_create_key(path)
    path.chmod(0o600)
    path.write_text("nothing")
    with pytest.raises(ConfigurationError, match="no private key"):
        ledger.load_or_create_key(path)

"""Run every stage on the same records and print what it makes of them, so that two processes can be compared.

python stage_outputs.py <GeoIP database> <options of stages that need some, JSON>
"""

import asyncio
import sys
from hashlib import sha256
from typing import Any

import msgspec
import orjson

from penstock.agents import registry
from penstock.agents.chain import Chain
from penstock.model.component import Resources
from penstock.model.record import Kept

DATA = [
    {},
    {"user": {"email": "ann@example.com", "phone": "+44 20 7946 0958", "ip": "8.8.8.8"}, "ssn": "123-45-6789"},
    {"text": "Der Zug kommt heute später an.", "body": "call 0301234567", "tags": ["a", {"ip": ["1.1.1.1", None]}]},
    {"email": "a@b.org", "mail": "a@b.org", "b@c.org": {"b***@c***.org": 1, "b@c.org": 2}, "card": 4111111111111111},
    {"license": "MIT OR CC-BY-4.0", "tenant": "x", "items": [{"sku": str(n), "price": n / 3} for n in range(5)]},
    {"z": 1, "y": {"x": 2, "w": [3, {"v": None}]}, "a": True, "company": "Ada & Co", "first_name": "Ada"},
]


def outputs(database: str, options: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Digest of the entries that each stage makes, by its name."""
    environ = {"AF_FAKE_RDNS": "true", "GEOIP_DATABASE": database, "PENSTOCK_HASH_KEY": "0123456789abcdef" * 2}
    resources = Resources(environ=environ, clock=lambda: 0.0, options={"license": "CC-BY-4.0"})
    found = {}
    for name in registry.STAGES.modules:
        chain = Chain([(name, registry.configure(name, options.get(name, {})))], resources)
        headers = [("penstock-tenant", b"t"), ("from", b"ann@example.com")]
        entries = [Kept(n, n, orjson.dumps(data), {}, b"ann@example.com", headers) for n, data in enumerate(DATA)]
        result = asyncio.run(chain.run("t", 0, entries))
        found[name] = sha256(msgspec.msgpack.encode(result.entries)).hexdigest()
    return found


if __name__ == "__main__":
    sys.stdout.write(orjson.dumps(outputs(sys.argv[1], orjson.loads(sys.argv[2]))).decode())

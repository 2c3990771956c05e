from collections.abc import Callable

from penstock.agents.redact.recognizers import private_key

LINE = "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC"


def test_every_line_of_a_key_is_found(found: Callable[[str, str], list[str]]) -> None:
    for end in ("\n", "\r\n", "\\n"):
        lines = [LINE] * 25 + ["QUJD"]
        text = end.join(["-----BEGIN RSA PRIVATE KEY-----", *lines, "-----END RSA PRIVATE KEY-----", "and then"])
        assert found("private_key", text) == lines


def test_a_certificate_is_no_key(found: Callable[[str, str], list[str]]) -> None:
    assert found("private_key", f"-----BEGIN CERTIFICATE-----\n{LINE}\n-----END CERTIFICATE-----") == []
    assert private_key.SEVERITY == "critical"

from penstock.agents.redact._recognizer import load


def test_the_name_of_the_field_says_it() -> None:
    item = load("biometric", None, ("US",))
    assert item.names_field("iris_scan") and item.names_field("patient_iris_scan")
    assert not item.names_field("iris_scan_url")
    assert item.is_value("AAECAwQFBgc=")

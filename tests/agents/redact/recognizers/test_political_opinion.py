from penstock.agents.redact._recognizer import load


def test_the_name_of_the_field_says_it() -> None:
    item = load("political_opinion", None, ("US",))
    assert item.names_field("party_affiliation") and item.names_field("patient_party_affiliation")
    assert not item.names_field("party_affiliation_url")
    assert item.is_value("liberal")

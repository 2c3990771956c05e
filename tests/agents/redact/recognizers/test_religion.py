from penstock.agents.redact._recognizer import load


def test_the_name_of_the_field_says_it() -> None:
    item = load("religion", None, ("US",))
    assert item.names_field("religion") and item.names_field("patient_religion")
    assert not item.names_field("religion_url")
    assert item.is_value("Catholic")

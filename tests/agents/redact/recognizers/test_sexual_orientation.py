from penstock.agents.redact._recognizer import load


def test_the_name_of_the_field_says_it() -> None:
    item = load("sexual_orientation", None, ("US",))
    assert item.names_field("sexual_orientation") and item.names_field("patient_sexual_orientation")
    assert not item.names_field("sexual_orientation_url")
    assert item.is_value("heterosexual")

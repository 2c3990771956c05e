from penstock.agents.redact._recognizer import load


def test_the_name_of_the_field_says_it() -> None:
    item = load("ethnicity", None, ("US",))
    assert item.names_field("ethnic_origin") and item.names_field("patient_ethnic_origin")
    assert not item.names_field("ethnic_origin_url")
    assert item.is_value("Han")

from penstock.agents.redact._recognizer import load


def test_the_name_of_the_field_says_it() -> None:
    item = load("health", None, ("US",))
    assert item.names_field("diagnosis") and item.names_field("patient_diagnosis")
    assert not item.names_field("diagnosis_url")
    assert item.is_value("Type 2 diabetes")

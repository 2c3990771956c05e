from penstock.agents.redact._recognizer import load


def test_the_name_of_the_field_says_it() -> None:
    item = load("genetic", None, ("US",))
    assert item.names_field("dna_profile") and item.names_field("patient_dna_profile")
    assert not item.names_field("dna_profile_url")
    assert item.is_value("ACGTACGTTAGC")

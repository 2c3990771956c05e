"""What a measurement leaves behind says where it comes from."""

import json

import report


def test_figures_are_kept_with_date_machine_versions_and_load(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "OUT", tmp_path)
    report.save("some", {"rows": [1]}, 0.25)
    kept = json.loads((tmp_path / "some.json").read_text(encoding="utf-8"))
    assert kept["rows"] == [1] and kept["load_before"] == 0.25
    assert kept["machine"]["cores"] >= 1 and kept["versions"]["project"]["aiokafka"]
    assert kept["date"].endswith("+00:00")

"""The summary page: outliers, kinds of warnings, counts."""

from __future__ import annotations

import json

from liverseg.cohort.result_store import Store
from liverseg.cohort.summary_page import find_outliers, warning_kind, write_summary


def test_outliers_are_ranked_and_have_a_reason():
    rows = [
        {"key": f"{k}", "liver_ml": 1500 + 30 * k, "tumour_share_of_liver": 0.01 * k, "lesions": k % 3}
        for k in range(9)
    ]
    rows[3]["liver_ml"] = 6000
    rows[5]["tumour_share_of_liver"] = None
    assert [(row["key"], reason) for row, reason in find_outliers(rows)] == [
        ("5", "no liver was found"),
        ("3", "a liver of 6000 mL"),
    ]


def test_warnings_of_one_kind_differ_in_their_numbers_only():
    singular, plural = "1 smaller body was removed, 0.2 mL", "2 smaller bodies were removed, 3.5 mL"
    assert warning_kind(singular) == warning_kind(plural)


def test_the_page_counts_scans_warnings_and_reasons(tmp_path):
    store = Store.create(tmp_path, "0")
    for number in range(3):
        scan = {
            "key": f"k{number}", "liver_ml": 1500.0, "tumour_ml": 10.0 * number, "slices": 100,
            "tumour_share_of_liver": None if number == 0 else 0.01, "lesions": number,
            "longest_diameter_mm": 20.0, "warnings": f"{number} of 9 slices were skipped.",
            "read_s": 1.0, "network_s": 2.0, "measure_s": None, "write_s": 0.5,
        }  # fmt: skip
        with store.staged(f"k{number}") as stage:
            (stage / "row.json").write_text(json.dumps({"scan": scan, "lesions": []}))
    failures = [{"kind": "refused", "reason": "a < b", "input": "x", "attempts": 1}] * 2
    facts = {
        "settings": {"checkpoint": "a@1", "checkpoint_sha256": "0" * 64},
        "liverseg": "1.2.3", "inputs": 5, "scans": 3, "failures": 2, "left_aside": 0,
    }  # fmt: skip
    write_summary(store, ["k0", "k1", "k2"], failures, facts)
    page = (tmp_path / "summary.html").read_text(encoding="utf-8")
    assert "<b>2</b><span>with tumour</span>" in page and "<b>1</b><span>no liver found</span>" in page
    assert "liverseg 1.2.3, 3.5 s of work per scan" in page
    assert "<td>3</td><td>… of … slices were skipped.</td>" in page
    assert "<td>2</td><td>refused</td><td>a &lt; b</td>" in page
    assert "No liver was found<code>k0</code>" in page
    assert "http" not in page

"""The section of a cross-validation on the results page."""

from __future__ import annotations

from train.results.crossvalidations import crossvalidation_section


def entry(value, n, interval=None):
    return {"value": value, "n": n} | ({"interval_95": interval} if interval else {})


def summary(liver, tumour, n, interval=None):
    both = {"liver": liver, "tumour": tumour}
    return {
        name: {key: entry(value, n, interval) for key in ("dice_global", "dice_per_case")}
        for name, value in both.items()
    }


def scan(name, fold, tumour, tp, fn):
    return {
        "scan": name,
        "fold": fold,
        "slices": 7,
        "liver": {"dice": 0.95},
        "tumour": {"dice": tumour, "tp": tp, "fn": fn},
    }


RECORD = {
    "dataset": "squares",
    "protocol": {"threshold": 0.25},
    "n": {"scans": 3, "slices": 21},
    "summary": summary(0.9, 0.5, 3, [0.25, 0.75]),
    "folds": [
        {"fold": 0, "n": {"scans": 2}, "summary": summary(0.91, 0.6, 2, [0.1, 0.2])},
        {"fold": 1, "n": {"scans": 1}, "summary": summary(0.89, None, 0)},
    ],
    "scans": [scan("10", 0, 0.5, 1000, 234), scan("3", 1, None, 0, 0), scan("9", 0, 0.12345, 5, 1)],
}
RECORD["summary"]["tumour"] |= {
    "lesion_recall": entry(0.4, 3),
    "lesion_precision": entry(0.3, 3),
    "lesion_recall_any_overlap": entry(0.8, 3, [0.6, 0.9]),
}


def test_all_scans_come_first_with_intervals_and_folds_without():
    lines = crossvalidation_section("b0", RECORD, "Two short runs.").splitlines()
    assert lines[0] == "### b0: squares, 2 folds by scan"
    assert lines[2].startswith("Two short runs. Tumour threshold 0.25; 3 scans, 21 slices,")
    rows = [line for line in lines if line.startswith(("| **all", "| fold "))]
    whole = "0.500 [0.250, 0.750] (n = 3)"
    liver = "0.900 [0.250, 0.750] (n = 3)"
    assert rows == [
        f"| **all scans** | 3 | {liver} | {liver} | {whole} | {whole} |",
        "| fold 0 | 2 | 0.910 (n = 2) | 0.910 (n = 2) | 0.600 (n = 2) | 0.600 (n = 2) |",
        "| fold 1 | 1 | 0.890 (n = 0) | 0.890 (n = 0) | – | – |",
    ]


def test_lesions_are_stated_for_both_rules():
    section = crossvalidation_section("b0", RECORD, "")
    assert (
        "recall 0.400 (n = 3), precision 0.300 (n = 3), "
        "recall at any overlap 0.800 [0.600, 0.900] (n = 3).\n" in section
    )


def test_scans_are_listed_by_fold_and_number_with_their_tumour_pixels():
    section = crossvalidation_section("b0", RECORD, "")
    details = section[section.index("<details>") : section.index("</details>")].splitlines()
    assert details[4:7] == [
        "| 9 | 0 | 7 | 0.950 | 0.123 | 6 |",
        "| 10 | 0 | 7 | 0.950 | 0.500 | 1,234 |",
        "| 3 | 1 | 7 | 0.950 | no reference | 0 |",
    ]


def test_the_tables_have_as_many_cells_as_their_headers():
    lines = crossvalidation_section("b0", RECORD, "").splitlines()
    assert {line.count("|") for line in lines if line.startswith("|")} == {7}


def test_volumes_have_a_section_of_their_own_that_names_them():
    both = RECORD | {"mode": "slice", "volumes": RECORD | {"mode": "volume"}}
    text = crossvalidation_section("b0", both, "Two short runs.")
    assert text.startswith("### b0: squares, 2 folds by scan, slices alone\n")
    assert "\n### b0: squares, 2 folds by scan, volumes\n" in text
    assert text.index("Lesions within a slice") < text.index("Lesions in 3D")

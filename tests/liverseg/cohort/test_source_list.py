"""Lists of inputs in CSV and Parquet."""

from __future__ import annotations

import pyarrow
import pytest
from pyarrow import parquet

from liverseg.cohort.source_list import ListEntry, read_list
from liverseg.errors import UnreadableInput


def test_csv_and_parquet_give_the_same_entries(tmp_path):
    (tmp_path / "list.csv").write_text("age,path,series\n61,a.nii,\n48,/data/b,2\n61,a.nii,\n9,s3://c/d,\n")
    rows = {"path": ["a.nii", "/data/b", "a.nii", "s3://c/d"], "series": [None, 2, None, None]}
    parquet.write_table(pyarrow.table(rows), tmp_path / "list.parquet")
    expected = [ListEntry(f"{tmp_path}/a.nii"), ListEntry("/data/b", 2), ListEntry("s3://c/d")]
    assert read_list(str(tmp_path / "list.csv")) == expected
    assert read_list(str(tmp_path / "list.parquet")) == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("file\na.nii", "no column named path"),
        ("path\n", "no rows"),
        ("path,series\n,1\n", "Row 1 .* has no path"),
        ("path,series\na,1\na,x\n", "series in row 2 .* is not a number"),
    ],
)
def test_a_bad_list_is_refused(content, message, tmp_path):
    (tmp_path / "bad.csv").write_text(content)
    with pytest.raises(UnreadableInput, match=message):
        read_list(str(tmp_path / "bad.csv"))


def test_a_file_that_is_not_a_table_is_refused(tmp_path):
    (tmp_path / "bad.parquet").write_bytes(b"\xff\xfe not a table")
    with pytest.raises(UnreadableInput, match="not a CSV or Parquet table"):
        read_list(str(tmp_path / "bad.parquet"))

"""From scans to a dataset of contract 2: PNG slices, label PNGs, tables, a page of statistics."""

from train.data.prepare.prepare import prepare
from train.data.prepare.settings import Conversion, PrepareSettings, Splitting

__all__ = ["Conversion", "PrepareSettings", "Splitting", "prepare"]

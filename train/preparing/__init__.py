"""From scans to a dataset of contract 2: PNG slices, label PNGs, tables, a page of statistics."""

from train.preparing.preparing import prepare
from train.preparing.settings import Conversion, PrepareSettings, Splitting

__all__ = ["Conversion", "PrepareSettings", "Splitting", "prepare"]

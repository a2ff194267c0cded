"""Conversion of scans with reference labels to a dataset folder: PNG slices, label PNGs, tables, plots."""

from train.data.prepare.prepare import prepare
from train.data.prepare.settings import ConversionSettings, PrepareSettings, SplitSettings

__all__ = ["ConversionSettings", "PrepareSettings", "SplitSettings", "prepare"]

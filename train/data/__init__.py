"""Datasets on disk and in memory, folds, preparation."""

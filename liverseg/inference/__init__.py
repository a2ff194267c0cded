"""Segmentation of a CT image with a checkpoint: engines, slices and volumes."""

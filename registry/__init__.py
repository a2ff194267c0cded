"""Checkpoints: what they are, where they are, and whether they may be opened."""

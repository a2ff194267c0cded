"""From LiTS to a published checkpoint: prepare, fit, evaluate, export."""

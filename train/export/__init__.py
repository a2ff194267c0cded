"""Export: from trained weights to a checkpoint, with calibration, a parity check and publication."""

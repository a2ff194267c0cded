"""From trained weights to a checkpoint: graph, calibration, parity, publication."""

"""Fitting the lesion model of a checkpoint on the candidates of a cross-validation."""

"""The model card of a checkpoint: generated from its manifest, and checked."""

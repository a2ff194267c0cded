"""The model card, from the manifest."""

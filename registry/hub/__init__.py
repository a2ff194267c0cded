"""Registries on the Hugging Face Hub: list, fetch, cache and publish."""

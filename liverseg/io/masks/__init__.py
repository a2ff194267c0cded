"""Masks of other tools: which of their labels are liver and tumour, and where these lie on a CT."""

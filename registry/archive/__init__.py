"""Checks of a TorchScript archive and of a safetensors file before torch opens them."""

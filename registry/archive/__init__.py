"""What is checked of a TorchScript archive and a safetensors file before torch opens it."""

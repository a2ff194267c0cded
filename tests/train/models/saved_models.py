"""Folders like those of Hugging Face's `save_pretrained`."""

import json

import safetensors.torch
import torch


def write_model(folder, tensors, config=None, file="model.safetensors"):
    """Write configuration and tensors of a model to a folder; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {"model_type": "segformer", "num_labels": 3} | (config or {})
    (folder / "config.json").write_text(json.dumps(content))
    if file.endswith(".bin"):
        torch.save(tensors, folder / file)
    else:
        safetensors.torch.save_file({name: t.contiguous() for name, t in tensors.items()}, folder / file)
    return folder

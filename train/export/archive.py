"""The bytes of `model.pt`: a TorchScript archive with its manifest inside, and nothing of the machine."""

from __future__ import annotations

import io
import warnings

import torch

_WRITTEN_BY_TORCH = (".data/version", ".data/serialization_id", "version", "byteorder")


def archive(module: torch.jit.ScriptModule, manifest_json: str) -> bytes:
    """`module` as TorchScript, `manifest_json` inside it as the extra file `manifest.json`."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(module, buffer, _extra_files={"manifest.json": manifest_json})
    return without_debug_records(buffer.getvalue())


def without_debug_records(data: bytes) -> bytes:
    """The same archive without its debug records: they name the folders of whoever exported it.

    Written by torch's own writer, which aligns the tensors as its readers expect.
    """
    reader = torch._C.PyTorchFileReader(io.BytesIO(data))
    buffer = io.BytesIO()
    writer = torch._C.PyTorchFileWriter(buffer)
    names = reader.get_all_records()
    version = next(name for name in (".data/version", "version") if name in names)
    writer.set_min_version(int(reader.get_record(version)))  # which meaning of each operator holds
    for name in names:
        if not name.endswith(".debug_pkl") and name not in _WRITTEN_BY_TORCH:
            record = reader.get_record(name)
            writer.write_record(name, record, len(record))
    writer.write_record("byteorder", b"little", len(b"little"))
    writer.write_end_of_file()
    return buffer.getvalue()

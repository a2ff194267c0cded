"""The bytes of `model.pt`: a TorchScript archive with the manifest inside and without local paths."""

from __future__ import annotations

import io
import warnings

import torch

_WRITTEN_BY_TORCH = (".data/version", ".data/serialization_id", "version", "byteorder")
"""Records that torch's writer, or `without_debug_records` itself, adds to every archive."""


def archive(module: torch.jit.ScriptModule, manifest_json: str) -> bytes:
    """The TorchScript archive of `module`, with `manifest_json` as its extra file `manifest.json`."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(module, buffer, _extra_files={"manifest.json": manifest_json})
    return without_debug_records(buffer.getvalue())


def without_debug_records(data: bytes) -> bytes:
    """The same archive without its debug records, which hold paths of the exporting machine.

    It is written by torch's own writer, which aligns the tensors as torch's readers expect.
    """
    reader = torch._C.PyTorchFileReader(io.BytesIO(data))
    buffer = io.BytesIO()
    writer = torch._C.PyTorchFileWriter(buffer)
    names = reader.get_all_records()
    version = next(name for name in (".data/version", "version") if name in names)
    writer.set_min_version(int(reader.get_record(version)))  # selects the version of each operator
    for name in names:
        if not name.endswith(".debug_pkl") and name not in _WRITTEN_BY_TORCH:
            record = reader.get_record(name)
            writer.write_record(name, record, len(record))
    writer.write_record("byteorder", b"little", len(b"little"))
    writer.write_end_of_file()
    return buffer.getvalue()

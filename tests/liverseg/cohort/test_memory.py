"""Memory estimates from headers, and admission of scans to a worker's memory."""

from __future__ import annotations

import gzip
import threading

import nibabel
import numpy as np
import pytest

from liverseg.cohort.memory import Admission, TooMuchMemory, check_memory, header_shape, need_bytes
from tests.liverseg.cohort.small_scans import write_nifti


def test_the_header_alone_tells_that_a_scan_does_not_fit(tmp_path):
    header = nibabel.Nifti1Header()
    header.set_data_shape((512, 512, 900))
    header.set_data_dtype(np.int16)
    header["magic"], header["vox_offset"] = b"n+1", 352
    path = tmp_path / "header_only.nii.gz"
    path.write_bytes(gzip.compress(header.binaryblock + bytes(4)))
    shape = header_shape([path])
    assert shape == (900, 512, 512)
    with pytest.raises(TooMuchMemory, match="900 × 512 × 512 voxels takes about 3.5 GB, and a worker has 2"):
        check_memory(shape, 2_000_000_000)
    assert header_shape([write_nifti(tmp_path / "a.nii", 1)]) == (4, 128, 128)


def test_scans_enter_together_or_wait_until_memory_is_free():
    small, large = (10, 512, 512), (100, 512, 512)
    admission = Admission(need_bytes((105, 512, 512)))
    reserved = admission.enter(small)
    waiting = threading.Thread(target=lambda: admission.leave(admission.enter(large)), daemon=True)
    waiting.start()
    waiting.join(0.1)
    assert waiting.is_alive()
    admission.leave(reserved)
    waiting.join(5)
    assert not waiting.is_alive()

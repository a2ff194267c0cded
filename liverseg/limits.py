"""The limits that every reader checks before it decodes anything, in one place."""

MIN_SIDE_PX = 64
"""Smallest number of rows or columns of a slice (contract 1: any H, W from 64 to 2048)."""

MAX_SIDE_PX = 2048
"""Largest number of rows or columns of a slice."""

MAX_SLICES = 1000
"""Largest number of slices of a volume."""

MAX_VOXELS = 1024 * 512 * 512
"""Largest number of voxels of a volume: 1 GiB as float32."""

MAX_FILE_BYTES = 2 * 1024**3
"""Largest file that is opened at all."""

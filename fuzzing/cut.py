"""`python -m fuzzing.cut COMMAND…`: run a command where there is no network but the loopback interface.

Needs Linux and the right to make a network namespace (`unshare`); says so and exits 3 where there is none.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import sys

NOT_PERMITTED = 3
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1


def cut_network() -> bool:
    """Leave the network: this process and its children reach nobody but this machine. Whether it worked."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET) != 0 and libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0:
        return False
    import fcntl

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sH14x", b"lo", 0)
        (flags,) = struct.unpack_from("H", fcntl.ioctl(control, _SIOCGIFFLAGS, request), 16)
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | _IFF_UP))
    return True


def main() -> int:
    """Cut the network and become the command."""
    if not cut_network():
        print("The network cannot be cut here: no right to make a network namespace.", file=sys.stderr)
        return NOT_PERMITTED
    os.execvp(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())

"""`python -m fuzzing.cut COMMAND…`: run a command with no network but the loopback interface.

Requires Linux and permission to create a network namespace (`unshare`); exits with 3 without it.
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
    """Restrict this process and its children to the loopback interface; returns whether it was permitted."""
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
    """Cut the network and replace this process by the command."""
    if not cut_network():
        print("The network cannot be cut: creating a network namespace is not permitted.", file=sys.stderr)
        return NOT_PERMITTED
    os.execvp(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())

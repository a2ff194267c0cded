"""Writes down every address beyond this machine that a Python process wants to reach.

Python imports this by its name where its folder is in PYTHONPATH. The file that LIVERSEG_CONNECTIONS names
gets a line for each look-up of a name and each connection; what stays on this machine is left out.
"""

import os
import sys

_HERE = ("127.", "::1", "localhost", "0.0.0.0", "::")


def _watch(event, arguments):
    if event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
        where = (
            address[0] if isinstance(address, tuple) and address else None
        )  # else: a socket of this machine
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        where = arguments[0]
    else:
        return
    where = where.decode("ascii", "replace") if isinstance(where, bytes) else where
    if where and not str(where).startswith(_HERE):
        with open(os.environ["LIVERSEG_CONNECTIONS"], "a") as file:
            file.write(f"{event} {where}\n")


if os.environ.get("LIVERSEG_CONNECTIONS"):
    sys.addaudithook(_watch)

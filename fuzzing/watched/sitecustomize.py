"""Log every attempt of a Python process to contact another machine.

Python imports a module of this name at start where its folder is in PYTHONPATH. A line for each look-up of
a host name and each connection to another machine is appended to the file in LIVERSEG_CONNECTIONS.
"""

import os
import sys

_LOCAL = ("127.", "::1", "localhost", "0.0.0.0", "::")


def _watch(event, arguments):
    if event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) and address else None  # None: a Unix socket
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = arguments[0]
    else:
        return
    host = host.decode("ascii", "replace") if isinstance(host, bytes) else host
    if host and not str(host).startswith(_LOCAL):
        with open(os.environ["LIVERSEG_CONNECTIONS"], "a") as file:
            file.write(f"{event} {host}\n")


if os.environ.get("LIVERSEG_CONNECTIONS"):
    sys.addaudithook(_watch)

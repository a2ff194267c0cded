"""`python -m train`: prepare, fit, evaluate, crossvalidate, export.

Exit 0 done, 1 refused with one line, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence

from liverseg.errors import LiversegError
from registry import RegistryError
from train.cli import COMMANDS


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m train", description=__doc__.splitlines()[0])
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for add in COMMANDS:
        add(subparsers)
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    try:
        return args.run(args)
    except (LiversegError, RegistryError) as refusal:
        print(refusal, file=sys.stderr)
        return 1
    except OSError as error:
        if error.filename is None:
            raise
        print(f"{error.filename} cannot be read or written: {error.strerror}.", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())

"""What the commands' options share."""

from __future__ import annotations

import argparse


def command_parser(subparsers, name: str, does: str, example: str) -> argparse.ArgumentParser:  # noqa: ANN001
    return subparsers.add_parser(
        name,
        help=does,
        description=does[0].upper() + does[1:] + ".",
        epilog=f"example:\n  python -m train {name} {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )

"""The options of `fit` that decide which slices are drawn and what is added to them."""

from __future__ import annotations

from collections.abc import Callable

DEFAULT_HARD_SHARE = 0.1


def add_sampling_options(add: Callable[..., None]) -> None:
    """Add the options; `add` takes the arguments of `argparse.ArgumentParser.add_argument`."""
    from train.sampling.slice_sampler import SCAN_WEIGHTS

    add("--liver-free", type=float, metavar="SHARE", help="share of the samples without liver")
    add(
        "--scan-weights",
        choices=tuple(SCAN_WEIGHTS),
        help="of the scans in samples with liver; root: of their number of slices with tumour",
    )
    add(
        "--hard",
        nargs="+",
        action="extend",
        type=file_and_share,
        metavar="FILE[:SHARE]",
        help=f"files of the command mine, their share of all samples ({DEFAULT_HARD_SHARE:g} if not given)",
    )
    add(
        "--paste",
        type=float,
        metavar="SHARE",
        help="of the samples that get lesions, the share with pasted real ones instead of painted ones",
    )


def file_and_share(text: str) -> tuple[str, float]:
    """A path and the share behind its last colon.

    >>> file_and_share("hard.csv:0.2"), file_and_share("C:hard.csv")
    (('hard.csv', 0.2), ('C:hard.csv', 0.1))
    """
    path, _, number = text.rpartition(":")
    try:
        return (path, float(number)) if path else (text, DEFAULT_HARD_SHARE)
    except ValueError:  # the colon belongs to the path
        return text, DEFAULT_HARD_SHARE

"""The commands of `python -m train`, a module each: options, and a call of the module that does the work."""

from train.cli.average import add_average
from train.cli.crossvalidate import add_crossvalidate
from train.cli.evaluate import add_evaluate
from train.cli.export import add_export
from train.cli.fit import add_fit
from train.cli.prepare import add_prepare
from train.cli.publish import add_publish
from train.cli.results import add_results

COMMANDS = (
    add_prepare,
    add_fit,
    add_average,
    add_evaluate,
    add_crossvalidate,
    add_export,
    add_publish,
    add_results,
)

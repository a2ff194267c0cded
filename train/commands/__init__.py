"""The commands of `python -m train`, a module each: options, and a call of the module that does the work."""

from train.commands.average import add_average
from train.commands.crossvalidate import add_crossvalidate
from train.commands.evaluate import add_evaluate
from train.commands.export import add_export
from train.commands.fit import add_fit
from train.commands.prepare import add_prepare
from train.commands.publish import add_publish
from train.commands.results import add_results

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

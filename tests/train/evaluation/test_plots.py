"""The plots of an evaluation: their points, bars and texts."""

from __future__ import annotations

import matplotlib.figure
import numpy as np
import pytest

from liverseg.analysis import metrics
from tests.train.sample_scans import SCANS, label_reading_network, write_dataset
from train.data.dataset import DatasetFolder
from train.evaluation import plots
from train.evaluation.protocol import Protocol
from train.evaluation.record import metrics_record
from train.evaluation.scans import scans_of
from train.evaluation.score_scan import score_scans
from train.evaluation.write import write_evaluation


@pytest.fixture
def draw(monkeypatch):
    """A function that draws an evaluation and returns the figure, whose file is not written."""
    figures = []
    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", lambda figure, path: figures.append(figure))

    def drawn(scores, record):
        plots.write_plots(scores, record, "unused.png")
        return figures[-1]

    return drawn


def points(axes, label):
    """The (x, y) of the line with a label."""
    (line,) = [line for line in axes.lines if line.get_label() == label]
    return list(zip(*line.get_data(), strict=True))


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_dice_is_plotted_in_the_order_of_the_tumour_with_its_mean(scores, found, draw):
    axes = draw(scores, found).axes[0]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["1", "2", "3"]
    for name in ("liver", "tumour"):
        values = [metrics.dice(score.structures[name].counts) for score in scores]
        assert np.array(points(axes, name))[:, 1] == pytest.approx(values, nan_ok=True)
    assert np.isnan(points(axes, "tumour")[2][1])  # scan 3 has no tumour
    assert texts(axes) == ["mean 1.000", "mean 0.500"]
    reversed_axes = draw(scores[::-1], found).axes[0]
    assert [tick.get_text() for tick in reversed_axes.get_xticklabels()] == ["1", "2", "3"]


def test_burden_is_plotted_as_prediction_over_reference(scores, found, draw):
    axes = draw(scores, found).axes[1]
    with_tumour = points(axes, "_child1")
    assert with_tumour == [score.burden for score in scores[:2]]
    assert with_tumour[0] == (0.36, 0.36) and with_tumour[1][1] == 0
    assert points(axes, "no tumour in the reference") == [(0.0, 0.0)]
    rmse = np.sqrt(np.mean([(predicted - reference) ** 2 for reference, predicted in
                            (score.burden for score in scores)]))  # fmt: skip
    assert texts(axes) == [f"RMSE {100 * rmse:.2f} %"]


def test_reliability_leaves_out_bins_without_pixels(scores, found, draw):
    axes = draw(scores, found).axes[2]
    bins = found["calibration"]["liver"]["slice"]
    shown = points(axes, f"liver, all pixels: ECE {bins['ece']:.4f}")
    assert len(shown) == sum(pixels > 0 for pixels in bins["pixels"]) < len(bins["pixels"])
    assert all(0 <= x <= 1 and 0 <= y <= 1 for x, y in shown)
    assert len(axes.lines) == 4  # the diagonal and three regions


def test_lesion_recall_is_plotted_for_each_size_with_its_number(scores, found, draw):
    axes = draw(scores, found).axes[3]
    by_size = found["lesions"]["overlap_50"]
    sizes = [size for size, numbers in by_size.items() if numbers["reference_lesions"]]
    labels = [tick.get_text() for tick in axes.get_xticklabels()]
    assert labels[0] == f"all\nn = {by_size['all']['reference_lesions']}"
    assert labels[-1].startswith("> 20 mm\nn = 1") and len(labels) == len(sizes)
    markers = [line for line in axes.lines if line.get_marker() == "D"]
    assert [line.get_ydata()[0] for line in markers] == [by_size[size]["recall"]["value"] for size in sizes]


def test_size_classes_are_named_in_words():
    names = ["all", "under_10_px", "10_to_20_mm", "over_20_mm"]
    assert [plots._size_words(name) for name in names] == ["all", "< 10 px", "10–20 mm", "> 20 mm"]


def invents_a_tumour(hu):
    """A predictor of the reference and a square of 5 x 5 pixels of tumour outside the liver."""
    classes = label_reading_network()(hu)
    classes[:, :, :5, :5] = np.array([0, 0, 1])[None, :, None, None]
    return classes


@pytest.mark.parametrize(
    "spacing, unit, heights",
    [
        ([2.0, 4.0, 3.0], "cm²", [4 * 25 * 4 * 3 / 100, 2 * 25 * 4 * 3 / 100]),
        (None, "pixels", [4 * 25, 2 * 25]),
    ],
)
def test_false_positives_are_an_area_where_every_spacing_is_known(tmp_path, draw, spacing, unit, heights):
    scans = {name: SCANS[name] for name in ("1", "3")}
    folder = DatasetFolder.open(write_dataset(tmp_path / "data", scans, spacing=spacing))
    scores = list(score_scans(scans_of(folder, "val"), invents_a_tumour, 1, Protocol()))
    axes = draw(scores, metrics_record(scores, "x", {}, Protocol())).axes[4]
    assert axes.get_ylabel() == f"{unit} over the slices"
    assert [bar.get_height() for bar in axes.patches] == pytest.approx(heights)
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["1", "3"]
    assert [bar.get_hatch() for bar in axes.patches] == [None, "////"]  # scan 3 has no tumour


def test_the_title_has_the_checkpoint_the_data_and_the_dice(scores, found, draw):
    title = draw(scores, found).get_suptitle()
    assert title.startswith(
        "squares@1  on  squares, val: 3 scans, slices alone\nliver Dice 1.000 per scan, 1.000 pooled"
    )
    assert title.endswith("    tumour from probability 0.5")


def test_many_scans_are_not_named(scores, found, draw):
    many = scores * 16
    figure = draw(many, found)
    assert len(many) > plots.MAX_NAMED_SCANS
    assert list(figure.axes[0].get_xticks()) == [] and list(figure.axes[4].get_xticks()) == []


def test_plots_are_drawn_for_labels_that_define_few_measures(tmp_path):
    tumour_only = {"0": ["background", "liver"], "1": ["background", "liver"], "2": ["background", "liver"]}
    folder = write_dataset(tmp_path / "d", {"1": SCANS["3"]}, label_values=tumour_only)
    scores = list(
        score_scans(scans_of(DatasetFolder.open(folder), "val"), label_reading_network(), 1, Protocol(), True)
    )
    write_evaluation(tmp_path / "out", scores, metrics_record(scores, "x", {}, Protocol()))
    assert (tmp_path / "out" / "plots.png").stat().st_size > 10_000

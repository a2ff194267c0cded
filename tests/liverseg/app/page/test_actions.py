"""The main events of the page: what each shows, and which ones run the network."""

from __future__ import annotations

import base64
import copy
import logging
from dataclasses import replace

import numpy as np
import pydicom
import pytest

from liverseg.analysis.measure import measure
from liverseg.app.examples import Examples
from liverseg.app.page.actions import Actions
from liverseg.app.state.choices import Choices
from liverseg.app.state.session import PageAnalysis
from liverseg.app.state.view import RunRequest, View
from liverseg.app.text.catalogue import say
from liverseg.core.window import Window
from liverseg.errors import Cancelled
from liverseg.phantom import write
from tests.liverseg.analysis.scenes import scene
from tests.liverseg.lesion_scenes import model_segmenter
from tests.phantoms import make

VIEW = View()


def view(slice_number: int, center: float = 40, width: float = 400, opacity: float = 0.3) -> View:
    return View.of_controls(slice_number, center, width, opacity)


def request(
    sources: list[str] | None,
    ref: str | None = None,
    made: tuple[float, float] = (40, 400),
    at: View = VIEW,
    series: int | None = None,
) -> RunRequest:
    return RunRequest.of_controls(sources, ref, series, made, at)


def upload(actions: Actions, path: str, ref: str | None = None) -> dict:
    return actions.upload(request([path], ref))


def pictures(updates: dict) -> list[bytes]:
    parts = updates["viewer"].split("base64,")[1:]
    return [base64.b64decode(part.split('"')[0]) for part in parts]


def test_an_upload_shows_three_pictures_and_the_numbers(actions, png, runs):
    shown = upload(actions, png)
    assert runs == ["segformer-b0@1.0.0"]
    assert len(pictures(shown)) == 3 and len(set(pictures(shown))) == 3
    assert shown["problem"] == "" and shown["shown"] is True
    assert "<span>pixels</span>" in shown["results"] and shown["panel_slice"] == ""
    assert shown["slice"]["visible"] is False
    assert shown["made_with"]["visible"] is True
    assert shown["threshold"] == 0.4  # the checkpoint's own


def test_a_volume_shows_the_slice_slider_at_the_slice_with_most_tumour(actions, nifti):
    shown = upload(actions, nifti)
    assert shown["slice"] == {"value": 3, "maximum": 4, "visible": True, "__type__": "update"}
    assert shown["made_with"]["visible"] is False
    assert "<span>mL</span>" in shown["results"] and "In this slice" in shown["panel_slice"]


@pytest.mark.parametrize("ending", ["nrrd", "mha", "mhd"])
def test_nrrd_and_metaimage_show_the_result_of_nifti(ending, actions, nifti, png, other_volumes):
    """A header and its data file are uploaded in any order, also after another file."""
    expected = upload(actions, nifti)
    sources = other_volumes[ending]
    for given in (sources, [png, *reversed(sources)]):
        shown = actions.upload(request(given))
        assert shown["problem"] == "" and pictures(shown) == pictures(expected)
        assert shown["analysis"].report.lesions == expected["analysis"].report.lesions
        assert shown["analysis"].report.input.source_format in ("nrrd", "metaimage")


def test_a_header_without_its_data_file_is_refused_on_the_page(actions, other_volumes):
    shown = upload(actions, other_volumes["mhd"][0])
    assert "keeps its image in another file, which is not there" in shown["problem"]


def test_view_changes_redraw_without_the_network(actions, nifti, runs):
    first = upload(actions, nifti)
    analysis, before = first["analysis"], pictures(first)
    runs.clear()

    windowed = actions.view(analysis, True, view(3, 60, 150))
    assert all(new != old for new, old in zip(pictures(windowed), before, strict=True))
    assert windowed["preset"] is None and "results" not in windowed

    clear = pictures(actions.view(analysis, True, view(3, opacity=0.8)))
    assert clear[0] == before[0] and clear[1] != before[1]

    moved = actions.slice(analysis, True, view(2))
    assert pictures(moved) != before and moved["panel_slice"] != first["panel_slice"]
    assert not {"results", "provenance", "api_call"} & set(moved), "they do not change with the slice"

    named = actions.preset(analysis, True, "Liver", view(3))
    assert (named["center"], named["width"]) == (60, 200) and pictures(named) != before

    lower = actions.threshold(analysis, True, 0.1, view(3))
    assert lower["analysis"].report.tumour.count > analysis.report.tumour.count
    assert pictures(lower)[0] == before[0] and pictures(lower)[1] != before[1]
    assert runs == []


def test_another_checkpoint_runs_on_the_same_input_and_keeps_the_slice(actions, nifti, runs):
    analysis = upload(actions, nifti)["analysis"]
    shown = actions.checkpoint(analysis, request([nifti], "segformer-b0-fast@0.3.0", at=view(2)))
    assert runs == ["segformer-b0@1.0.0", "segformer-b0-fast@0.3.0"]
    assert shown["analysis"].ct is analysis.ct
    assert "segformer-b0-fast@0.3.0" in shown["provenance"] and "@0.3.0" in shown["api_call"]
    assert "slice 2 of 4" in shown["viewer"]
    assert shown["threshold"] == 0.5
    assert "0.931" in shown["card"]


def test_the_checkpoint_of_the_result_is_not_run_again(actions, png, runs):
    analysis = upload(actions, png)["analysis"]
    shown = actions.checkpoint(analysis, request([png], "segformer-b0", at=view(1)))
    assert set(shown) == {"card", "waiting"} and len(runs) == 1


def test_another_checkpoint_without_an_input_only_shows_its_card(actions, runs):
    shown = actions.checkpoint(None, request(None, "segformer-b0-fast@0.3.0", at=view(1)))
    assert set(shown) == {"card", "problem"} and runs == []


def test_after_an_unknown_checkpoint_another_one_can_be_chosen(actions, png):
    analysis = upload(actions, png)["analysis"]
    refused = actions.checkpoint(analysis, request([png], "no-such", at=view(1)))
    assert "no-such" in refused["problem"] and "analysis" not in refused, "the result is kept"
    assert refused["checkpoint"] == "segformer-b0@1.0.0" and "0.945" in refused["card"]
    again = actions.checkpoint(analysis, request([png], "segformer-b0-fast", at=view(1)))
    assert again["shown"] is True and len(pictures(again)) == 3


def test_what_was_set_before_an_upload_holds_for_it(actions, nifti, png):
    choices = Choices(threshold=0.1, window=Window(60, 150))
    shown = actions.upload(replace(request([nifti]), choices=choices))
    assert shown["threshold"] == 0.1 and shown["analysis"].seg.threshold == 0.1
    assert (shown["center"], shown["width"]) == (60, 150)
    picture = actions.upload(replace(request([png]), choices=choices))
    assert (picture["threshold"], picture["center"], picture["width"]) == (0.1, 60, 150)
    other = actions.checkpoint(
        picture["analysis"], replace(request([png], "segformer-b0-fast"), choices=choices)
    )
    assert other["threshold"] == 0.5 and choices.threshold is None, "another checkpoint has another scale"


def test_run_again_runs_the_latest_input_after_it_was_cancelled(actions, nifti, runs):
    choices = Choices()

    def cancel(done: int, count: int) -> None:
        raise Cancelled()

    asked = replace(request([nifti], made=(50, 300)), choices=choices)
    stopped = actions.upload(asked, progress=cancel)
    assert stopped["run_again"]["visible"] is True and "cancelled" in stopped["problem"]
    again = actions.run_again(replace(request([nifti]), choices=choices))
    assert again["run_again"]["visible"] is False and again["analysis"].sources == (nifti,)
    elsewhere = actions.run_again(replace(request(None), choices=choices))  # as after an example
    assert elsewhere["upload"] == [nifti] and elsewhere["made_center"] == 40
    assert len(runs) == 3


def test_a_file_that_cannot_be_read_is_not_run_again(actions, text_file):
    assert upload(actions, text_file)["run_again"]["visible"] is False


def test_a_changed_window_of_a_picture_runs_the_network_again(actions, png, runs):
    analysis = upload(actions, png)["analysis"]
    assert actions.picture_window(analysis, request(None, made=(40, 400))) == {}
    assert len(runs) == 1
    other = actions.picture_window(analysis, request(None, made=(60, 200)))
    assert len(runs) == 2
    assert other["analysis"].ct.assumed_window.center_hu == 60
    assert (other["center"], other["width"], other["preset"]) == (60, 200, "Liver")
    refused = actions.picture_window(analysis, request(None, made=(60, -1)))
    assert set(refused) == {"problem"} and "width" in refused["problem"] and len(runs) == 2


def test_hu_input_ignores_the_window_of_a_picture(actions, nifti, runs):
    analysis = upload(actions, nifti)["analysis"]
    assert actions.picture_window(analysis, request(None, made=(60, 200))) == {}
    assert len(runs) == 1


def test_after_a_refused_file_the_next_one_works(actions, text_file, png):
    refused = upload(actions, text_file)
    assert refused["problem"].count("ls-problem") == 1 and "text, not an image" in refused["problem"]
    assert "MUSTERMANN" not in refused["problem"]
    assert refused["analysis"] is None and "<img" not in refused["viewer"] and refused["results"] == ""
    assert upload(actions, png)["problem"] == ""


def test_a_picture_added_to_another_replaces_it(actions, nifti, png):
    shown = actions.upload(request([nifti, png]))
    assert shown["upload"] == [png] and shown["analysis"].sources == (png,)
    assert "upload" not in upload(actions, png)


def test_dicom_files_are_read_as_one_series(actions, png, tmp_path):
    made = make("volume", seed=3, size=64, slices=3)
    series = [str(path) for path in write(made, tmp_path, "dicom")[:-1]]
    shown = actions.upload(request([png, *series]))
    assert shown["upload"] == series and shown["analysis"].ct.shape == (3, 64, 64)


def test_an_upload_without_files_is_refused(actions):
    assert "Choose a file" in actions.upload(request(None))["problem"]


def test_runs_are_logged_without_the_file_name(actions, png, caplog):
    with caplog.at_level(logging.INFO):
        upload(actions, png)
    assert "network run: segformer-b0@1.0.0" in caplog.text and "MUSTERMANN" not in caplog.text


def test_events_say_that_the_result_expired_and_do_nothing_before_the_first_result(actions):
    calls = (
        lambda shown: actions.view(None, shown, VIEW),
        lambda shown: actions.slice(None, shown, VIEW),
        lambda shown: actions.threshold(None, shown, 0.5, VIEW),
    )
    for call in calls:
        assert call(False) == {}
        assert say("expired") in call(True)["problem"] and call(True)["shown"] is False
    assert actions.preset(None, False, "Liver", VIEW) == {"center": 60, "width": 200}
    assert say("expired") in actions.preset(None, True, "Liver", VIEW)["problem"]


def test_removing_the_last_file_empties_the_page(actions, png):
    assert actions.upload_removed([png]) == {}
    shown = actions.upload_removed([])
    assert shown["analysis"] is None and "<img" not in shown["viewer"]


def test_an_example_is_generated_and_segmented_once(checkpoints, tmp_path, runs, monkeypatch):
    made: list[str] = []
    monkeypatch.setattr("liverseg.phantom.make", lambda **making: making)
    monkeypatch.setattr(
        "liverseg.phantom.write",
        lambda phantom, out, format: made.append(format) or write(make(seed=2, size=128), out, format),
    )
    actions = Actions(checkpoints, Examples(tmp_path))
    shown = actions.example("slice", request(None))
    assert shown["upload"] is None and len(pictures(shown)) == 3
    actions.example("slice", request(None))
    assert made == ["dicom"] and len(runs) == 1


def test_progress_is_reported_slice_by_slice(actions, nifti):
    steps: list[tuple[int, int]] = []
    actions.upload(request([nifti]), progress=lambda done, count: steps.append((done, count)))
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> list[str]:
    """The files of two series of DICOM, 3 and 2 slices."""
    folder, files = tmp_path_factory.mktemp("study"), []
    for number, slices in ((1, 3), (2, 2)):
        made = make("volume", seed=number, size=96, slices=5)
        for path in write(made, folder / str(number), "dicom")[:slices]:
            dataset = pydicom.dcmread(path)
            dataset.SeriesNumber, dataset.SeriesInstanceUID = number, f"1.2.{number}"
            dataset.save_as(path)
            files.append(str(path))
    return files


def test_several_series_are_offered_and_each_can_be_chosen(actions, study, runs):
    asked = actions.upload(request(study))
    assert asked["series"]["visible"] is True and asked["problem"] == "" and runs == []
    (first, one), (second, two) = asked["series"]["choices"]
    assert (one, two) == (1, 2) and first.startswith("3 axial slices") and second.startswith("2 axial")
    assert asked["analysis"] is None and "<img" not in asked["viewer"]
    for number, slices in ((2, 2), (1, 3)):
        shown = actions.series(request(study, series=number))
        assert shown["series"] == {"visible": True, "__type__": "update"}  # its choices and choice stay
        assert len(shown["analysis"].ct.hu) == slices and shown["analysis"].series == number
    refused = actions.series(request(study, series=7))
    assert refused["analysis"] is None and refused["series"]["visible"] is True
    assert actions.series(request(None, series=1)) == actions.series(request(study, series=None)) == {}


def test_another_upload_hides_the_choice_of_series(actions, study, png, text_file):
    assert actions.upload(request(study))["series"]["visible"] is True
    for path in (png, text_file):
        assert upload(actions, path)["series"]["visible"] is False
    assert actions.upload_removed([])["series"]["visible"] is False


@pytest.fixture
def with_model(actions, nifti, monkeypatch):
    """Actions whose checkpoints decide lesions by the model of `lesion_scenes`, and the shown result."""
    load = actions.checkpoints.segmenter

    def load_with_model(ref):
        segmenter = copy.copy(load(ref))  # the loaded one is shared by all tests
        segmenter.rules = model_segmenter().rules
        return segmenter

    monkeypatch.setattr(actions.checkpoints, "segmenter", load_with_model)
    return upload(actions, nifti)


def test_the_lesion_cut_moves_without_the_network_and_says_what_it_gave(actions, with_model, runs):
    assert with_model["lesion_cut"] == {"visible": True, "value": 0.5, "__type__": "update"}
    assert "found 55 % of the lesions, with 0.8 false ones per scan." in with_model["operating"]
    analysis = with_model["analysis"]
    assert analysis.report.tumour.count > 0
    runs.clear()
    strict = actions.lesion_cut(analysis, True, 1.0, view(3))
    assert strict["analysis"].report.tumour.count == 0 and "No likely lesion." in strict["results"]
    assert strict["files"]["visible"] is False and runs == []
    assert pictures(strict)[0] == pictures(with_model)[0] and pictures(strict)[1] != pictures(with_model)[1]
    loose = actions.lesion_cut(strict["analysis"], True, 0.1, view(3))
    assert "found 90 % of the lesions, with 4.0 false ones per scan." in loose["operating"]
    assert loose["analysis"].report.tumour == analysis.report.tumour
    kept = actions.threshold(strict["analysis"], True, 0.3, view(3))
    assert kept["analysis"].seg.lesion_cut == 1.0


def test_without_a_lesion_model_there_is_no_lesion_cut(actions, nifti):
    shown = upload(actions, nifti)
    assert shown["lesion_cut"] == {"visible": False, "__type__": "update"} and shown["operating"] == ""
    assert actions.lesion_cut(shown["analysis"], True, 0.2, view(3)) == {}


def test_a_lesion_is_rejected_and_restored_without_the_network(actions, nifti, runs):
    shown = upload(actions, nifti)
    analysis = shown["analysis"]
    runs.clear()
    out = actions.reject(analysis, True, 1, view(3))
    edited = out["analysis"]
    assert edited.seg.rejected == (1,) and edited.report.edited.rejected == (1,)
    assert edited.report.tumour.count == (edited.seg.labels == 2).sum() < analysis.report.tumour.count
    assert edited.voxels.token != analysis.voxels.token and edited.voxels.image == analysis.voxels.image
    assert pictures(out)[1] != pictures(shown)[1] and pictures(out)[2] == pictures(shown)[2]
    assert "ls-lesion ls-rejected" in out["results"] and "1 rejected, " in out["results"]
    assert out["files"]["visible"] is False and out["problem"] == "" and runs == []
    back = actions.reject(edited, True, 1, view(3))
    assert pictures(back) == pictures(shown) and back["results"] == shown["results"]
    assert back["analysis"].seg.rejections is None


def test_a_click_on_a_lesion_that_is_not_there_changes_nothing(actions, nifti):
    analysis = upload(actions, nifti)["analysis"]
    assert actions.reject(analysis, True, 99, view(3)) == {}
    assert "expired" in actions.reject(None, True, 1, view(3))["problem"]
    assert actions.reject(None, False, 1, view(3)) == {}


def test_rejections_that_a_later_one_replaces_are_said():
    tumour = np.zeros((1, 64, 64), np.float32)
    tumour[0, 20:24, 12:16], tumour[0, 20:23, 22:25] = 0.6, 0.9
    labels = np.zeros((1, 64, 64), np.uint8)
    labels[0, 10:40, 10:40] = 1
    ct, seg = scene(np.where(tumour > 0, 2, labels), probability=tumour)
    edited = PageAnalysis(ct, seg, measure(ct, seg)).with_rejected([1])
    actions = Actions(None, None)  # neither checkpoints nor examples are needed
    assert actions.reject(edited, True, 2, view(1))["problem"] == ""
    out = actions.reject(edited.at_threshold(0.8), True, 1, view(1))
    assert out["analysis"].report.tumour.count == 0 and "at the tumour threshold 0.50" in out["problem"]
    assert out["analysis"].at_threshold(0.5).seg.rejected == (2,)


def test_what_becomes_of_rejections_is_said(actions, nifti, png, runs):
    analysis = upload(actions, nifti, "segformer-b0@1.0.0")["analysis"]
    edited = actions.reject(analysis, True, 1, view(3))["analysis"]
    other = actions.checkpoint(edited, request([nifti], "segformer-b0-fast@0.3.0", at=view(3)))
    assert other["analysis"].seg.rejected == () and "result of segformer-b0@1.0.0." in other["problem"]
    again = actions.checkpoint(other["analysis"], request([nifti], "segformer-b0@1.0.0", at=view(3)))
    assert again["analysis"].seg.rejected == (1,) and again["problem"] == ""
    picture = actions.reject(upload(actions, png)["analysis"], True, 1, view(1))["analysis"]
    window = actions.picture_window(picture, request([png], made=(60, 200), at=view(1)))
    assert say("rejections.lost") in window["problem"] and window["analysis"].seg.rejected == ()

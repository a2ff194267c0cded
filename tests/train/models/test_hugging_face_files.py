"""Reading of models from folders and from the Hub."""

import pytest
import torch

from registry.errors import RegistryError
from tests.hub_standin.repositories import Blob
from tests.hub_standin.server import HubStandin
from tests.train.models.saved_models import write_model
from train.errors import TrainError
from train.models.hugging_face_files import read_model, stated_licence


class Harmful:
    """Prints when it is unpickled."""

    def __reduce__(self):
        return print, ("run",)


def test_damaged_and_harmful_files_are_refused(tmp_path, capsys):
    folder = write_model(tmp_path / "harmful", {"a": Harmful()}, file="pytorch_model.bin")
    with pytest.raises(TrainError, match="pytorch_model.bin cannot be read"):
        read_model(folder)
    assert "run" not in capsys.readouterr().out
    folder = write_model(tmp_path / "cut", {"a": torch.zeros(9)})
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:50])
    with pytest.raises(TrainError, match="model.safetensors cannot be read"):
        read_model(folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(TrainError, match="has no weights"):
        read_model(folder)
    (folder / "config.json").write_text("[]")
    with pytest.raises(TrainError, match="not a JSON object"):
        read_model(folder)
    with pytest.raises(TrainError, match="neither a folder nor a name on the Hub"):
        read_model(tmp_path / "not there")


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A stand-in for the Hub with a small pickled model and an unneeded file."""
    folder = write_model(tmp_path / "model", {"a": torch.arange(3)}, file="pytorch_model.bin")
    (folder / "tf_model.h5").write_bytes(b"not needed")
    with HubStandin() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
        files = {path.name: Blob(path.read_bytes(), large=False) for path in folder.iterdir()}
        hub.repositories.create("somebody/mit-b0", private=False).add(files, "weights")
        yield hub


def test_a_name_is_fetched_from_the_hub(hub):
    model = read_model("somebody/mit-b0")
    assert model.tensors["a"].tolist() == [0, 1, 2] and model.config["model_type"] == "segformer"
    assert hub.requests("pytorch_model.bin") and not hub.requests("tf_model.h5")


def test_errors_of_the_hub_are_one_sentence(hub, monkeypatch):
    with pytest.raises(
        RegistryError, match="somebody/nothing; set HF_TOKEN, or check that the name is right"
    ):
        read_model("somebody/nothing")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # no server listens on this port
    with pytest.raises(RegistryError, match="cannot be reached .requested: somebody/nothing."):
        read_model("somebody/nothing")


@pytest.mark.parametrize(
    ("card", "licence"),
    [
        ("---\nlicense: mit\n---\n# Model", "mit"),
        ("---\nlicense: other\nlicense_name: nvidia-scl\n---\n", "nvidia-scl"),
        ("---\nlicense: other\n---\n", ""),
        ("---\ntags: [a]\n---\n", ""),
        ("# No front matter --- here --- at all", ""),
        ("---\nlicense: [\n---\n", ""),
        (None, ""),
    ],
)
def test_the_licence_is_the_one_that_the_model_card_states(tmp_path, card, licence):
    folder = write_model(tmp_path / "model", {"a": torch.zeros(1)})
    if card is not None:
        (folder / "README.md").write_text(card)
    assert stated_licence(folder) == licence


def test_the_model_card_comes_with_a_model_of_the_hub(hub, tmp_path):
    card = Blob(b"---\nlicense: apache-2.0\n---\n", large=False)
    files = {path.name: Blob(path.read_bytes(), large=False) for path in (tmp_path / "model").iterdir()}
    hub.repositories.create("somebody/licensed", private=False).add({**files, "README.md": card}, "weights")
    assert read_model("somebody/licensed").tensors["a"].tolist() == [0, 1, 2]
    assert stated_licence("somebody/licensed") == "apache-2.0"

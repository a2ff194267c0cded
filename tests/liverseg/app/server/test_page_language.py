"""The page is served in one language, which the browser's gradio takes over."""

import json
import re

import gradio as gr
import pytest
from starlette.testclient import TestClient

from liverseg.app.server.page_language import PageLanguage

TRANSLATIONS = {"en": {"size": "Size"}, "de": {"size": "Größe </script>"}}


@pytest.fixture(scope="module")
def client():
    i18n = gr.I18n(**TRANSLATIONS)
    with gr.Blocks() as page:
        gr.Radio([(i18n("size"), "s")], label=i18n("size"))
    middleware = (PageLanguage, (TRANSLATIONS, lambda language: {"of": language}), {})
    app, _, _ = page.launch(
        prevent_thread_lock=True, quiet=True, i18n=i18n, app_kwargs={"middleware": [middleware]}
    )
    yield TestClient(app)
    page.close()


def parts_of(client, address, accepted):
    answer = client.get(address, headers={"Accept-Language": accepted})
    config = json.loads(re.search(r"window\.gradio_config = (.*?);</script>", answer.text)[1])
    return answer, next(one["props"] for one in config["components"] if one["type"] == "radio")


@pytest.mark.parametrize(
    ("address", "accepted", "language"),
    [("/", "de-AT, en;q=0.5", "de"), ("/", "pl", "en"), ("/?lang=de", "en", "de"), ("/?lang=xx", "pl", "en")],
)
def test_labels_choices_and_scripts_are_in_the_language_of_the_visitor(client, address, accepted, language):
    answer, radio = parts_of(client, address, accepted)
    size = TRANSLATIONS[language]["size"]
    assert radio["label"] == size and radio["choices"] == [[size, "s"]]
    assert f'lang="{language}"' in answer.text and f'"of":"{language}"' in answer.text
    assert "__i18n__" not in answer.text and answer.headers["content-language"] == language
    assert answer.headers["vary"] == "Accept-Language, Accept-Encoding"
    assert answer.headers["content-encoding"] == "gzip"


def test_other_answers_are_left_alone(client):
    answer = client.get("/config", headers={"Accept-Language": "de"})
    assert "content-language" not in answer.headers and "size" in answer.text

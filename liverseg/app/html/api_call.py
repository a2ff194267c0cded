"""The HTML of the call of `/segment` that repeats a result, in Python and with curl. Values are escaped."""

from __future__ import annotations

import json
from html import escape
from typing import Any

from liverseg.app.state.session import PageAnalysis
from liverseg.app.text.catalogue import say_html

SERVER = "http://127.0.0.1:7860"
"""Address in the calls; on the page a script replaces it by the address of the server."""

FILE_NAMES = {
    "nifti": "scan.nii.gz",
    "nrrd": "scan.nrrd",
    "metaimage": "scan.mha",
    "png": "slice.png",
    "jpeg": "slice.jpg",
    "tiff": "slice.tiff",
    "webp": "slice.webp",
}
"""Name of the input in the calls, by format; DICOM is a file or a zip."""

API_CALL_JS = """
const root = () => (window.gradio_config && window.gradio_config.root) || location.href.split(/[?#]/)[0];
const address = () => root().replace(/\\/+$/, '');
const renew = () => {
  for (const one of element.querySelectorAll('[data-server]')) one.textContent = address();
};
element.addEventListener('click', async event => {
  const button = event.target.closest('[data-copy]');
  if (!button) return;
  const code = element.querySelector(`#${button.dataset.copy}`);
  try {
    await navigator.clipboard.writeText(code.textContent);
    button.textContent = button.dataset.done;
  } catch {
    getSelection().selectAllChildren(code);
    button.textContent = button.dataset.selected;
  }
});
watch('value', renew);
renew();
"""
"""Puts the server's address into the calls, and copies a call; where that is not allowed, it selects it."""


def call_arguments(analysis: PageAnalysis) -> dict[str, Any]:
    """The arguments of `/segment`, except for the file, that give this result again."""
    report, cut = analysis.report, analysis.seg.lesion_cut
    arguments: dict[str, Any] = {"checkpoint": report.checkpoint.ref, "threshold": report.tumour_threshold}
    if analysis.own_cut is not None and cut is not None:
        arguments["lesion_cut"] = cut
    if analysis.series is not None:
        arguments["series"] = analysis.series
    window = analysis.ct.assumed_window
    if window is not None:
        arguments |= {"window_center": window.center_hu, "window_width": window.width_hu}
    return arguments


def file_name(analysis: PageAnalysis) -> str:
    """A name for the input that says what kind of file the call takes."""
    measured = analysis.report.input
    dicom = "series.zip" if measured.kind == "volume" or analysis.series is not None else "slice.dcm"
    return FILE_NAMES.get(measured.source_format, dicom)


def python_call(analysis: PageAnalysis, server: str = SERVER) -> str:
    """The call with `gradio_client`."""
    lines = "".join(f"    {name}={value!r},\n" for name, value in call_arguments(analysis).items())
    return (
        "from gradio_client import Client, handle_file\n\n"
        f'client = Client("{server}")\n'
        f"answer = client.predict(\n    file=handle_file({file_name(analysis)!r}),\n{lines}"
        '    api_name="/segment",\n)\n'
        'report = answer[3]\nprint(report["tumour"], report["liver"])\n'
    )


def curl_call(analysis: PageAnalysis, server: str = SERVER) -> str:
    """The call with curl: upload the file, start the call, fetch the answer."""
    settings = json.dumps(call_arguments(analysis))[1:]
    json_type = "--header 'Content-Type: application/json'"
    return (
        f"server={server}\n"
        f"path=$(curl --silent --fail --form files=@{file_name(analysis)} $server/gradio_api/upload "
        "| cut -d '\"' -f 2)\n"
        """file='{"path": "'$path'", "meta": {"_type": "gradio.FileData"}}'\n"""
        f"""asked='{{"file": '"$file"', {settings}'\n"""
        f"""event=$(curl --silent --fail {json_type} --data "$asked" \\\n"""
        "    $server/gradio_api/call/v2/segment | cut -d '\"' -f 4)\n"
        "curl --silent --fail --no-buffer $server/gradio_api/call/segment/$event\n"
    )


def api_call(analysis: PageAnalysis) -> str:
    """The calls in Python and with curl, each with a button that copies it."""
    note = f'<p class="ls-none">{say_html("api.rejected")}</p>' if analysis.report.rejected_lesions else ""
    blocks = "".join(
        _code(name, key, call(analysis))
        for name, key, call in (("Python", "python", python_call), ("curl", "curl", curl_call))
    )
    return (
        f'<div class="ls-results ls-api"><p class="ls-none">{say_html("api.introduction")}'
        f"</p>{note}{blocks}</div>"
    )


def _code(name: str, key: str, text: str) -> str:
    code = escape(text).replace(SERVER, f"<span data-server>{SERVER}</span>")
    return (
        f'<section><h2>{name}<button type="button" data-copy="ls-call-{key}" aria-live="polite" '
        f'data-done="{say_html("api.copied")}" data-selected="{say_html("api.selected")}">'
        f"{say_html('api.copy')}</button></h2>"
        f'<pre tabindex="0"><code id="ls-call-{key}">{code}</code></pre></section>'
    )

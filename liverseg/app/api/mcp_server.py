"""The named endpoints as tools of the Model Context Protocol: gradio's own server, with `LIVERSEG_MCP=1`.

Gradio's server tells reports as Python instead of JSON, gives only the names of the pictures when a call asks
for no progress, takes no null for an argument that may be left out, and cannot fetch from its own loopback
address what was uploaded there. `ToolServer` is that server without these four.
"""

from __future__ import annotations

import json
import os
from typing import Any

import gradio.mcp
from gradio.processing_utils import save_base64_to_cache
from gradio.utils import get_upload_folder

from liverseg.app.server.request_guard import FILE_META, NOT_UPLOADED, is_file, is_uploaded, upload_path


def serve_tools() -> None:
    """Let gradio serve `ToolServer` instead of its own class, from the next `launch(mcp_server=True)` on."""
    gradio.mcp.GradioMCPServer = ToolServer  # type: ignore[misc]


class ToolServer(gradio.mcp.GradioMCPServer):
    """The tools of a page."""

    @property
    def _file_data_tool_description(self) -> str:
        return (
            " A file is given as what this server answered to its upload: POST it to /gradio_api/upload, or"
            " use the tool upload_file_to_gradio if there is one. A small file may be a data: URL instead."
        )

    def get_input_schema(self, tool_name: str, parameters: Any = None) -> tuple[dict[str, Any], Any]:
        schema, positions = super().get_input_schema(tool_name, parameters)
        return allow_null(schema), positions

    def convert_strings_to_filedata(self, value: Any, filedata_positions: list[list[str | int]]) -> Any:
        """The arguments with each file where it was uploaded to; raises `ValueError` for any other."""
        names = {position[0] for position in filedata_positions}
        return {
            name: self._uploaded(given) if name in names and isinstance(given, str) else given
            for name, given in value.items()
        }

    def _uploaded(self, given: str) -> dict[str, Any]:
        if given.startswith("data:"):
            path = save_base64_to_cache(given, get_upload_folder())
            self.blocks.upload_file_set.add(path)  # deleted on the schedule of the uploads
        else:
            path = upload_path(given)
        if not (is_uploaded(path) and os.path.isfile(path)):
            raise ValueError(NOT_UPLOADED)
        return {"path": path, "meta": FILE_META}

    async def _execute_tool_without_progress(self, job: Any) -> list[Any]:
        outputs: dict[str, Any] = {}
        async for update in job:
            if update.type == "output" and update.final:
                outputs = update.outputs
        if job.exception():
            raise job.exception()
        return outputs["data"]

    def postprocess_output_data(self, data: Any, root_url: str) -> list[Any]:
        return super().postprocess_output_data([as_text(output) for output in data], root_url)


def as_text(output: Any) -> Any:
    """A result as it is told: JSON, unless it is text or a file.

    >>> as_text({"tumour": None}), as_text("told")
    ('{"tumour": null}', 'told')
    """
    if isinstance(output, str) or is_file(output):
        return output
    return json.dumps(output, ensure_ascii=False)


def allow_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A tool's schema in which an argument that may be left out may be null too.

    >>> allow_null({"properties": {"a": {"type": "string"}, "b": {"type": "number"}}, "required": ["a"]})
    {'properties': {'a': {'type': 'string'}, 'b': {'type': ['number', 'null']}}, 'required': ['a']}
    """
    required = schema.get("required", [])
    return {
        **schema,
        "properties": {
            name: kind if name in required or "type" not in kind else {**kind, "type": [kind["type"], "null"]}
            for name, kind in schema["properties"].items()
        },
    }

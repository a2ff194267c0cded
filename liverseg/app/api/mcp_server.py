"""The named endpoints as tools of the Model Context Protocol (MCP), with `LIVERSEG_MCP=1`.

`ToolServer` is gradio's server without four of its faults. Gradio's own server

- returns a report as the text of a Python dict, not as JSON,
- returns only the names of the pictures to a call without progress,
- refuses null for an optional argument,
- cannot read an upload from its own loopback address.

Gradio has no public way to change any of these, so `ToolServer` overrides its methods;
`tests/liverseg/app/server/test_gradio_internals.py` fails when gradio changes them.
"""

from __future__ import annotations

import json
import os
from typing import Any

import gradio.mcp
from gradio.processing_utils import add_root_url, save_base64_to_cache
from gradio.utils import get_upload_folder

from liverseg.app.server.request_guard import FILE_META, NOT_UPLOADED, is_file, is_uploaded, upload_path


def serve_tools() -> None:
    """Make every later `launch(mcp_server=True)` serve `ToolServer`.

    `launch` takes no server class, so the class is replaced in gradio's module.
    """
    gradio.mcp.GradioMCPServer = ToolServer  # type: ignore[misc]


class ToolServer(gradio.mcp.GradioMCPServer):
    """Gradio's MCP server with the changes that the module describes."""

    @property
    def _file_data_tool_description(self) -> str:
        return (
            " To pass a file, upload it first: POST it to /gradio_api/upload, or use the tool"
            " upload_file_to_gradio if it exists; then give the path that the upload returned."
            " A small file may be a data: URL instead."
        )

    def get_input_schema(self, tool_name: str, parameters: Any = None) -> tuple[dict[str, Any], Any]:
        """The schema of a tool, in which optional arguments may be null, and the positions of its files."""
        schema, positions = super().get_input_schema(tool_name, parameters)
        return allow_null(schema), positions

    def convert_strings_to_filedata(self, value: Any, filedata_positions: list[list[str | int]]) -> Any:
        """The arguments with files in gradio's form. Raises `ValueError` for a file not uploaded here."""
        names = {position[0] for position in filedata_positions}
        return {
            name: self._file_data(argument) if name in names and isinstance(argument, str) else argument
            for name, argument in value.items()
        }

    def _file_data(self, given: str) -> dict[str, Any]:
        if given.startswith("data:"):
            path = save_base64_to_cache(given, get_upload_folder())  # as gradio's own, which is private
            self.blocks.upload_file_set.add(path)  # so that gradio deletes it on the schedule of the uploads
        else:
            path = upload_path(given)
        if not (is_uploaded(path) and os.path.isfile(path)):
            raise ValueError(NOT_UPLOADED)
        return {"path": path, "meta": FILE_META}

    async def _execute_tool_without_progress(self, job: Any) -> list[Any]:
        """The data of the final output; gradio's method returns pictures as names only."""
        outputs: dict[str, Any] = {}
        async for update in job:
            if update.type == "output" and update.final:
                outputs = update.outputs
        if job.exception():
            raise job.exception()
        return outputs["data"]

    def postprocess_output_data(self, data: Any, root_url: str) -> list[Any]:
        """The content of an answer, with reports as JSON text; files in reports have their full address."""
        data = add_root_url(data, root_url, None)
        return super().postprocess_output_data([as_text(output) for output in data], root_url)


def as_text(output: Any) -> Any:
    """A value as JSON text; text and files are returned unchanged.

    >>> as_text({"tumour": None}), as_text("text")
    ('{"tumour": null}', 'text')
    """
    if isinstance(output, str) or is_file(output):
        return output
    return json.dumps(output, ensure_ascii=False)


def allow_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A copy of a tool's schema in which every optional argument may also be null.

    >>> allow_null({"properties": {"a": {"type": "string"}, "b": {"type": "number"}}, "required": ["a"]})
    {'properties': {'a': {'type': 'string'}, 'b': {'type': ['number', 'null']}}, 'required': ['a']}
    """
    required = schema.get("required", [])
    return {
        **schema,
        "properties": {
            name: value
            if name in required or "type" not in value
            else {**value, "type": [value["type"], "null"]}
            for name, value in schema["properties"].items()
        },
    }

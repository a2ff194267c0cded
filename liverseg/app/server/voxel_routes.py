"""Routes that serve the voxels and the mesh of a result to the page that draws them.

Nothing is stored: answers are computed from the visitor's session and end with it. A token is known only to
the page that shows the result, like the address of a download.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradio.routes import PlainTextResponse, Request, Response
from starlette.routing import Route

from liverseg.app.server.visitor_language import language_of_request
from liverseg.app.state.voxels import VoxelStore, find_voxels
from liverseg.app.text.catalogue import say, speaking
from liverseg.app.text.core_sentences import translation_of
from liverseg.errors import LiversegError

SLICES = "/liverseg/slices/{token}/{first:int}-{last:int}/{what}"
SECTIONS = "/liverseg/sections/{token}/{plane}/{index:int}/{what}"
PARTS = ("all", "overlay")
MESH = "/liverseg/mesh/{token}"
HEADERS = {"Content-Encoding": "gzip", "Cache-Control": "no-store"}
"""The browser does not cache voxels."""


def routes() -> list[Route]:
    """The routes; their handlers compute, so Starlette runs each in a thread."""
    return [Route(SLICES, _slices), Route(SECTIONS, _sections), Route(MESH, _mesh)]


def _slices(request: Request) -> Response:
    path = request.path_params
    return _packed(path, "slices", lambda v, only: v.packed(path["first"], path["last"], overlay_only=only))


def _sections(request: Request) -> Response:
    path = request.path_params
    return _packed(path, "section", lambda v, only: v.packed_section(path["plane"], path["index"], only))


def _packed(path: dict[str, Any], noun: str, pack: Callable[[VoxelStore, bool], bytes]) -> Response:
    """The bytes that `pack` gives for the voxels and for whether only the overlay is asked for."""
    voxels = find_voxels(path["token"])
    if voxels is None or path["what"] not in PARTS:
        return _gone()
    try:
        packed = pack(voxels, path["what"] == "overlay")
    except IndexError:
        return PlainTextResponse(f"The volume has no such {noun}.", 404)
    return Response(packed, media_type="application/octet-stream", headers=HEADERS)


def _mesh(request: Request) -> Response:
    voxels = find_voxels(request.path_params["token"])
    with speaking(language_of_request(request)):  # the page shows the sentence
        if voxels is None:
            return _gone()
        try:
            mesh = voxels.mesh()
        except LiversegError as error:
            return PlainTextResponse(translation_of(str(error)) or str(error), 422)
    return Response(mesh, media_type="model/gltf-binary", headers=HEADERS)


def _gone() -> Response:
    return PlainTextResponse(say("expired"), 404, headers={"Cache-Control": "no-store"})

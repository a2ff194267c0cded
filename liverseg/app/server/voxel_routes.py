"""The addresses at which the page asks for the voxels and the mesh that it draws by itself.

They are kept nowhere: made from what a visitor's session holds, and gone with it. A token is a secret of the
page that shows the result, as the address of a download is.
"""

from __future__ import annotations

from gradio.routes import PlainTextResponse, Request, Response
from starlette.routing import Route

from liverseg.app.html import page_text
from liverseg.app.state.voxels import find_stack
from liverseg.errors import LiversegError

SLICES = "/liverseg/slices/{token}/{first:int}-{last:int}/{what}"
PARTS = ("all", "overlay")
MESH = "/liverseg/mesh/{token}"
HEADERS = {"Content-Encoding": "gzip", "Cache-Control": "no-store"}
"""Voxels stay out of the browser's own cache."""


def routes() -> list[Route]:
    """For the server that serves the page. Each works in a thread of its own, as it computes."""
    return [Route(SLICES, _slices), Route(MESH, _mesh)]


def _slices(request: Request) -> Response:
    asked = request.path_params
    stack = find_stack(asked["token"])
    if stack is None or asked["what"] not in PARTS:
        return _gone()
    try:
        packed = stack.packed(asked["first"], asked["last"], overlay_only=asked["what"] == "overlay")
    except IndexError:
        return PlainTextResponse("There are no such slices.", 404)
    return Response(packed, media_type="application/octet-stream", headers=HEADERS)


def _mesh(request: Request) -> Response:
    stack = find_stack(request.path_params["token"])
    if stack is None:
        return _gone()
    try:
        made = stack.mesh()
    except LiversegError as error:
        return PlainTextResponse(str(error), 422)
    return Response(made, media_type="model/gltf-binary", headers=HEADERS)


def _gone() -> Response:
    return PlainTextResponse(page_text.EXPIRED, 404, headers={"Cache-Control": "no-store"})

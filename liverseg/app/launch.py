"""Serve the page: `python app.py [--port 7860]`."""

from __future__ import annotations

import argparse
import importlib.util
import logging
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from liverseg.core.limits import MAX_UPLOAD_GB
from registry.closed_pipe import run_command

MAX_UPLOAD = f"{MAX_UPLOAD_GB}gb"
"""Largest upload of one file, in gradio's notation."""

MAX_SESSIONS = 200
"""Visitors whose results are kept in memory at the same time."""

MCP_MISSING = (
    "LIVERSEG_MCP is set, but the package mcp is not installed; "
    "install it with: pip install --constraint constraints.txt mcp"
)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="app.py",
        description="Serve the liverseg page on this machine.",
        epilog="LIVERSEG_REGISTRY names the folders, or hf://owner, to take checkpoints from; "
        "GRADIO_SERVER_PORT the port. LIVERSEG_MCP=1 serves the endpoints as tools for MCP clients too. "
        "LIVERSEG_EXAMPLES names a folder or hf://datasets/owner/name with other examples, or none.",
    )
    parser.add_argument(
        "--port", type=_port, help="the port to serve on (default: 7860, or the next free one)"
    )
    return parser.parse_args(arguments)


def _port(text: str) -> int:
    port = int(text)
    if not 1 <= port <= 65535:
        raise argparse.ArgumentTypeError("a port is 1 to 65535")
    return port


def server_name(environment: dict[str, str] | os._Environ[str]) -> str:
    """Only this machine can reach the page, except on a Space, which has a proxy in front.

    >>> server_name({}), server_name({"SPACE_ID": "owner/name"}), server_name({"GRADIO_SERVER_NAME": "::1"})
    ('127.0.0.1', '0.0.0.0', '::1')
    """
    return environment.get("GRADIO_SERVER_NAME") or (
        "0.0.0.0" if environment.get("SPACE_ID") else "127.0.0.1"
    )


def serves_tools(environment: Mapping[str, str]) -> bool:
    """Whether the endpoints are also tools for MCP clients: `LIVERSEG_MCP=1`.

    >>> serves_tools({}), serves_tools({"LIVERSEG_MCP": "0"}), serves_tools({"LIVERSEG_MCP": "1"})
    (False, False, True)
    """
    return environment.get("LIVERSEG_MCP", "").strip().lower() not in ("", "0", "no", "off", "false")


def launch_options() -> dict[str, Any]:
    """The arguments of gradio's `launch`, except for host and port."""
    from liverseg.app.html.viewer_text import script_texts
    from liverseg.app.page.marks import I18N
    from liverseg.app.page.theme import STYLE, theme
    from liverseg.app.server import queue_place
    from liverseg.app.server.page_language import PageLanguage
    from liverseg.app.server.request_guard import NoDeepLinks, wrong_arguments
    from liverseg.app.server.voxel_routes import routes

    return {
        "app_kwargs": {
            "exception_handlers": {TypeError: wrong_arguments},
            "middleware": [
                (NoDeepLinks, (), {}),
                (PageLanguage, (I18N.translations, script_texts), {}),
            ],
            "routes": [*routes(), *queue_place.routes()],
        },
        "theme": theme(),
        "css_paths": [STYLE, STYLE.with_name("examples.css")],
        "show_error": False,  # unexpected errors stay in the log; the page shows refusals itself
        "i18n": I18N,
        "footer_links": ["api", "settings"],
        "run_history": False,
        "max_file_size": MAX_UPLOAD,
        "state_session_capacity": MAX_SESSIONS,
        "share": False,
        "ssr_mode": False,
        "pwa": False,
        "enable_monitoring": False,
    }


def log_to_stderr() -> None:
    """Log liverseg from INFO, other packages from WARNING, and pydicom not at all: it also raises what it
    logs.

    pydicom sets the level of its logger on import, so its messages are stopped from propagating instead.
    """
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("liverseg").setLevel(logging.INFO)
    logging.getLogger("pydicom").propagate = False


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the page and serve it until it is interrupted; returns the exit status."""
    return run_command(partial(_main, arguments))


def _main(arguments: Sequence[str] | None) -> int:
    options = parse(arguments)
    log_to_stderr()
    if serves_tools(os.environ) and importlib.util.find_spec("mcp") is None:
        print(MCP_MISSING, file=sys.stderr)
        return 1
    private = Path(tempfile.mkdtemp(prefix="liverseg-app-"))  # readable by this user only
    os.environ["GRADIO_TEMP_DIR"] = str(private / "files")
    signal.signal(signal.SIGTERM, _stop)
    try:
        return _serve(options.port, private)
    finally:
        shutil.rmtree(private, ignore_errors=True)


def _stop(signum: int, frame: FrameType | None) -> None:
    sys.exit(0)


def _serve(port: int | None, private: Path) -> int:
    from liverseg.app.state.checkpoints import Checkpoints
    from liverseg.errors import LiversegError

    try:
        checkpoints = Checkpoints()
        checkpoints.check()
    except LiversegError as error:
        print(error, file=sys.stderr)
        return 1
    # gradio reads its settings from the environment on import, so it is imported only now.
    from liverseg.app.api import mcp_server
    from liverseg.app.examples import VARIABLE, Examples, folder_for_examples
    from liverseg.app.html import page_text
    from liverseg.app.page.layout import build
    from liverseg.app.page.wiring import NETWORK_QUEUE
    from liverseg.app.server.network_queue import is_in_use
    from liverseg.app.server.retention import cleaning_up

    checkpoints.warm_up()  # in the background: the page is served before the weights are loaded
    kept = folder_for_examples(private / "examples")
    examples = Examples(kept, os.environ.get(VARIABLE, ""))
    examples.preparing = True  # who opens the page at once waits for the first result
    page = build(checkpoints, examples)
    try:
        where = {"server_name": server_name(os.environ), "server_port": port}
        mcp_server.serve_tools()
        served = {"mcp_server": serves_tools(os.environ), "prevent_thread_lock": True}
        page.launch(**where, **served, **launch_options())
    except OSError as error:
        print(f"The page cannot be served: {error}", file=sys.stderr)
        return 1
    network = str(NETWORK_QUEUE["concurrency_id"])
    examples.prepare_in_background(checkpoints, lambda: is_in_use(page, network))
    with cleaning_up(page, page_text.KEEP_MINUTES * 60):
        page.block_thread()
    return 0

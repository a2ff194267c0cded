"""Guards, routes and retention around the gradio server."""

"""Serve the web page of liverseg: `python app.py [--port 7860]`. A Hugging Face Space starts this file."""

from liverseg.app.launch import main

if __name__ == "__main__":
    raise SystemExit(main())

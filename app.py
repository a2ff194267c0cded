"""The web page of liverseg: `python app.py [--port 7860]`; on a Hugging Face Space, the entry."""

from liverseg.app.launch import main

if __name__ == "__main__":
    raise SystemExit(main())

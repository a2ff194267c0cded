"""The long description: README.md without the front matter that configures a Space. See pyproject.toml."""

import re
from pathlib import Path

from setuptools import setup

README = Path(__file__).with_name("README.md").read_text(encoding="utf-8")

setup(
    long_description=re.sub(r"\A---\n.*?\n---\n+", "", README, flags=re.DOTALL),
    long_description_content_type="text/markdown",
)

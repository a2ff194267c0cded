"""The long description: README.md without the front matter for Spaces and without relative links.

The files that these link to are beside the README in a checkout and on a Space, but not on a package index.
See pyproject.toml.
"""

import re
from pathlib import Path

from setuptools import setup

README = Path(__file__).with_name("README.md").read_text(encoding="utf-8")
BODY = re.sub(r"\A---\n.*?\n---\n+", "", README, flags=re.DOTALL)
PICTURE = re.compile(r"^!\[[^\]]*\]\((?!https?:)[^)]*\)\n+", re.MULTILINE)
LINK = re.compile(r"\[([^\]]*)\]\((?!https?:)[^)]*\)")

setup(
    long_description=LINK.sub(r"\1", PICTURE.sub("", BODY)),
    long_description_content_type="text/markdown",
)

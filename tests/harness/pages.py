"""Commands of the documentation: what stands in its `sh` blocks, as a person would type it."""

import re
from collections.abc import Sequence

from harness.commands import ROOT

BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)
COMMENT = re.compile(r"\s+# .*$")


def section(page: str, title: str) -> str:
    """Text below a second-level heading of a page."""
    return page.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def blocks(text: str) -> Sequence[str]:
    """The `sh` blocks of a page or section."""
    return BLOCK.findall(text)


def commands(text: str) -> Sequence[str]:
    """The lines of these blocks, without comments."""
    lines = [line for block in blocks(text) for line in block.splitlines()]
    return [COMMENT.sub("", line) for line in lines]


def page(name: str) -> str:
    """Text of a page, by its path below the root."""
    return (ROOT / name).read_text()

"""What the help of each command shows at its end: examples that can be copied. Pure."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

EXAMPLES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "codelab": (
            "codelab demo",
            "codelab chat --workspace .",
            "codelab do 'add logging to src/auth.js' --workspace .",
        ),
        "up": (
            "codelab up",
            "codelab up --redis redis://127.0.0.1:6379/0 --port 8080",
        ),
        "chat": (
            "codelab chat --workspace .",
            "codelab chat --session 6f1c --url http://127.0.0.1:8000",
        ),
        "do": (
            "codelab do 'show me what changed in the last commit'",
            """codelab do 'replace "old" with "new" in src/*.py' --approve 1,3""",
            "codelab do 'read README.md' --approve none --json",
        ),
        "demo": ("codelab demo", "codelab demo --once"),
        "sessions": ("codelab sessions list", "codelab sessions show 6f1c"),
        "sessions list": ("codelab sessions list", "codelab sessions list --json"),
        "sessions show": ("codelab sessions show 6f1c",),
        "sessions export": ("codelab sessions export 6f1c",),
        "sessions delete": ("codelab sessions delete 6f1c",),
    }
)
"""By command; the first is for all of them. A test reads each with the real command line."""


def epilog(command: str) -> str:
    """The end of a command's help; an empty line is what ends a line there."""
    lines = ["Examples:", *EXAMPLES[command]]
    if command in {"codelab", "do"}:
        lines.append("More: docs/client.md")
    return "\n\n".join(lines)

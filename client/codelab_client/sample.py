"""The sample project of `codelab demo`: a few small files under git, and a task for them."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from codelab_client.git import Git

OLD_NAME: Final = "greet"
NEW_NAME: Final = "welcome"
HISTORY: Final = "CHANGELOG.md"
"""Keeps the old name: history is not rewritten, so the demo refuses the hunk for it."""
TASK: Final = f'replace "{OLD_NAME}" with "{NEW_NAME}" in src/*.py, {HISTORY} then show the diff'

FILES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "src/words.py": (
            '"""Polite words."""\n'
            "\n"
            "\n"
            "def greet(name: str) -> str:\n"
            '    """What to say first."""\n'
            '    return f"Hello, {name}!"\n'
            "\n"
            "\n"
            "def part(name: str) -> str:\n"
            '    """What to say last."""\n'
            '    return f"Goodbye, {name}."\n'
        ),
        "src/app.py": (
            '"""Says hello to everybody."""\n'
            "\n"
            "from words import greet, part\n"
            "\n"
            "NAMES = ['Ada', 'Grace']\n"
            "\n"
            "\n"
            "def main() -> None:\n"
            "    for name in NAMES:\n"
            "        print(greet(name))\n"
            "    for name in NAMES:\n"
            "        print(part(name))\n"
        ),
        HISTORY: "# Changelog\n\n- 1.1: `part` says goodbye\n- 1.0: `greet` says hello\n",
    }
)


async def make_sample(folder: Path) -> None:
    """Write the files and commit them. Raises `ToolError` where git cannot be used."""
    for path, text in FILES.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    git = Git(folder)
    await git.read("init", "--quiet")
    await git.read("add", "--all")
    author = ("-c", "user.name=codelab", "-c", "user.email=demo@localhost")
    await git.read(*author, "commit", "--quiet", "--message", "Say hello and goodbye")


def is_changed(folder: Path) -> bool:
    """Whether exactly the change that the demo approves was made."""
    wanted = {path: text.replace(OLD_NAME, NEW_NAME) for path, text in FILES.items()}
    wanted[HISTORY] = FILES[HISTORY]
    return all((folder / path).read_text() == text for path, text in wanted.items())

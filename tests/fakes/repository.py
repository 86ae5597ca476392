"""Git repositories made by git itself, in the folder of a test."""

import os
from pathlib import Path

import anyio

_IDENTITY = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
}


class Repository:
    """A repository in `root`, which is made."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    async def made(cls, root: Path) -> "Repository":
        """An empty repository with the branch `main`."""
        await anyio.Path(root).mkdir(parents=True, exist_ok=True)
        repository = cls(root)
        await repository.git("init", "-q", "-b", "main")
        return repository

    async def git(self, *arguments: str) -> str:
        """Run git and give its output; raises when it fails."""
        path = os.defpath.split(os.pathsep)
        environment = {"PATH": os.pathsep.join([*path, "/usr/local/bin"]), **_IDENTITY}
        command = ["git", "-c", "protocol.file.allow=always", *arguments]
        ended = await anyio.run_process(command, cwd=self.root, env=environment)
        return ended.stdout.decode()

    def write(self, path: str, content: bytes | str) -> None:
        """Put a file into the working tree."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)

    async def commit(self, **files: bytes | str) -> None:
        """Commit everything, with these files (keyword `a_py` is the file `a.py`)."""
        for name, content in files.items():
            self.write(name.replace("_", "."), content)
        await self.git("add", "-A")
        await self.git("commit", "-q", "--allow-empty", "-m", "a commit")

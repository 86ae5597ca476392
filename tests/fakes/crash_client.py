"""A client that is killed at a named step of a call: SIGKILL, so that nothing is cleaned up.

Run as a program it takes one JSON object per line, {folder, call, kill_at}, runs the call in a
child of its own and answers `killed` or `ended`. It imports everything once; a child is a fork.
"""

import asyncio
import gc
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from codelab_core.protocol.events import ToolCall
from fakes.tool_bench import ToolBench

ENDED, KILLED = "ended", "killed"


class CrashClient:
    """The running program; use it as a context."""

    def __enter__(self) -> Self:
        """Start it."""
        self._program = subprocess.Popen(
            [sys.executable, "-m", "fakes.crash_client"],
            cwd=Path(__file__).parent.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._program.communicate()

    def run(self, folder: Path, call: ToolCall, kill_at: str) -> str:
        """Run a call in the workspace below `folder`; `KILLED`, or `ENDED` without that step."""
        order = {"folder": str(folder), "call": call.model_dump(mode="json"), "kill_at": kill_at}
        stdin, stdout = self._program.stdin, self._program.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps(order) + "\n")
        stdin.flush()
        return stdout.readline().strip()


def _run(folder: str, call: ToolCall, kill_at: str) -> None:
    """The life of one client."""

    def die(step: str) -> None:
        if step == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    asyncio.run(ToolBench(Path(folder), on_step=die).answer(call))


def main() -> None:
    """Serve orders until there are no more."""
    gc.freeze()  # pages that are not written to need not be copied for each child
    gc.disable()
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            _run(order["folder"], ToolCall.model_validate(order["call"]), order["kill_at"])
            os._exit(0)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{KILLED if os.WIFSIGNALED(status) else ENDED}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

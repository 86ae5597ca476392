"""`python -m codelab_client smoke`: one whole turn against a running system, checked to the byte.

Needs no terminal, no git and no model: the scripted provider reads, patches and asks.
"""

import argparse
import asyncio
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from codelab_client.agent_session import AgentSession, CommandRefusedError
from codelab_client.approvals import FixedAnswers
from codelab_client.connection import GatewayRefusedError
from codelab_client.opening import Where, opened_session
from codelab_client.places import Gateway, GatewayError, parse_url
from codelab_client.transcript import TranscriptError
from codelab_core.clock import SYSTEM_CLOCK

BEFORE: Final = "one old line\r\nanother line\r\nand an old one"
"""Ends of lines that a careless patch would change, and none at the end of the file."""
AFTER: Final = BEFORE.replace("old", "new")
TASK: Final = 'replace "old" with "new" in notes.txt then ask me "Is it well?" with options yes, no'
TURN_S: Final = 10.0
"""Longest time for the turn (`helm test` of the chart)."""
POLL_S: Final = 0.5
STEPS: Final = ("read_file", "apply_patch_review", "apply_patch", "prompt_user")


class SmokeError(Exception):
    """The system did not do what it should; the text says what."""


@dataclass(slots=True)
class Witness:
    """Remembers which tools were called and what went wrong."""

    tools: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def show(self, frame: Any) -> None:
        """Take one frame, as a screen does."""
        if frame["type"] == "tool_call":
            self.tools.append(frame["tool_name"])
        elif frame["type"] == "error":
            self.errors.append(f"{frame['code']}: {frame['message']}")


async def smoke(gateway: Gateway, wait_s: float) -> str:
    """Wait for a ready gateway, then run the turn; one line about it. Raises `SmokeError`."""
    await _until_healthy(gateway, wait_s)
    with tempfile.TemporaryDirectory(prefix="codelab-smoke-") as folder:
        workspace = Path(folder) / "workspace"
        workspace.mkdir()
        (workspace / "notes.txt").write_bytes(BEFORE.encode())
        witness = Witness()
        where = Where(Path(folder) / "state", workspace)
        answers = FixedAnswers.parse("all")
        async with opened_session(where, gateway, answers, witness) as session:
            took_s = await _turn(session)
            _check(session, witness, (workspace / "notes.txt").read_bytes())
            return f"one turn, {session.transcript.seq} events, {took_s:.2f} s"


async def _until_healthy(gateway: Gateway, wait_s: float) -> None:
    """Ask until the gateway has what it needs, `wait_s` seconds at most."""
    ends = SYSTEM_CLOCK.monotonic() + wait_s
    while True:
        try:
            await gateway.request("GET", "/health/ready")
        except GatewayError as error:
            if SYSTEM_CLOCK.monotonic() > ends:
                raise SmokeError(f"not ready after {wait_s:g} s: {error}") from error
            await asyncio.sleep(POLL_S)
        else:
            return


async def _turn(session: AgentSession) -> float:
    """The turn, and how long it took in seconds."""
    began = SYSTEM_CLOCK.monotonic()
    try:
        async with asyncio.timeout(TURN_S):
            completed = await session.ask(TASK)
    except TimeoutError:
        raise SmokeError(f"the turn took longer than {TURN_S:g} s") from None
    if completed["reason"] != "completed":
        raise SmokeError(f"the turn ended with: {completed['reason']}")
    return SYSTEM_CLOCK.monotonic() - began


def _check(session: AgentSession, witness: Witness, content: bytes) -> None:
    """Files, tools and frames are as they should be; gaps were refused while they came."""
    if content != AFTER.encode():
        raise SmokeError("notes.txt does not hold what was agreed")
    if tuple(witness.tools) != STEPS:
        raise SmokeError(f"tools called: {', '.join(witness.tools) or 'none'}")
    if witness.errors:
        raise SmokeError("; ".join(witness.errors))
    if session.transcript.finals != 1:
        raise SmokeError(f"{session.transcript.finals} final frames instead of one")


def main() -> int:
    """0 where everything held."""
    parser = argparse.ArgumentParser(prog="codelab smoke", description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="the gateway")
    parser.add_argument("--token-file", type=Path, help="file with the client token")
    parser.add_argument("--wait", type=float, default=60.0, help="seconds until it must be ready")
    given = parser.parse_args(sys.argv[2:])
    try:
        token = given.token_file.read_text().strip() if given.token_file else None
        said = asyncio.run(smoke(parse_url(given.url, token), given.wait))
    except (
        CommandRefusedError,
        GatewayError,
        GatewayRefusedError,
        OSError,
        SmokeError,
        TranscriptError,
    ) as error:
        sys.stderr.write(f"✗ {error}\n")
        return 1
    sys.stdout.write(f"✓ {said}\n")
    return 0

"""The `codelab` command."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from codelab_client.agent_session import CommandRefusedError
from codelab_client.approvals import FixedAnswers
from codelab_client.at_hand import opened_gateway
from codelab_client.chat import chat_loop
from codelab_client.connection import GatewayRefusedError
from codelab_client.demo import run_demo
from codelab_client.dialog_types import Dialogs
from codelab_client.dialogs import TerminalDialogs
from codelab_client.help_texts import epilog
from codelab_client.opening import Where, opened_session
from codelab_client.places import GatewayError, codelab_folder, environment_state_home
from codelab_client.render import SilentScreen, TerminalScreen
from codelab_client.serving import serve_until_stopped
from codelab_client.task import Both, Summary, write_json
from codelab_client.typing_lines import asker
from codelab_client.up import Options
from codelab_core.settings import SettingsError

app = typer.Typer(
    help="An AI coding agent on your own files: you approve each change, hunk by hunk.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    epilog=epilog("codelab"),
)
sessions = typer.Typer(no_args_is_help=True)
app.add_typer(
    sessions,
    name="sessions",
    help="Sessions that the gateway keeps.",
    epilog=epilog("sessions"),
)

Url = Annotated[
    str | None, typer.Option(help="Gateway address; without it, the local one, started if needed.")
]
Token = Annotated[str | None, typer.Option(help="Client token of that gateway.")]
Workspace = Annotated[Path, typer.Option(help="Folder that the agent works in.", exists=True)]
Session = Annotated[str | None, typer.Option(help="Session to go on with; without it, a new one.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
SessionId = Annotated[str, typer.Argument(help="Its id, as `codelab sessions list` shows it.")]


@app.command(epilog=epilog("up"))
def up(
    redis: Annotated[
        str, typer.Option(help="Store: redis://, rediss:// or unix://.")
    ] = "embedded://",
    host: Annotated[str, typer.Option(help="Address of the gateway.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port of the gateway.")] = 8000,
) -> None:
    """Serve gateway, runtime and LLM proxy in one process, with a private store."""
    folder = codelab_folder(environment_state_home())
    options = Options(folder, redis_url=redis, host=host, gateway_port=port)
    _run(serve_until_stopped(options, Console(stderr=True)))


@app.command(epilog=epilog("chat"))
def chat(
    workspace: Workspace = Path(),
    url: Url = None,
    token: Token = None,
    session: Session = None,
) -> None:
    """Talk with the agent; it works in the workspace, and asks before it changes anything."""
    console, lines = Console(), asker()

    async def talk() -> int:
        where = Where(environment_state_home(), workspace, url, token, session)
        dialogs = TerminalDialogs(console, lines)
        async with (
            opened_gateway(where) as gateway,
            opened_session(where, gateway, dialogs, TerminalScreen(console)) as live,
        ):
            return await chat_loop(live, console, lines)

    _run(talk())


@app.command(name="do", epilog=epilog("do"))
def do_task(
    task: Annotated[str, typer.Argument(help="What the agent is to do.")],
    workspace: Workspace = Path(),
    approve: Annotated[
        str, typer.Option(help="all, none, ask, or the numbers of hunks, such as 1,3.")
    ] = "ask",
    url: Url = None,
    token: Token = None,
    session: Session = None,
    json: Json = False,
) -> None:
    """Have one task done.

    The exit code is 0 when it was, 1 when it was not, 2 for a wrong option, 130 after Ctrl-C.
    """
    console = Console(stderr=json)
    try:
        dialogs: Dialogs = (
            TerminalDialogs(console, asker()) if approve == "ask" else FixedAnswers.parse(approve)
        )
    except ValueError:
        raise typer.BadParameter("give all, none, ask, or numbers such as 1,3") from None

    async def work() -> int:
        where = Where(environment_state_home(), workspace, url, token, session)
        summary = Summary()
        screen = Both(summary, SilentScreen() if json else TerminalScreen(console))
        async with (
            opened_gateway(where) as gateway,
            opened_session(where, gateway, dialogs, screen) as live,
        ):
            completed = await live.ask(task)
            if json:
                write_json(summary.report(live, completed))
        return 0 if completed["reason"] == "completed" else 1

    _run(work())


@app.command(epilog=epilog("demo"))
def demo(
    once: Annotated[bool, typer.Option("--once", help="Stop after the task.")] = False,
) -> None:
    """Run everything on a small sample project: read, patch, review, apply, diff; then a prompt."""
    interactive = not once and sys.stdin.isatty() and sys.stdout.isatty()
    _run(run_demo(Console(), interactive=interactive))


@sessions.command(name="list", epilog=epilog("sessions list"))
def list_sessions(url: Url = None, token: Token = None, json: Json = False) -> None:
    """Sessions, newest activity first."""
    answer = _ask("GET", "/api/v1/sessions", url, token)
    if json:
        write_json(answer)
        return
    table = Table("session", "title", "state", "messages", "last activity, UTC", box=SIMPLE_HEAD)
    for column in table.columns:
        column.no_wrap = column.header != "title"  # titles give way where there is no room
    for row in answer["sessions"]:
        at = row["last_activity"][:16].replace("T", " ")
        cells = (row["id"], row["title"], row["state"], str(row["message_count"]), at)
        table.add_row(*(Text(cell, no_wrap=True, overflow="ellipsis") for cell in cells))
    Console().print(table)


@sessions.command(epilog=epilog("sessions show"))
def show(session_id: SessionId, url: Url = None, token: Token = None) -> None:
    """The conversation of a session."""
    console = Console()
    for item in _ask("GET", f"/api/v1/sessions/{session_id}/history", url, token)["messages"]:
        if "content" in item and item["role"] != "tool":
            console.print(f"[bold]{item['role']}[/bold]: ", end="")
            console.print(item["content"], markup=False, highlight=False)
        for call in item.get("tool_calls", ()):
            console.print(f"  → {call['function']['name']}", markup=False, highlight=False)


@sessions.command(epilog=epilog("sessions export"))
def export(session_id: SessionId, url: Url = None, token: Token = None) -> None:
    """A session and its history as JSON."""
    session = _ask("GET", f"/api/v1/sessions/{session_id}", url, token)
    history = _ask("GET", f"/api/v1/sessions/{session_id}/history", url, token)
    write_json({"session": session, "history": history["messages"]})


@sessions.command(epilog=epilog("sessions delete"))
def delete(session_id: SessionId, url: Url = None, token: Token = None) -> None:
    """Remove a session; a turn that runs is cancelled."""
    _ask("DELETE", f"/api/v1/sessions/{session_id}", url, token)


def _ask(method: str, path: str, url: str | None, token: str | None) -> Any:
    """One REST call."""

    async def call() -> Any:
        async with opened_gateway(Where(environment_state_home(), url=url, token=token)) as gateway:
            return await gateway.request(method, path)

    return _completed(call())


def _run(work: Any) -> None:
    """Run a command to its exit code."""
    raise typer.Exit(_completed(work))


def _completed(work: Any) -> Any:
    """The outcome of a command; failures that a person can do something about are one sentence."""
    try:
        return asyncio.run(work)
    except (GatewayError, GatewayRefusedError, CommandRefusedError, SettingsError) as error:
        Console(stderr=True).print(f"codelab: {error}", style="red", markup=False)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def main() -> None:
    """Run the command line."""
    app()

"""`codelab up`: serve until a signal comes."""

import asyncio
import signal

from rich.console import Console

from codelab_client.up import Options, Stack, stack
from codelab_core.llm_names import SCRIPTED
from codelab_core.observability import configure_logging


async def serve_until_stopped(options: Options, console: Console) -> int:
    """Start everything, say where it is, stop in order at SIGINT or SIGTERM."""
    configure_logging(options.log_level)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with stack(options) as running:
        introduce(running, console)
        await stop.wait()
        console.print("stopping …")
    return 0


def _who_answers(running: Stack) -> str:
    """Provider and model; nobody should take the one for the other."""
    if running.provider == SCRIPTED:
        return "the built-in scripted provider: no key, no network"
    return f"{running.model} of {running.provider}, by its variable in the environment or the file"


def introduce(running: Stack, console: Console) -> None:
    """The first lines: where everything is, who answers, what to do next."""
    socket = "ws" + running.gateway_url.removeprefix("http")
    lines = [
        "[bold]codelab is running[/bold]",
        f"  gateway    {running.gateway_url}   WebSocket {socket}/ws/<session>",
        f"  runtime    {running.runtime_url}",
        f"  llm proxy  {running.llmproxy_url}",
        f"  model      {_who_answers(running)}",
    ]
    if running.token:
        lines.append(f"  token      {running.token}")
    lines += ["", "Next: [bold]codelab chat[/bold] in another terminal. Ctrl-C stops."]
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True)

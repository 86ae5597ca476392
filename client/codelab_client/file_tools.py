"""`read_file` and `write_file`."""

from collections.abc import Mapping

from codelab_client.effects import Effects, NewFile, Outcome, Request
from codelab_client.excerpt import excerpt
from codelab_client.failures import check_path, invalid_arguments
from codelab_client.path_locks import Claim
from codelab_client.threads import run_in_thread
from codelab_client.tool import Job, Result, Tool
from codelab_client.workspace import Seen, Workspace
from codelab_core.tool_errors import ToolError
from codelab_core.tools import (
    BUILT_IN,
    READ_MAX_BYTES,
    ReadFileArguments,
    WriteFileArguments,
)


def read_file_tool(workspace: Workspace) -> Tool[ReadFileArguments]:
    """`read_file` in a workspace."""

    async def run(job: Job[ReadFileArguments]) -> Result:
        return await run_in_thread(_read, workspace, job.arguments)

    return Tool(
        "read_file",
        "read",
        ReadFileArguments,
        BUILT_IN["read_file"].timeout_ms,
        claim=lambda job: Claim.reading(job.arguments.path),
        run=run,
    )


def write_file_tool(effects: Effects) -> Tool[WriteFileArguments]:
    """`write_file` by way of `effects`."""

    async def run(job: Job[WriteFileArguments]) -> Result:
        return await run_in_thread(_write, effects, job)

    return Tool(
        "write_file",
        "write",
        WriteFileArguments,
        timeout_ms=None,
        claim=lambda job: Claim.writing(job.arguments.path),
        run=run,
    )


def _read(workspace: Workspace, arguments: ReadFileArguments) -> Result:
    """The lines that were asked for, and the facts of the whole file."""
    seen = workspace.read(arguments.path)
    content = seen.content or b""
    start = arguments.start_line or 1
    try:
        lines = excerpt(content, start, arguments.end_line, READ_MAX_BYTES)
    except ToolError as error:
        error.details = {"path": arguments.path, **error.details}
        raise
    return {
        "success": True,
        "content": lines.content,
        "encoding": "utf-8",
        "sha256": seen.sha,
        "size": len(content),
        "start_line": lines.start_line,
        "end_line": lines.end_line,
        "total_lines": lines.total_lines,
        "truncated": lines.truncated,
        "eol": lines.eol,
        "bom": lines.bom,
        "executable": seen.executable,
    }


def _write(effects: Effects, job: Job[WriteFileArguments]) -> Result:
    """Make or replace the file, unless it is so already."""
    path, content = job.arguments.path, job.arguments.content.encode()
    check_path(path)
    if job.guard is not None and job.guard.paths != [path]:
        raise invalid_arguments("The guard is not about this file.", {"loc": "guard", "msg": path})

    def make(_seen: Mapping[str, Seen]) -> dict[str, NewFile]:
        return {path: NewFile(content)}

    def render(outcome: Outcome) -> Result:
        return _written(outcome, len(content))

    return effects.carry_out(Request(job.key, [path], job.guard, make, render))


def _written(outcome: Outcome, size: int) -> Result:
    """The result of `write_file`."""
    file = outcome.guard.files[0]
    result = {
        "success": True,
        "bytes_written": size if outcome.changed else 0,
        "created": outcome.changed and file.op == "create",
        "changed": outcome.changed,
        "pre_sha": file.pre_sha,
        "post_sha": file.post_sha,
    }
    return {**result, "already_applied": True} if outcome.already else result

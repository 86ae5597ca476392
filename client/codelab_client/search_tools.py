"""`list_files` and `search_in_code`, which the client declares beside the built-in six."""

from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from typing import Annotated, Any, Final

from pydantic import Field, StringConstraints

from codelab_client.failures import invalid_arguments, not_a_file
from codelab_client.finders import Finder, PlainFinder, expression_finder
from codelab_client.git import Git
from codelab_client.globs import Matcher, name_matcher, path_matcher
from codelab_client.listing import file_sizes, list_paths
from codelab_client.path_locks import Claim
from codelab_client.threads import run_in_thread
from codelab_client.tool import Job, Result, Tool
from codelab_client.workspace import Workspace
from codelab_core.clock import Clock
from codelab_core.tool_errors import ToolError
from codelab_core.tools import Arguments, ToolSpec

MAX_LISTED: Final = 2_000
MAX_MATCHES: Final = 200
SEARCH_S: Final = 20.0
"""After this time a search ends with what it has."""
_TIMEOUT_MS: Final = 60_000
_FILE_MAX_BYTES: Final = 1 << 20
_BATCH_FILES: Final = 64
_BATCH_BYTES: Final = 4 << 20

Pattern = Annotated[str, StringConstraints(min_length=1, max_length=1024)]
Place = Annotated[str, StringConstraints(min_length=1, max_length=1024)]


class ListFilesArguments(Arguments):
    """`pattern` is a glob relative to `path`."""

    path: Place = "."
    recursive: bool = False
    include_hidden: bool = False
    pattern: Pattern | None = None


class SearchInCodeArguments(Arguments):
    """`path` is a folder or one file; `file_pattern` a glob relative to it, or for names alone."""

    query: Annotated[str, StringConstraints(min_length=1, max_length=1000)]
    path: Place = "."
    file_pattern: Pattern | None = None
    case_sensitive: bool = False
    regex: bool = False
    max_results: Annotated[int, Field(ge=1, le=MAX_MATCHES)] = MAX_MATCHES


SPECS: Final = (
    ToolSpec(
        "list_files",
        "read",
        "Lists files of a folder with their sizes, those below it too with recursive. Ignored files"
        " are left out. In pattern * stays within a folder name, ** spans folders (**/*.py).",
        ListFilesArguments,
        _TIMEOUT_MS,
    ),
    ToolSpec(
        "search_in_code",
        "read",
        "Finds lines with a text, or with a Python regular expression (regex), in all files that"
        " are not ignored. A file_pattern without / is about names (*.py).",
        SearchInCodeArguments,
        _TIMEOUT_MS,
    ),
)


def declaration(spec: ToolSpec) -> dict[str, Any]:
    """A tool as `hello.tools` declares it."""
    return {
        "name": spec.name,
        "description": spec.description,
        "parameters": spec.parameters(),
        "kind": spec.kind,
        "reads": ["path"],
        "timeout_ms": spec.timeout_ms,
    }


class SearchTools:
    """The two tools in one workspace."""

    def __init__(self, workspace: Workspace, git: Git, clock: Clock) -> None:
        self._workspace = workspace
        self._git = git
        self._clock = clock

    def list_files(self) -> Tool[ListFilesArguments]:
        """The tool of that name."""
        return _tree_tool("list_files", ListFilesArguments, self._list)

    def search_in_code(self) -> Tool[SearchInCodeArguments]:
        """The tool of that name."""
        return _tree_tool("search_in_code", SearchInCodeArguments, self._search)

    async def _list(self, job: Job[ListFilesArguments]) -> Result:
        """Files with sizes; without `recursive` also the names of the folders beside them."""
        arguments = job.arguments
        matches = _matcher(path_matcher, "pattern", arguments.pattern)
        kind = await run_in_thread(self._workspace.kind, arguments.path)
        if kind != "folder":
            raise not_a_file(arguments.path, kind)
        listed = await list_paths(
            self._workspace, self._git, arguments.path, include_hidden=arguments.include_hidden
        )
        start = _start(arguments.path)
        deep = arguments.recursive or "/" in (arguments.pattern or "")
        chosen = [
            path for path in listed if (deep or "/" not in path[start:]) and matches(path[start:])
        ]
        sizes = await run_in_thread(file_sizes, self._workspace, chosen, MAX_LISTED + 1)
        files = [{"path": path, "size": size} for path, size in sizes.items()]
        result = {
            "success": True,
            "files": files[:MAX_LISTED],
            "truncated": len(files) > MAX_LISTED,
        }
        return result if deep else {**result, "folders": _folders(listed, start)}

    async def _search(self, job: Job[SearchInCodeArguments]) -> Result:
        """Matching lines in the order of paths and lines."""
        arguments = job.arguments
        fits = _matcher(name_matcher, "file_pattern", arguments.file_pattern)
        listed = await list_paths(self._workspace, self._git, arguments.path, include_hidden=False)
        start = _start(arguments.path) if listed != [arguments.path] else 0
        paths = [path for path in listed if fits(path[start:])]
        async with _finder(arguments) as finder:
            matches, complete = await self._find(finder, paths, arguments.max_results)
        return {"success": True, "matches": matches, "truncated": not complete}

    async def _find(
        self, finder: Finder, paths: list[str], limit: int
    ) -> tuple[list[dict[str, Any]], bool]:
        """At most `limit` matches, and whether those are all."""
        until = self._clock.monotonic() + SEARCH_S
        matches: list[dict[str, Any]] = []
        at = 0
        while at < len(paths) and len(matches) <= limit:
            if self._clock.monotonic() > until:
                return matches, False
            texts, at = await run_in_thread(_read_texts, self._workspace, paths, at)
            found = await finder.find(list(texts.values()), limit + 1 - len(matches))
            matches += [
                {"path": path, "line": line, "text": text}
                for path, lines in zip(texts, found, strict=True)
                for line, text in lines
            ]
        return matches[:limit], len(matches) <= limit


def _tree_tool[A: Arguments](
    name: str, arguments: type[A], run: Callable[[Job[A]], Coroutine[Any, Any, Result]]
) -> Tool[A]:
    """A tool that reads the whole tree."""
    return Tool(name, "read", arguments, _TIMEOUT_MS, claim=lambda _job: Claim(tree=True), run=run)


def _start(path: str) -> int:
    """Where the part of a listed path begins that is relative to `path`."""
    return 0 if path == "." else len(path) + 1


def _folders(listed: Sequence[str], start: int) -> list[str]:
    """Names of the folders that hold listed files, as workspace paths."""
    deeper = (path[start:].partition("/") for path in listed if "/" in path[start:])
    prefix = listed[0][:start] if listed else ""
    return [prefix + name for name in sorted({name for name, _, _ in deeper})[:MAX_LISTED]]


def _matcher(make: Callable[[str], Matcher], argument: str, pattern: str | None) -> Matcher:
    """What a pattern matches; everything without one. Raises `INVALID_ARGUMENTS`."""
    if pattern is None:
        return lambda _path: True
    try:
        return make(pattern)
    except ValueError as error:
        fault = {"loc": argument, "msg": str(error)}
        raise invalid_arguments("The pattern cannot be used.", fault) from error


def _finder(arguments: SearchInCodeArguments) -> AbstractAsyncContextManager[Finder]:
    """The way to find what is asked for."""
    query, case_sensitive = arguments.query, arguments.case_sensitive
    if arguments.regex:
        return expression_finder(query, case_sensitive=case_sensitive)
    return nullcontext(PlainFinder(query, case_sensitive=case_sensitive))


def _read_texts(
    workspace: Workspace, paths: Sequence[str], start: int
) -> tuple[dict[str, str], int]:
    """The text files among the next paths, and where to go on. Blocks.

    Left out: what is binary, above 1 MiB, no regular file, or gone.
    """
    texts: dict[str, str] = {}
    at, size = start, 0
    while at < len(paths) and at - start < _BATCH_FILES and size < _BATCH_BYTES:
        with suppress(ToolError):
            content = workspace.look(paths[at], _FILE_MAX_BYTES).content or b""
            if b"\0" not in content:
                texts[paths[at]] = content.decode(errors="replace")
                size += len(content)
        at += 1
    return texts, at

"""A log line at the head of each function, in Python, JavaScript and TypeScript. Pure."""

import ast
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Final

from codelab_llmproxy.scripted.diffs import Edit

MAX_LINE_CHARS: Final = 1_000
_SCRIPT_FUNCTION: Final = re.compile(
    r"""^(?P<indent>\s*)
        (?:export\s+)?(?:default\s+)?(?:static\s+)?(?:async\s+)?
        (?:
            function\s*\*?\s*(?P<function>[\w$]*)\s*\(
          | (?:const|let|var)\s+(?P<arrow>[\w$]+)\s*=\s*(?:async\s*)?
            (?:function\b|\(?[^()]*\)?\s*=>)
          | (?!(?:if|for|while|switch|catch|return|with|new|await)\b)(?P<method>[\w$]+)\s*\(
        )
        .*\{\s*$""",
    re.VERBOSE,
)
_IMPORT: Final = re.compile(r"^(import logging\b|from logging\b)")

Insertion = Callable[[Sequence[str]], list[Edit]]


def log_lines(path: str) -> Insertion | None:
    """What adds the lines to a file of this name; `None` for languages that are not known."""
    suffix = path.rpartition(".")[2].lower()
    return _BY_SUFFIX.get(suffix)


def _python(lines: Sequence[str]) -> list[Edit]:
    """Log lines after the docstring of each function; nothing for a file that is no Python."""
    text = "".join(lines)
    if "\r" in text:
        return []  # Python counts lines by it, we do not
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return []
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    edits = [edit for function in functions for edit in _at_head(function, lines)]
    if edits and not any(map(_IMPORT.match, lines)):
        at = _import_line(tree)
        edits.append(Edit(at, at, ("import logging\n",)))
    return sorted(edits, key=lambda edit: edit.start)


def _at_head(
    function: ast.FunctionDef | ast.AsyncFunctionDef, lines: Sequence[str]
) -> Iterator[Edit]:
    """The line for one function whose body has lines of its own."""
    first = function.body[0]
    at, column = first.lineno - 1, first.col_offset
    if isinstance(first, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        at = min([at, *(decorator.lineno - 1 for decorator in first.decorator_list)])
    if ast.get_docstring(function, clean=False) is not None:
        at = first.end_lineno or at
    indent = lines[first.lineno - 1].encode()[:column].decode()
    if indent.strip() or (at and not lines[at - 1].endswith("\n")):
        return
    yield Edit(at, at, (f'{indent}logging.info("{function.name} called")\n',))


def _import_line(tree: ast.Module) -> int:
    """Where an import may stand: after the docstring and the imports from `__future__`."""
    first = [*takewhile(_stays_first, tree.body)]
    return (first[-1].end_lineno or 0) if first else 0


def _stays_first(node: ast.stmt) -> bool:
    """Whether nothing may be put before a statement."""
    is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return is_docstring or (isinstance(node, ast.ImportFrom) and node.module == "__future__")


def _script(lines: Sequence[str]) -> list[Edit]:
    """Log lines after each line that opens a function."""
    return [edit for at, line in enumerate(lines, 1) for edit in _after_opening(lines, at, line)]


def _after_opening(lines: Sequence[str], at: int, line: str) -> Iterator[Edit]:
    """The line for a function that opens just before line `at`."""
    match = _SCRIPT_FUNCTION.match(line) if len(line) <= MAX_LINE_CHARS else None
    if match and at < len(lines):
        name = match["function"] or match["arrow"] or match["method"] or "function"
        indent = _inner_indent(lines[at], match["indent"])
        yield Edit(at, at, (f'{indent}console.log("{name} called");\n',))


def _inner_indent(following: str, outer: str) -> str:
    """The indentation of the next line where it is deeper, else two blanks more than outside."""
    indent = following[: len(following) - len(following.lstrip())]
    deeper = following.strip() and len(indent) > len(outer)
    return indent if deeper else f"{outer}  "


_BY_SUFFIX: Final[Mapping[str, Insertion]] = {
    "py": _python,
    **dict.fromkeys(("js", "jsx", "mjs", "cjs", "ts", "tsx"), _script),
}

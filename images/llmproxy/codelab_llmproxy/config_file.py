"""Reads the configuration file: YAML into the types of core, faults with line and path."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from codelab_core.llm_config import LLMConfig, LLMConfigError, parse_config
from codelab_core.llm_names import Path as Place
from codelab_core.llm_names import Problem
from codelab_core.settings import SettingsError

MAX_BYTES: Final = 1_048_576
MAX_NODES: Final = 100_000

Stamp = tuple[str, int, int]
"""Resolved path, modification time in ns, size: what differs after every change of a file."""


class ConfigFileError(SettingsError):
    """A file that cannot be used; `problems` are sentences, each with its line where it has one."""

    def __init__(self, file: Path, problems: list[str]) -> None:
        super().__init__(file, problems)
        self.file = file
        self.problems = problems

    def __str__(self) -> str:
        """One line per problem."""
        return "\n".join(f"{self.file}: {problem}" for problem in self.problems)


def load_config(file: Path) -> LLMConfig:
    """The configuration in a file; raises `ConfigFileError` with everything that is wrong."""
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigFileError(file, [f"cannot be read: {error.strerror}"]) from None
    if len(content) > MAX_BYTES:
        raise ConfigFileError(file, [f"is larger than {MAX_BYTES} bytes"])
    try:
        return parse_text(content)
    except LLMConfigError as error:
        raise ConfigFileError(file, [str(problem) for problem in error.problems]) from None


def parse_text(content: bytes) -> LLMConfig:
    """The configuration in YAML; raises `LLMConfigError`, each message begins with its line."""
    try:
        loader = yaml.SafeLoader(content)
        root = loader.get_single_node()
        lines = _Lines(root)
        document = loader.construct_document(root) if root else None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise LLMConfigError((Problem((), _yaml_fault(error)),)) from None
    try:
        config = parse_config(document)
    except LLMConfigError as error:
        found = [*lines.repeated, *error.problems]
        raise LLMConfigError(tuple(map(lines.placed, found))) from None
    if lines.repeated:
        raise LLMConfigError(tuple(map(lines.placed, lines.repeated)))
    return config


def stamp(file: Path) -> Stamp | None:
    """How a file looks from outside; `None` where there is none.

    Kubernetes changes a mounted Secret by swapping a link in its path, so the resolved path counts.
    """
    try:
        resolved = file.resolve(strict=True)
        facts = resolved.stat()
    except OSError:
        return None
    return str(resolved), facts.st_mtime_ns, facts.st_size


def _yaml_fault(error: Exception) -> str:
    """What is wrong with the text itself, without a piece of it: there may be keys in it."""
    mark = getattr(error, "problem_mark", None)
    if isinstance(error, _TooLargeError):
        return "it holds itself, or far too much"
    what = getattr(error, "problem", None) or "this is no YAML"
    return f"line {mark.line + 1}: {what}" if mark else str(what)


class _TooLargeError(ValueError):
    """A document that holds itself, or far too much."""


class _Lines:
    """Where each value of a YAML document stands; `repeated` are fields that come twice."""

    def __init__(self, root: yaml.Node | None) -> None:
        self._lines: dict[Place, int] = {}
        self.repeated: list[Problem] = []
        if root:
            self._walk(root, (), frozenset())

    def placed(self, problem: Problem) -> Problem:
        """The problem with its line, or that of what it is missing in."""
        path = problem.path
        while path and path not in self._lines:
            path = path[:-1]
        return Problem((), f"line {self._lines.get(path, 1)}: {problem}")

    def _walk(self, node: yaml.Node, path: Place, above: frozenset[int]) -> None:
        """Note the lines of a value and of all in it."""
        if id(node) in above or len(self._lines) > MAX_NODES:
            raise _TooLargeError
        self._lines[path] = node.start_mark.line + 1
        for step, child in self._children(node, path):
            self._walk(child, (*path, step), above | {id(node)})

    def _children(self, node: yaml.Node, path: Place) -> Iterator[tuple[Any, yaml.Node]]:
        """The values in a value, each under its name or number."""
        if isinstance(node, yaml.SequenceNode):
            yield from enumerate(node.value)
        if isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, value in node.value:
                name = str(key.value)
                if name in seen:
                    self.repeated.append(Problem((*path, name), "this comes twice"))
                seen.add(name)
                yield name, value

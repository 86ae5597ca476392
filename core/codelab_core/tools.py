"""The six built-in tools as the model sees them: names, kinds, arguments, limits.

The JSON Schemas that providers get and docs/tools.md shows are generated from the argument models.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

ToolKind = Literal["read", "write", "prompt"]

READ_MAX_BYTES: Final = 1_048_576
FILE_MAX_BYTES: Final = 32 * 1_048_576
WRITE_MAX_CHARS: Final = 1_048_576
WRITE_MAX_PARENTS: Final = 16
DIFF_MAX_BYTES: Final = 5 * 1_048_576
DIFF_MAX_FILES: Final = 100
DIFF_MAX_FILE_BYTES: Final = 1_048_576
GIT_TIMEOUT_S: Final = 60
PATCH_MAX_CHARS: Final = 524_288
FILE_TOOL_TIMEOUT_MS: Final = 60_000
QUESTION_TIMEOUT_MS: Final = 24 * 3_600_000

Path = Annotated[str, StringConstraints(min_length=1, max_length=1024)]


class Arguments(BaseModel):
    """Base of all argument models: closed, no coercion."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class ReadFileArguments(Arguments):
    """Lines are counted from 1, both ends included."""

    path: Path
    start_line: Annotated[int, Field(ge=1)] | None = None
    end_line: Annotated[int, Field(ge=1)] | None = None


class WriteFileArguments(Arguments):
    """`content` is the whole new file."""

    path: Path
    content: Annotated[str, StringConstraints(max_length=WRITE_MAX_CHARS)]


class GitDiffArguments(Arguments):
    """Working tree against the index, or `staged`, or a `revision` such as HEAD~1..HEAD."""

    path: str = "."
    staged: bool = False
    revision: Annotated[str, StringConstraints(max_length=200)] | None = None
    context_lines: Annotated[int, Field(ge=0, le=20)] = 3


class HunkPlace(Arguments):
    """Puts hunk number `hunk` (from 1) at line `line`, one of the candidates reported before."""

    hunk: Annotated[int, Field(ge=1)]
    line: Annotated[int, Field(ge=1)]


Places = Annotated[list[HunkPlace], Field(max_length=200)]
Diff = Annotated[str, StringConstraints(max_length=PATCH_MAX_CHARS)]


class ApplyPatchArguments(Arguments):
    """Exactly one of `diff` and `review_id`, the call id of a review of this turn."""

    diff: Diff | None = None
    review_id: str | None = None
    at: Places | None = None


class ApplyPatchReviewArguments(Arguments):
    """A patch that the person picks from; nothing is applied yet."""

    diff: Diff
    message: Annotated[str, StringConstraints(max_length=4000)] | None = None
    at: Places | None = None


def _distinct(actions: list[str]) -> list[str]:
    """Refuse a choice between twins: the schema says `uniqueItems`."""
    if len(set(actions)) < len(actions):
        raise ValueError("actions must be distinct")
    return actions


class PromptUserArguments(Arguments):
    """A question with one to eight distinct answers."""

    message: Annotated[str, StringConstraints(min_length=1, max_length=4000)]
    actions: Annotated[
        list[Annotated[str, StringConstraints(min_length=1, max_length=64)]],
        Field(min_length=1, max_length=8, json_schema_extra={"uniqueItems": True}),
        AfterValidator(_distinct),
    ]
    allow_text: bool = False


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """One built-in tool. `timeout_ms` runs from the delivery of a call to the client."""

    name: str
    kind: ToolKind
    description: str
    arguments: type[Arguments]
    timeout_ms: int

    def parameters(self) -> dict[str, Any]:
        """JSON Schema of the arguments, without titles and model descriptions."""
        schema = self.arguments.model_json_schema()
        definitions = schema.pop("$defs", {})
        plain: dict[str, Any] = _plain(schema, definitions)
        return plain


def _plain(node: Any, definitions: Mapping[str, Any]) -> Any:
    """A schema with references inlined and `X or null` read as an optional X."""
    match node:
        case list():
            return [_plain(item, definitions) for item in node]
        case {"$ref": str(name)}:
            return _plain(definitions[name.rpartition("/")[2]], definitions)
        case {"anyOf": [kept, {"type": "null"}]}:
            return _plain(kept, definitions)
    return _plain_object(node, definitions) if isinstance(node, dict) else node


def _plain_object(node: dict[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """An object without its title and description; properties may bear those names."""
    plain = {
        key: _plain(value, definitions)
        for key, value in node.items()
        if key not in {"title", "description", "properties"}
    }
    if "properties" in node:
        fields = node["properties"].items()
        plain["properties"] = {name: _plain(field, definitions) for name, field in fields}
    return plain


_SPECS: Final = (
    ToolSpec(
        "read_file",
        "read",
        "Reads a text file of the workspace, whole or a range of lines.",
        ReadFileArguments,
        FILE_TOOL_TIMEOUT_MS,
    ),
    ToolSpec(
        "write_file",
        "write",
        "Creates a file, or replaces a file that was read before, with the given content.",
        WriteFileArguments,
        FILE_TOOL_TIMEOUT_MS,
    ),
    ToolSpec(
        "git.diff",
        "read",
        "Shows what changed: the working tree, the index (staged), or a revision or range"
        " (the last commit is HEAD~1..HEAD).",
        GitDiffArguments,
        FILE_TOOL_TIMEOUT_MS,
    ),
    ToolSpec(
        "apply_patch",
        "write",
        "Applies a unified diff to files that were read before. Line numbers are hints only: give"
        " enough context that each hunk fits in one place. After a review, pass its filtered_diff.",
        ApplyPatchArguments,
        FILE_TOOL_TIMEOUT_MS,
    ),
    ToolSpec(
        "apply_patch_review",
        "prompt",
        "Shows the person a unified diff to pick hunks from; returns the hunks they chose as"
        " filtered_diff. Nothing is applied: call apply_patch with filtered_diff afterwards.",
        ApplyPatchReviewArguments,
        QUESTION_TIMEOUT_MS,
    ),
    ToolSpec(
        "prompt_user",
        "prompt",
        "Asks the person a question; returns the action that they chose.",
        PromptUserArguments,
        QUESTION_TIMEOUT_MS,
    ),
)

BUILT_IN: Final[Mapping[str, ToolSpec]] = MappingProxyType({spec.name: spec for spec in _SPECS})

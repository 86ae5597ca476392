import pytest
from hypothesis import given
from hypothesis import strategies as st

from codelab_core.patch.apply import apply_canonical
from codelab_core.patch.generate import generate
from codelab_core.patch.prepared import Base
from codelab_core.tool_errors import ToolError
from unit.core.patch.cases import PROPERTY

TEXTS = st.none() | st.lists(
    st.sampled_from(["a\n", "b\n", "c\r\n", "\ufeffa\n", "d\r", "e", "\n"]), max_size=12
).map(lambda parts: "".join(parts).encode())


@PROPERTY
@given(TEXTS, TEXTS)
def test_the_generated_patch_turns_one_text_into_the_other(
    old: bytes | None, new: bytes | None
) -> None:
    """R-16."""
    ready = generate("x", None if old is None else Base(old), new)

    changed = {} if old == new else {"x": new}
    assert ready.posts == changed
    assert apply_canonical(ready.diff, {"x": old}) == changed


@pytest.mark.parametrize(
    ("base", "content", "op"),
    [
        pytest.param(None, b"a\n", "create", id="create"),
        pytest.param(Base(b"a\n", executable=True), b"b\n", "modify", id="modify"),
        pytest.param(Base(b"a\n"), None, "delete", id="delete"),
    ],
)
def test_the_operation_follows_from_the_two_sides(
    base: Base | None, content: bytes | None, op: str
) -> None:
    (file,) = generate("x", base, content).files

    assert (file.op, file.executable) == (op, None)


def test_equal_texts_give_an_empty_patch() -> None:
    assert generate("x", Base(b"a\n"), b"a\n").diff == ""
    assert generate("x", None, None).files == ()


def test_a_binary_file_is_named() -> None:
    """T-11."""
    with pytest.raises(ToolError, match="BINARY_FILE"):
        generate("x", Base(b"a\n"), b"\0")

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codelab_llmproxy.object_scan import MAX_DEPTH, ObjectScan

json_objects = st.dictionaries(
    st.text(max_size=4),
    st.recursive(
        st.none() | st.booleans() | st.integers(-9, 9) | st.text('ab"\\{}[]\n é', max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
        max_leaves=5,
    ),
    max_size=3,
)


@settings(max_examples=200)
@given(json_objects, st.data())
def test_a_scan_closes_at_the_last_brace_and_not_before(
    value: dict[str, Any], data: st.DataObject
) -> None:
    text = orjson.dumps(value).decode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
    scan = ObjectScan()

    closed = []
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        scan.feed(text[start:end])
        closed.append((end, scan.closed))

    assert closed == [(end, end == len(text)) for end, _ in closed]


@pytest.mark.parametrize("text", ["[1]", '"a"', "{} {}", "{}x", "}", "x{}", "{}]"])
def test_text_that_is_no_single_object_is_refused(text: str) -> None:
    scan = ObjectScan()

    with pytest.raises(ValueError, match="outside"):
        scan.feed(text)


def test_an_escape_at_the_end_of_a_piece_holds_for_the_next() -> None:
    scan = ObjectScan()

    for piece in ('{"a":"\\', "", '"', '}"', "}"):
        scan.feed(piece)

    assert scan.closed


def test_nesting_has_an_end() -> None:
    scan = ObjectScan()
    scan.feed('{"a":' * MAX_DEPTH)

    with pytest.raises(ValueError, match="deep"):
        scan.feed("[")

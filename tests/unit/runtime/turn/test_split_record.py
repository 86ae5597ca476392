"""The record of a patch that is carried out by writes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from codelab_runtime.turn.records import RECORD
from codelab_runtime.turn.split_record import FileWrite, ToolSplit

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def split(*writes: FileWrite) -> ToolSplit:
    return ToolSplit(call_id="c1", diff="d", guard={"files": []}, review={}, writes=list(writes))


def test_it_is_one_line_of_the_journal() -> None:
    record = split(FileWrite(call_id="c1-f0", path="a", content="x\r\n"))

    assert record.encode() == (
        b'{"rec":"tool_split","call_id":"c1","diff":"d","guard":{"files":[]},"review":{},'
        b'"writes":[{"call_id":"c1-f0","path":"a","content":"x\\r\\n"}]}'
    )


@settings(max_examples=200, deadline=None)
@given(st.lists(st.builds(FileWrite, call_id=TEXT, path=TEXT, content=TEXT), max_size=3))
def test_every_text_survives_the_journal(writes: list[FileWrite]) -> None:
    record = split(*writes)

    assert RECORD.validate_json(record.encode()) == record


def test_a_write_without_content_is_none() -> None:
    with pytest.raises(ValidationError):
        RECORD.validate_json(split().encode().replace(b"[]}", b'[{"call_id":"a","path":"b"}]}', 2))

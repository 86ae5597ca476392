import pytest

from codelab_llmproxy.ndjson import MAX_LINE_BYTES, LineParser


def test_lines_come_out_whole_however_they_came_in() -> None:
    stream = b'{"a":1}\r\n\n{"b":"\xc3\xa9"}\n{"c":3}'
    lines = [b'{"a":1}', b'{"b":"\xc3\xa9"}', b'{"c":3}']

    for cut in range(len(stream)):
        parser = LineParser()
        assert parser.feed(stream[:cut]) + parser.feed(stream[cut:]) + parser.close() == lines
        assert parser.close() == []


def test_a_line_has_a_largest_size() -> None:
    parser = LineParser()
    parser.feed(b"x" * MAX_LINE_BYTES)

    with pytest.raises(ValueError, match="8 MiB"):
        parser.feed(b"x")

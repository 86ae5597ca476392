from codelab_core.patch.reader import Reader


def test_lines_are_seen_without_and_taken_with_their_cr() -> None:
    reader = Reader("a\r\nb\n")

    assert (reader.number, reader.peek(), reader.has_cr()) == (1, "a", True)
    assert reader.take(2) == ["a\r", "b"]
    assert (reader.number, reader.peek()) == (3, None)


def test_a_last_line_without_newline_counts_and_an_empty_text_has_no_line() -> None:
    reader = Reader("a\n\nb")

    assert reader.take(3) == ["a", "", "b"]
    assert Reader("").peek() is None


def test_prefixes_can_be_asked_for_ahead_and_past_the_end() -> None:
    reader = Reader("--- a\n+++ b\n")

    assert reader.starts("--- ")
    assert reader.starts("+++ ", 1)
    assert not reader.starts("@@", 2)


def test_prose_opens_and_closes_fences() -> None:
    reader = Reader("text\n````diff\nx\n```\n````\nmore")
    states = []

    while reader.peek() is not None:
        reader.take_prose()
        states.append(reader.fenced)

    assert states == [False, True, True, True, False, False]


def test_a_fence_is_closed_by_nothing_but_its_own_kind() -> None:
    reader = Reader("~~~\nx\n")
    reader.take_prose()

    closing = [reader.closes_fence(line) for line in ("~~~", "~~~~ ", "~~~ x", "```", "")]

    assert closing == [True, True, False, False, False]
    assert not Reader("x").closes_fence("```")

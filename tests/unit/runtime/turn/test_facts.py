"""Facts and effects are plain values."""

from codelab_runtime.turn.facts import Chunks, Compute, Infer, Resumed, Rules


def test_rules_default_to_what_the_documents_say() -> None:
    rules = Rules()

    assert (rules.max_steps, rules.file_tool_timeout_ms) == (50, 60_000)
    assert (rules.question_timeout_ms, rules.max_tool_output_bytes) == (86_400_000, 65_536)


def test_equal_facts_are_equal() -> None:
    assert Chunks("i-1", "a", 1, 2) == Chunks("i-1", "a", 1, 2)
    assert Compute("c1", "edit", {"a": 1}) == Compute("c1", "edit", {"a": 1})


def test_a_fresh_start_shows_nothing_and_reads_from_the_first_chunk() -> None:
    resumed = Resumed()

    assert (resumed.shown, resumed.chunks, resumed.crc, resumed.poisoned) == ("", 0, 0, False)
    assert Infer("open", "i-1").start == 0

import asyncio
import time

import pytest

from codelab_client.finders import PlainFinder, expression_finder
from codelab_core.tool_errors import ToolError

TEXTS = ["Some Word here\nword\n", "nothing", "WORD"]


@pytest.mark.parametrize(
    ("query", "case_sensitive", "expected"),
    [
        ("word", False, [[(1, "Some Word here"), (2, "word")], [], [(1, "WORD")]]),
        ("word", True, [[(2, "word")], [], []]),
        ("w.rd", False, [[], [], []]),
        ("HERE", False, [[(1, "Some Word here")], [], []]),
    ],
)
async def test_plain_text_is_found_as_it_is_written(
    query: str, expected: list[list[tuple[int, str]]], *, case_sensitive: bool
) -> None:
    finder = PlainFinder(query, case_sensitive=case_sensitive)

    assert expected == await finder.find(TEXTS, 10)


async def test_plain_text_is_found_in_time_whatever_it_is() -> None:
    finder = PlainFinder("a" * 999 + "b", case_sensitive=False)
    begin = time.process_time()

    found = await finder.find(["a" * (1 << 20)], 10)

    assert found == [[]]
    assert time.process_time() - begin < 1


@pytest.mark.parametrize(
    ("query", "case_sensitive", "expected"),
    [
        (r"^w\w+d$", False, [[(2, "word")], [], [(1, "WORD")]]),
        (r"\bword\b", True, [[(2, "word")], [], []]),
        (r"(?i:some) (?=Word)", True, [[(1, "Some Word here")], [], []]),
    ],
)
async def test_an_expression_is_found_by_another_process(
    query: str, expected: list[list[tuple[int, str]]], *, case_sensitive: bool
) -> None:
    async with expression_finder(query, case_sensitive=case_sensitive) as finder:
        first = await finder.find(TEXTS, 10)
        second = await finder.find(TEXTS, 10)

    assert expected == first == second


async def test_an_expression_that_cannot_be_read_is_an_argument_fault() -> None:
    with pytest.raises(ToolError) as caught:
        async with expression_finder("(a", case_sensitive=True):
            pass

    assert (
        str(caught.value.code),
        caught.value.details["errors"][0]["loc"],
    ) == ("INVALID_ARGUMENTS", "query")


async def test_a_hostile_expression_ends_and_the_loop_goes_on_meanwhile() -> None:
    """Backtracking for ever in one step of Python's engine; nothing here waits for it."""
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            begin = time.monotonic()
            await asyncio.sleep(0.005)
            longest = max(longest, time.monotonic() - begin)

    async with asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(watch())
        with pytest.raises(ToolError) as caught:
            async with expression_finder("(a+)+$", case_sensitive=True, timeout_s=0.5) as finder:
                await finder.find(["a" * 40 + "!"], 10)
        watching.cancel()

    assert (str(caught.value.code), caught.value.details) == ("TOOL_FAILED", {})
    assert longest < 0.4


async def test_a_process_that_died_is_a_failed_tool() -> None:
    async with expression_finder("a", case_sensitive=True) as finder:
        finder._process.kill()
        await finder._process.wait()
        with pytest.raises(ToolError) as caught:
            await finder.find(["a" * (1 << 20)] * 4, 10)

    assert str(caught.value.code) == "TOOL_FAILED"

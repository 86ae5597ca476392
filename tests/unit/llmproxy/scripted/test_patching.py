from collections.abc import Sequence
from functools import partial
from typing import Any

import orjson
import pytest

from codelab_core.tool_errors import ToolCode, ToolError
from codelab_llmproxy.scripted.conversation import Outcome
from codelab_llmproxy.scripted.diffs import MAX_LINE_CHARS, Edit, replacements
from codelab_llmproxy.scripted.patches import Report
from codelab_llmproxy.scripted.patching import Patcher
from codelab_llmproxy.scripted.reading import read_files
from fakes.tool_player import ALL_TOOLS, ToolPlayer, take_none

TEXT = "".join(f"line {n}\n" for n in range(1, 30))


def change(lines: Sequence[str], old: str = "line 9\n", new: str = "nine\n") -> list[Edit]:
    return replacements("".join(lines), old, new)


def patched(
    player: ToolPlayer, tools: Sequence[str] = ALL_TOOLS, **options: Any
) -> tuple[Report, bool]:
    """Carry a change of all files through; returns the report, and whether it was needed."""
    patcher = Patcher(partial(change, **options), "Why.", frozenset(tools))

    def plan() -> Any:
        readings = yield from read_files(list(player.files), "")
        return (yield from patcher.run(readings))

    playing = plan()
    answer = next(playing)
    while True:
        outcomes = [
            Outcome(use.name, use.arguments, orjson.loads(player.play(use.name, use.arguments)))
            for use in answer.calls
        ]
        try:
            answer = playing.send(tuple(outcomes))
        except StopIteration as end:
            return patcher.report, end.value


def patch_failure(reason: str, **facts: Any) -> ToolError:
    return ToolError(ToolCode.PATCH_APPLY_FAILED, "No.", reason=reason, **facts)


def test_a_change_is_reviewed_and_then_applied() -> None:
    player = ToolPlayer({"a": TEXT, "b": "nothing\n"})

    report, needed = patched(player)

    assert (report, needed) == (Report(applied=1, proposed=1, files=["a"]), True)
    assert player.files == {"a": TEXT.replace("line 9\n", "nine\n"), "b": "nothing\n"}
    assert player.names == ["read_file", "read_file", "apply_patch_review", "apply_patch"]
    assert player.calls[2][1]["message"] == "Why."


def test_nothing_to_change_calls_nothing() -> None:
    player = ToolPlayer({"a": "x\n"})

    report, needed = patched(player)

    assert (report, needed, player.names) == (Report(), False, ["read_file"])


def test_only_what_was_picked_is_applied() -> None:
    player = ToolPlayer({"a": TEXT, "b": TEXT}, select=lambda _: {2})

    report, _ = patched(player)

    assert report == Report(applied=1, proposed=2, files=["b"])
    assert player.files == {"a": TEXT, "b": TEXT.replace("line 9\n", "nine\n")}


def test_a_cancelled_review_ends_all() -> None:
    player = ToolPlayer({str(n): TEXT for n in range(30)}, select=take_none)

    report, _ = patched(player)

    assert report == Report(proposed=20, ended="cancel")
    assert player.names.count("apply_patch_review") == 1


def test_many_files_go_in_several_patches() -> None:
    player = ToolPlayer({f"{n:02d}": TEXT for n in range(45)})

    report, _ = patched(player)

    assert (report.applied, report.proposed, sorted(report.files)) == (45, 45, list(player.files))
    assert player.names[-6:] == ["apply_patch_review", "apply_patch"] * 3


def test_without_a_review_the_patch_is_applied_at_once() -> None:
    player = ToolPlayer({"a": TEXT})

    report, _ = patched(player, ["read_file", "apply_patch"])

    assert (report.applied, player.names) == (1, ["read_file", "apply_patch"])


def test_without_patches_whole_files_are_written() -> None:
    fault = ToolError(ToolCode.REJECTED, "No.")
    player = ToolPlayer({"a": TEXT, "b": TEXT}, faults={3: fault})

    report, needed = patched(player, ["read_file", "write_file"])

    assert (report, needed) == (Report(1, 2, ["a"], {"b": "No (REJECTED)"}), True)
    assert player.files == {"a": TEXT.replace("line 9\n", "nine\n"), "b": TEXT}


def test_the_same_change_made_once_more_is_put_at_its_line() -> None:
    player = ToolPlayer({f"f{n}": TEXT for n in range(12)})
    patched(player)
    patched(player, old="nine\n", new="line 9\n")
    before = len(player.calls)

    report, _ = patched(player)

    assert (report.applied, report.proposed, report.skipped) == (12, 12, {})
    assert all("nine\n" in text for text in player.files.values())
    places = [arguments["at"] for name, arguments in player.calls[before:] if "at" in arguments]
    assert places[-1] == [{"hunk": n, "line": 6} for n in range(1, 13)]


def test_hunks_are_counted_as_the_person_was_shown_them() -> None:
    """Blocks that look alike go into one hunk of ours; the review shows each change."""
    block = "def f():\n" + "".join(f"    step {n}\n" for n in range(6)) + "    old\n"
    player = ToolPlayer({"a": block * 3}, select=lambda _: {1, 3})

    report, _ = patched(player, old="old", new="new")

    assert player.calls[1][1]["diff"].count("\n@@ ") == 1
    assert (report.applied, report.proposed) == (2, 3)


def test_a_file_that_changed_meanwhile_is_read_again_and_tried_once_more() -> None:
    def edit(player: ToolPlayer) -> None:
        player.files["a"] = "new\n" + player.files["a"]

    player = ToolPlayer({"a": TEXT, "b": TEXT}, meddle={3: edit})

    report, _ = patched(player)

    assert (report.applied, report.skipped) == (2, {})
    assert player.files["a"] == "new\n" + TEXT.replace("line 9\n", "nine\n")
    assert player.names[3:] == ["apply_patch", "read_file", "apply_patch_review", "apply_patch"]
    assert player.calls[4][1] == {"path": "a"}


def test_a_change_that_somebody_else_made_meanwhile_is_left_alone() -> None:
    def edit(player: ToolPlayer) -> None:
        player.files["a"] = "x\n"

    player = ToolPlayer({"a": TEXT}, meddle={2: edit})

    report, _ = patched(player)

    assert (report.applied, report.skipped, player.files) == (0, {}, {"a": "x\n"})


def test_a_file_that_went_away_meanwhile_is_named() -> None:
    def edit(player: ToolPlayer) -> None:
        player.files["a"] = TEXT + "x\n"

    def remove(player: ToolPlayer) -> None:
        del player.files["a"]

    player = ToolPlayer({"a": TEXT}, meddle={2: edit, 3: remove})

    report, _ = patched(player)

    assert report.skipped == {"a": "a does not exist (FILE_NOT_FOUND)"}


def test_a_file_that_fails_twice_is_left_out_and_the_others_go_in() -> None:
    fault = patch_failure("not_found", path="a", hunk=1)
    player = ToolPlayer({"a": TEXT, "b": TEXT}, faults={2: fault, 4: fault})

    report, _ = patched(player)

    assert (report.applied, report.proposed, report.files) == (1, 2, ["b"])
    assert report.skipped == {"a": "No (PATCH_APPLY_FAILED)"}
    wide = player.calls[4][1]["diff"].split("+++ b/b")[0]
    assert wide.count("\n ") == 16


def test_files_that_are_named_beside_the_first_are_mended_with_it() -> None:
    also = [{"path": "b", "hunk": 2, "reason": "ambiguous"}, {"path": "other"}]
    fault = patch_failure("not_found", path="a", hunk=1, also=also)
    player = ToolPlayer({"a": TEXT, "b": TEXT, "c": TEXT}, faults={3: fault})

    report, _ = patched(player)

    assert report.applied == 3
    assert player.names[3:6] == ["apply_patch_review", "read_file", "read_file"]
    assert player.calls[6][1]["at"] == [{"hunk": 2, "line": 6}]


def test_a_failure_that_names_no_file_is_that_of_all() -> None:
    fault = patch_failure("overlap")
    player = ToolPlayer({"a": TEXT, "b": TEXT}, faults={2: fault, 5: fault})

    report, _ = patched(player)

    assert report.skipped == dict.fromkeys("ab", "No (PATCH_APPLY_FAILED)")
    assert report.applied == 0


@pytest.mark.parametrize("code", [ToolCode.REJECTED, ToolCode.TOOL_TIMEOUT])
def test_the_word_of_a_person_ends_the_change(code: ToolCode) -> None:
    player = ToolPlayer({str(n): TEXT for n in range(30)}, faults={31: ToolError(code, "No.")})

    report, _ = patched(player)

    assert report.ended == f"apply_patch failed: No ({code})."
    assert (report.applied, len(report.skipped), len(player.calls)) == (0, 20, 32)


def test_another_failure_is_noted_and_the_next_patch_tried() -> None:
    fault = ToolError(ToolCode.PATCH_INVALID, "No.", reason="too_complex")
    player = ToolPlayer({f"{n:02d}": TEXT for n in range(30)}, faults={30: fault})

    report, _ = patched(player)

    assert (report.applied, len(report.skipped), report.ended) == (10, 20, "")


def test_a_file_that_no_patch_can_say_is_named() -> None:
    text = "line 9\n" + "x" * (MAX_LINE_CHARS + 1) + "\n"
    player = ToolPlayer({"a": text, "b": TEXT}, shown_bytes=10_000_000)

    report, _ = patched(player)

    assert report.files == ["b"]
    assert report.skipped == {"a": "a line near the change is too long"}


def test_a_selection_too_long_to_be_shown_goes_by_the_id_of_its_review() -> None:
    text = "".join(f"old {n} {'x' * 60}\n" for n in range(500))
    player = ToolPlayer({"a": text}, shown_bytes=10_000_000)

    report, _ = patched(player, old="old", new="new")

    assert player.calls[-1] == ("apply_patch", {"review_id": "c1-2-0"})
    assert (report.applied, player.files) == (1, {"a": text.replace("old", "new")})


class OlderClient(ToolPlayer):
    """Says only which files it changed."""

    def _apply_patch(self, *args: Any, **given: Any) -> dict[str, Any]:
        return {"files_modified": super()._apply_patch(*args, **given)["files_modified"]}


def test_a_client_that_counts_nothing_is_believed() -> None:
    player = OlderClient({"a": TEXT})

    report, _ = patched(player)

    assert report == Report(applied=1, proposed=1, files=["a"])

from codelab_llmproxy.scripted.diffs import FileDiff
from codelab_llmproxy.scripted.patches import (
    MAX_HUNKS,
    MAX_PATCH_BYTES,
    Patch,
    Proposal,
    count_hunks,
    patches,
)


def diff(number: int, size: int = 100, hunks: int = 1) -> FileDiff:
    return FileDiff(f"f{number}", "x" * size, tuple(range(1, hunks + 1)))


def sizes(*diffs: FileDiff) -> list[int]:
    return [len(patch.proposals) for patch in patches(diffs)]


def test_a_patch_has_at_most_twenty_files() -> None:
    assert sizes(*map(diff, range(45))) == [20, 20, 5]


def test_a_patch_is_short_enough_to_be_shown() -> None:
    assert sizes(*(diff(n, MAX_PATCH_BYTES // 2 - 2) for n in range(5))) == [2, 2, 1]
    assert sizes(*(diff(n, MAX_PATCH_BYTES // 2 - 1) for n in range(3))) == [1, 1, 1]


def test_a_long_diff_of_one_file_is_not_cut() -> None:
    big = diff(0, MAX_PATCH_BYTES + 1)

    assert sizes(diff(1), big, diff(2)) == [1, 1, 1]
    assert Patch((Proposal(big),)).is_long
    assert not Patch((Proposal(diff(1)),)).is_long


def test_a_patch_has_at_most_a_thousand_hunks() -> None:
    assert sizes(diff(0, hunks=MAX_HUNKS), diff(1), diff(2)) == [1, 2]


def test_nothing_makes_no_patch() -> None:
    assert sizes() == []


def test_a_patch_is_proposed_as_one_diff() -> None:
    patch = Patch((Proposal(diff(0, 1, 2)), Proposal(diff(1, 1, 2))))

    assert patch.arguments() == {"diff": "xx"}
    assert (patch.hunks, [p.path for p in patch.proposals]) == (4, ["f0", "f1"])


def test_hunks_are_placed_by_their_number_in_the_patch() -> None:
    patch = Patch((Proposal(diff(0, 1, 2)), Proposal(diff(1, 1, 2), placed=True)))

    assert patch.arguments() == {
        "diff": "xx",
        "at": [{"hunk": 3, "line": 1}, {"hunk": 4, "line": 2}],
    }


def test_no_more_places_are_named_than_the_tools_take() -> None:
    patch = Patch((Proposal(diff(0, 1, 300), placed=True),))

    assert len(patch.arguments()["at"]) == 200


def test_hunks_are_counted_by_their_headers() -> None:
    assert count_hunks("--- a/x\n@@ -1 +1 @@\n @@ \n@@ -2 +2 @@\n") == 2

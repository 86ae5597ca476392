from codelab_core.patch.prepared import Base, FileChange, ReviewHunk


def test_the_guard_names_the_old_path_of_a_rename_only() -> None:
    changed = FileChange("x", "modify", None, "a" * 64, "b" * 64, executable=True)
    renamed = FileChange("y", "rename", "x", "a" * 64, "b" * 64, executable=None)

    shas = {"pre_sha": "a" * 64, "post_sha": "b" * 64}
    assert changed.guard() == {"path": "x", "op": "modify", **shas}
    assert renamed.guard() == {"path": "y", "op": "rename", **shas, "old_path": "x"}


def test_a_reviewed_hunk_has_its_wire_form() -> None:
    hunk = ReviewHunk("1f0a", 2, "x", 4, 1, 5, 2, "blanks", ("77b2",), ("9c31",), "lines")

    assert hunk.to_wire() == {
        "hunk_id": "1f0a",
        "ordinal": 2,
        "path": "x",
        "old_start": 4,
        "old_lines": 1,
        "new_start": 5,
        "new_lines": 2,
        "match": "blanks",
        "depends_on": ["77b2"],
        "related": ["9c31"],
    }


def test_a_base_is_not_executable_unless_it_is_known_to_be() -> None:
    assert Base(b"") == Base(b"", executable=False)

from codelab_core.patch.model import FilePatch, Hunk, Line, Patch, whole_file


def test_a_hunk_has_an_old_and_a_new_side() -> None:
    hunk = Hunk((Line(" ", "a"), Line("-", "b"), Line("+", "c"), Line(" ", "d")))

    assert (hunk.old, hunk.new) == (["a", "b", "d"], ["a", "c", "d"])


def test_the_content_of_a_renamed_file_is_at_its_old_path() -> None:
    renamed = FilePatch("rename", "new.py", "old.py")
    modified = FilePatch("modify", "a.py")

    assert (renamed.base_path, renamed.paths) == ("old.py", ("old.py", "new.py"))
    assert (modified.base_path, modified.paths) == ("a.py", ("a.py",))


def test_a_patch_needs_the_content_of_every_file_that_is_there() -> None:
    patch = Patch(
        (
            FilePatch("create", "a"),
            FilePatch("modify", "b"),
            FilePatch("delete", "c"),
            FilePatch("rename", "e", "d"),
        )
    )

    assert patch.base_paths == ("b", "c", "d")


def test_a_new_file_is_one_hunk_of_added_lines() -> None:
    assert whole_file(["a", ""]) == Hunk((Line("+", "a"), Line("+", "")))


def test_nothing_in_a_parsed_hunk_can_hold_a_line_number_of_the_model() -> None:
    """R-15."""
    assert set(Hunk.__slots__) == {"lines", "anchors", "at_start", "at_end", "bom", "ordinal"}
    assert Line._fields == ("kind", "text", "end")

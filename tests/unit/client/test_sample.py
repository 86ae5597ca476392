import subprocess
from pathlib import Path

from codelab_client import sample


async def test_the_sample_is_a_committed_repository(tmp_path: Path) -> None:
    await sample.make_sample(tmp_path)

    status = subprocess.run(
        ["git", "status", "--porcelain"], cwd=tmp_path, capture_output=True, check=True
    )
    assert status.stdout == b""
    assert {path: (tmp_path / path).read_text() for path in sample.FILES} == dict(sample.FILES)


async def test_only_exactly_the_approved_change_counts(tmp_path: Path) -> None:
    await sample.make_sample(tmp_path)
    untouched = sample.is_changed(tmp_path)
    for path in ("src/app.py", "src/words.py"):
        file = tmp_path / path
        file.write_text(file.read_text().replace(sample.OLD_NAME, sample.NEW_NAME))
    as_approved = sample.is_changed(tmp_path)
    (tmp_path / sample.HISTORY).write_text("rewritten")

    assert (untouched, as_approved, sample.is_changed(tmp_path)) == (False, True, False)

"""The workflow of CI: what it calls exists, what it takes from others is pinned."""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / ".github/workflows/ci.yaml").read_text()
WORKFLOW: dict[str, Any] = yaml.safe_load(TEXT)
STEPS = [step for job in WORKFLOW["jobs"].values() for step in job["steps"]]


def test_every_target_that_is_called_exists_and_the_important_ones_are_called() -> None:
    """D-04, K-11."""
    lines = [line for step in STEPS for line in step.get("run", "").splitlines()]
    called = {line.split()[1] for line in lines if line.startswith("make ")}
    targets = set(re.findall(r"^(\w+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert called <= targets
    assert called >= {"test", "run", "images", "chart", "e2e"}


def test_actions_are_pinned_to_commits_and_say_their_version() -> None:
    used = re.findall(r"uses: (\S+)(.*)", TEXT)

    assert [step["uses"] for step in STEPS if "uses" in step] == [action for action, _ in used]
    for action, comment in used:
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", action)
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment)


def test_jobs_read_the_sources_only_and_end_in_time() -> None:
    assert WORKFLOW["permissions"] == {"contents": "read"}
    for job in WORKFLOW["jobs"].values():
        assert job["timeout-minutes"] <= 90
        assert "latest" not in job["runs-on"]


def test_every_python_that_is_promised_is_tested() -> None:
    wanted = re.search(r'requires-python = ">=(\S+)"', (ROOT / "pyproject.toml").read_text())
    pinned = (ROOT / ".python-version").read_text().strip()

    assert wanted
    assert WORKFLOW["jobs"]["test"]["strategy"]["matrix"]["python"] == [wanted[1], pinned]

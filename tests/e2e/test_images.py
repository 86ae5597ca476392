"""The images, as `make images` builds them: small, without root, content with a read-only disk."""

import json

import pytest

from harness.commands import outcome, run

BASE = "python:3.13-slim"
IMAGES = {"gateway": 70, "runtime": 70, "llmproxy": 120, "operator": 180}
"""Megabytes over the base that an image may have."""


def size_mb(image: str) -> float:
    """Size as the engine counts it."""
    (about,) = json.loads(run("docker", "image", "inspect", image))
    return float(about["Size"]) / 1e6


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_adds_little_to_its_base(name: str) -> None:
    added = size_mb(f"codelab/{name}:dev") - size_mb(BASE)

    assert 0 < added <= IMAGES[name]


@pytest.mark.parametrize("name", ["gateway", "runtime", "llmproxy"])
def test_a_service_says_what_it_misses_before_it_opens_a_port(name: str) -> None:
    """Without keys it would answer everybody: it refuses to start, on a disk it cannot write."""
    box = ("docker", "run", "--rm", "--read-only", "--network", "none", "--user", "65532:65532")

    said = outcome(*box, f"codelab/{name}:dev")

    assert said.returncode == 1
    assert "CODELAB_" in said.stderr
    assert "Traceback" not in said.stderr


def test_no_image_runs_as_root_or_carries_a_secret() -> None:
    for name in IMAGES:
        (about,) = json.loads(run("docker", "image", "inspect", f"codelab/{name}:dev"))
        config = about["Config"]

        assert config["User"] == "65532:65532"
        assert not [item for item in config["Env"] if "KEY" in item or "TOKEN" in item]

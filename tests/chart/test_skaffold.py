"""skaffold.yaml: as skaffold reads it, and in step with the Dockerfiles."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import yaml

from harness.commands import ROOT, run

DOCKERFILES = {
    "codelab/gateway": "images/gateway/Dockerfile",
    "codelab/runtime": "images/runtime/Dockerfile",
    "codelab/llmproxy": "images/llmproxy/Dockerfile",
    "codelab/operator": "operator/Dockerfile",
}
SYNCED = ["codelab/gateway", "codelab/runtime", "codelab/llmproxy"]


def configuration(*options: str) -> dict[str, Any]:
    """What skaffold makes of its file; it refuses fields that it does not know."""
    found: dict[str, Any] = yaml.safe_load(run("skaffold", "diagnose", "--yaml-only", *options))
    return found


def artifacts(*options: str) -> Mapping[str, dict[str, Any]]:
    """The images that are built, by their names."""
    return {one["image"]: one for one in configuration(*options)["build"]["artifacts"]}


@pytest.mark.parametrize("options", [(), ("-p", "dev"), ("-p", "e2e")], ids=str)
def test_every_profile_builds_the_four_images(options: Sequence[str]) -> None:
    """K-10."""
    built = artifacts(*options)

    assert {name: one["docker"]["dockerfile"] for name, one in built.items()} == DOCKERFILES


@pytest.mark.parametrize("image", SYNCED)
def test_a_changed_python_file_goes_into_the_pods_of_each_image_that_has_it(image: str) -> None:
    recipe = (ROOT / DOCKERFILES[image]).read_text()
    copied = re.findall(r"^COPY ([a-z/]+) [a-z/]+$", recipe, re.MULTILINE)
    version = re.search(r"^FROM python:([\d.]+)-slim$", recipe, re.MULTILINE)
    assert version

    rules = artifacts("-p", "dev")[image]["sync"]["manual"]

    assert [rule["strip"] for rule in rules] == [f"{folder}/" for folder in copied]
    for rule in rules:
        package = rule["src"].removeprefix(rule["strip"]).partition("/")[0]
        assert rule["src"].endswith("/**/*.py")
        assert (ROOT / rule["strip"] / package / "__init__.py").is_file()
        assert rule["dest"] == f"/app/.venv/lib/python{version[1]}/site-packages"


def test_the_chart_is_given_each_image_that_was_built() -> None:
    (release,) = configuration()["deploy"]["helm"]["releases"]

    given = " ".join(release["setValueTemplates"].values())

    for image in DOCKERFILES:
        assert image.replace("/", "_") in given
    assert all((ROOT / file).is_file() for file in release["valuesFiles"])


def test_a_changed_file_of_a_service_builds_no_image_but_its_own() -> None:
    """K-10: an image depends on what its Dockerfile copies."""
    recipes = {image: (ROOT / file).read_text() for image, file in DOCKERFILES.items()}

    for image, file in DOCKERFILES.items():
        folder = file.removesuffix("/Dockerfile")
        having = [one for one, recipe in recipes.items() if f"COPY {folder} " in recipe]
        assert having == [image]

"""The repository's shape: folders, one test file per module, no traps."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = {
    "core": ROOT / "core/codelab_core",
    "gateway": ROOT / "images/gateway/codelab_gateway",
    "runtime": ROOT / "images/runtime/codelab_runtime",
    "llmproxy": ROOT / "images/llmproxy/codelab_llmproxy",
    "client": ROOT / "client/codelab_client",
    "operator": ROOT / "operator/codelab_operator",
}
UNPAIRED = {"__init__.py", "__main__.py"}
SHARED = {"conftest.py", "cases.py"}


def modules(package: str) -> set[str]:
    """Paths of a package's modules, below its folder."""
    folder = PACKAGES[package]
    found = (path.relative_to(folder) for path in folder.rglob("*.py"))
    return {str(path) for path in found if path.name not in UNPAIRED}


def under_test(package: str) -> set[str]:
    """Paths of the modules that the unit tests of a package are for."""
    folder = ROOT / "tests/unit" / package
    found = (path.relative_to(folder) for path in folder.rglob("*.py") if path.name not in SHARED)
    return {str(path.with_name(path.name.removeprefix("test_"))) for path in found}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_has_its_test_file(package: str) -> None:
    assert sorted(modules(package) - under_test(package)) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_every_test_file_has_its_module(package: str) -> None:
    assert sorted(under_test(package) - modules(package)) == []


def test_the_folder_operator_is_no_package() -> None:
    """An `operator/__init__.py` would hide the standard library's module of that name."""
    assert not (ROOT / "operator/__init__.py").exists()
    assert list((ROOT / "operator").rglob("test_*.py")) == []


def test_one_uv_version_everywhere() -> None:
    files = [ROOT / "scripts/uv", *ROOT.glob("*/Dockerfile"), *ROOT.glob("images/*/Dockerfile")]

    versions = {
        version for file in files for version in re.findall(r"uv==([\d.]+)", file.read_text())
    }

    assert len(files) >= 4
    assert len(versions) == 1


@pytest.mark.parametrize(
    "dockerfile",
    [*ROOT.glob("images/*/Dockerfile"), *ROOT.glob("operator/Dockerfile")],
    ids=lambda p: p.parent.name,
)
def test_images_are_small_recipes_without_root(dockerfile: Path) -> None:
    text = dockerfile.read_text()

    assert len(text.splitlines()) <= 20
    assert "USER 65532:65532" in text
    assert "latest" not in text


def test_pins_have_hashes_and_no_addresses() -> None:
    for file in (ROOT / "requirements").glob("*.txt"):
        text = file.read_text()
        pins = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
        assert "://" not in text
        assert all("==" in pin for pin in pins)
        assert text.count("--hash=sha256:") >= len(pins)


def test_tools_are_at_home_in_the_client_and_no_service_sees_a_workspace() -> None:
    """T-08: what reads files or starts git stands in the client; containers mount none of it."""
    names = {"workspace.py", "file_tools.py", "git_tools.py", "patch_tools.py", "prompt_tool.py"}
    homes = {name for name, folder in PACKAGES.items() for n in names if [*folder.rglob(n)]}
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    volumes = {name: service.get("volumes", []) for name, service in services.items()}

    assert homes == {"client"}
    assert volumes == {
        "redis": ["redis:/data"],
        "llm-proxy": [],
        "agent-runtime": [],
        "gateway": [],
    }


def test_one_version_everywhere() -> None:
    """What `make images` builds is what chart and skaffold install and the operator asks for."""
    files = [
        "Makefile",
        "charts/codelab-agent/Chart.yaml",
        "operator/codelab_operator/api_group.py",
    ]
    projects = [*ROOT.glob("*/pyproject.toml"), *ROOT.glob("images/*/pyproject.toml")]
    pattern = r'^(?:VERSION|version|appVersion|RELEASE: Final) *:?[:=] *"?(\d+\.\d+\.\d+)'

    found = {
        file: set(re.findall(pattern, file.read_text(), re.MULTILINE))
        for file in (*(ROOT / name for name in files), *projects)
    }
    (release,) = set[str]().union(*found.values())

    assert len(found) == 9
    assert all(versions == {release} for versions in found.values())
    assert f'template: "{release}"' in (ROOT / "skaffold.yaml").read_text()


def test_one_node_image_everywhere() -> None:
    files = [ROOT / "Makefile", ROOT / "manifests/kind.yaml", ROOT / "tests/e2e/conftest.py"]

    images = [set(re.findall(r"kindest/node:v[\d.]+\d", file.read_text())) for file in files]

    assert images[0]
    assert images == [images[0]] * len(files)

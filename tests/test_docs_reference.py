"""The generated pages name every field and every variable, with its meaning."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from codelab_core.error_codes import KINDS
from codelab_core.settings import (
    GatewaySettings,
    LLMProxySettings,
    RuntimeSettings,
    ServiceSettings,
)
from codelab_operator.api_status import REASONS
from codelab_operator.crd import crd
from codelab_operator.settings import OperatorSettings

DOCS = Path(__file__).resolve().parent.parent / "docs"
SETTINGS: list[type[ServiceSettings]] = [
    GatewaySettings,
    RuntimeSettings,
    LLMProxySettings,
    OperatorSettings,
]
ROW = re.compile(r"^\| `([^`]+)` \|.*\| ([^|]*) \|$", re.MULTILINE)


def leaves(node: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Paths of all fields below a schema, items of a list as `name[]`."""
    inner, mark = (node["items"], "[]") if node.get("type") == "array" else (node, "")
    for name, field in inner.get("properties", {}).items():
        below = f"{path}{mark}.{name}" if path else name
        yield below
        yield from leaves(field, below)


def section(page: str, title: str) -> str:
    """Text below a heading."""
    return page.partition(f"## {title}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("part", ["gateway", "runtime", "llmproxy", "redis", "exposure"])
def test_every_field_of_the_resource_is_on_its_page_with_a_meaning(part: str) -> None:
    """D-08."""
    page = (DOCS / "resource.md").read_text()
    (version,) = crd()["spec"]["versions"]
    schema = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"][part]
    own = section(page, f"spec.{part}") + section(page, "spec.gateway, spec.runtime, spec.llmproxy")

    rows = dict(ROW.findall(own))

    assert [field for field in leaves(schema) if not rows.get(field)] == []


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda kind: kind.service)
def test_every_setting_is_on_its_page_with_a_meaning(settings: type[ServiceSettings]) -> None:
    """D-08."""
    page = (DOCS / "settings.md").read_text()
    names = [
        str(getattr(field.validation_alias, "choices", [field.validation_alias])[0] or "")
        or f"CODELAB_{name.upper()}"
        for name, field in settings.model_fields.items()
    ]

    assert [name for name in names if f"| `{name}` |" not in page] == []
    assert re.findall(r"^\| `[A-Z_]+` \|.*\| *\| [^|]*\|$", page, re.MULTILINE) == []


def test_every_reason_of_a_condition_is_on_the_page_of_operations_and_no_other() -> None:
    """D-08."""
    page = (DOCS / "operations.md").read_text().partition("## Conditions\n")[2]

    found = {
        kind: dict(re.findall(r"^\| `(\w+)` \| (.+?) \| .+ \|$", text, re.MULTILINE))
        for title, text in re.findall(
            r"^### (.+?)\n(.*?)(?=^### |\Z)", page, re.DOTALL | re.MULTILINE
        )
        for kind in title.split(", ")
    }

    assert found == REASONS


def test_every_error_code_has_an_entry_with_its_words() -> None:
    """D-08."""
    page = section((DOCS / "troubleshooting.md").read_text(), "Error codes")

    found = re.findall(r"^\| `([A-Z_]+)` \| (.+?) \| (.+) \|$", page, re.MULTILINE)

    assert {code: says for code, says, _ in found} == {
        str(code): kind.sentence for code, kind in KINDS.items()
    }
    assert all(what.endswith((".", ")")) for _, _, what in found)


def test_every_setting_and_code_that_is_spoken_of_exists() -> None:
    """D-08."""
    known = {f"CODELAB_{name.upper()}" for kind in SETTINGS for name in kind.model_fields}
    outside = {"CODELAB_URL", "CODELAB_TOKEN", "CODELAB_CLIENT_TOKEN"}

    spoken = {
        name
        for page in (*DOCS.glob("*.md"), DOCS.parent / "README.md")
        for name in re.findall(r"\bCODELAB_[A-Z_]+\b(?!…)", page.read_text())
    }

    assert spoken - known - outside == set()


@pytest.mark.parametrize("folder", ["core", "images", "operator"])
def test_every_metric_of_the_sources_is_on_its_page(folder: str) -> None:
    """D-08, O-04."""
    page = (DOCS / "metrics.md").read_text()
    sources = [file.read_text() for file in (DOCS.parent / folder).rglob("*.py")]
    made = {
        name
        for text in sources
        for name in re.findall(r'\b(?:Counter|Gauge|Histogram)\(\s*f?"([^"{]*)', text)
    }

    assert [name for name in made if f"`{name}" not in page] == []

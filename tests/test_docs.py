"""The documentation is true: examples parse, tables match the code, links lead somewhere."""

import re
from pathlib import Path

import orjson
import pytest

from codelab_core.error_codes import KINDS, RETRY
from codelab_core.protocol.commands import CLIENT_FRAME
from codelab_core.protocol.events import SERVER_FRAME
from codelab_core.protocol.frames import CloseCode, Hello
from codelab_core.settings import GatewaySettings, LLMProxySettings, RuntimeSettings
from codelab_core.tool_errors import ToolCode
from codelab_core.tools import BUILT_IN

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
PROTOCOL = (ROOT / "docs/protocol.md").read_text()
NONE = "\N{EN DASH}"
CLIENT_TYPES = {"user_message", "tool_result", "hitl_decision", "cancel", "ack", "auth", "ping"}


def json_examples() -> list[str]:
    """Every line of the JSON blocks of the protocol page."""
    blocks = re.findall(r"```json\n(.*?)```", PROTOCOL, re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


@pytest.mark.parametrize("example", json_examples())
def test_every_example_of_the_protocol_page_is_a_frame(example: str) -> None:
    """D-07, W-10."""
    frame = orjson.loads(example)

    if frame["type"] == "hello":
        Hello.model_validate(frame)
    elif frame["type"] in CLIENT_TYPES:
        CLIENT_FRAME.validate_python(frame)
    else:
        parsed = SERVER_FRAME.validate_json(example)
        assert orjson.loads(parsed.encode()) == frame


def test_the_protocol_page_lists_every_error_code_as_the_code_has_it() -> None:
    """W-06."""
    rows = set(re.findall(r"^\| `([A-Z_]+)` \|.*\|$", PROTOCOL, re.MULTILINE))

    assert rows == {str(code) for code in KINDS}
    for code, kind in KINDS.items():
        row = next(line for line in PROTOCOL.splitlines() if line.startswith(f"| `{code}` |"))
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert cells[1:] == [
            ", ".join(kind.classes.split()) or NONE,
            str(kind.status or NONE),
            str(int(kind.close)) if kind.close else NONE,
            "yes" if kind.again is RETRY else "no",
        ]


def test_the_protocol_page_lists_every_close_code() -> None:
    section = PROTOCOL.partition("## Close codes")[2].partition("## REST")[0]

    found = {int(number) for number in re.findall(r"\b(\d{4})\b", section)}

    assert found == {int(code) for code in CloseCode}


def test_the_tools_page_lists_every_tool_and_every_failure() -> None:
    """T-07."""
    page = (ROOT / "docs/tools.md").read_text()

    assert {name for name in BUILT_IN if f"| `{name}` |" in page} == set(BUILT_IN)
    assert {code for code in ToolCode if f"| `{code}` |" in page} == set(ToolCode)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text())

    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_readme_names_commands_that_exist() -> None:
    """D-05: the two commands of the README are what CI runs."""
    readme = (ROOT / "README.md").read_text()
    ci = (ROOT / ".ci/run").read_text()

    assert "\nmake run\n" in readme
    assert "\nmake test\n" in readme
    assert "make run ARGS=--once" in ci
    assert "make test" in ci


def test_every_figure_of_the_performance_page_names_a_program_that_prints_it() -> None:
    """D-08."""
    page = (ROOT / "docs/performance.md").read_text()
    sections = page.partition("## Measured")[2].partition("## What a token")[0]
    rows = re.findall(r"^\| (?!what|-)(.*) \|$", sections.replace("|---", "| -"), re.MULTILINE)

    named = [re.search(r"`(benchmarks/\w+\.py)[^`]*` ?$", row) for row in rows]

    assert rows
    assert [row for row, found in zip(rows, named, strict=True) if not found] == []
    assert all((ROOT / found[1]).is_file() for found in named if found)


def test_every_setting_of_the_performance_page_exists() -> None:
    """D-08."""
    page = (ROOT / "docs/performance.md").read_text()
    services = (GatewaySettings, RuntimeSettings, LLMProxySettings)
    known = {f"CODELAB_{name.upper()}" for service in services for name in service.model_fields}

    assert set(re.findall(r"CODELAB_[A-Z_]+", page)) - known == set()

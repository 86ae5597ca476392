"""What is generated from the types is up to date, useful, and its check finds drift."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator

from test_docs import CLIENT_TYPES, json_examples

ROOT = Path(__file__).resolve().parent.parent
API = ROOT / "docs/api"


def document(name: str) -> Any:
    """A generated file, read."""
    return orjson.loads((API / name).read_bytes())


def frame_validator(union: str) -> Draft202012Validator:
    """The published schema of one direction."""
    schema = document("frames.schema.json")
    schema.pop("anyOf")
    return Draft202012Validator({**schema, "$ref": f"#/$defs/{union}"})


@pytest.mark.parametrize("example", json_examples())
def test_every_example_of_the_protocol_page_fits_the_published_schema(example: str) -> None:
    """D-07, W-10."""
    frame = orjson.loads(example)
    is_client = frame["type"] in CLIENT_TYPES | {"hello"}

    validator = frame_validator("ClientFrame" if is_client else "ServerFrame")

    assert list(validator.iter_errors(frame)) == []


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param({"type": "tool_call", "seq": 1}, id="fields missing"),
        pytest.param({"type": "ok", "cid": None}, id="null"),
        pytest.param({"cid": "k-1"}, id="no type"),
    ],
)
def test_the_published_schema_refuses_what_we_never_send(frame: dict[str, Any]) -> None:
    """P8: absent fields are left out, never `null`."""
    assert not frame_validator("ServerFrame").is_valid(frame)


@pytest.mark.parametrize(
    ("name", "routes"),
    [
        ("runtime", ["/agent/message", "/agent/message/stream", "/agent/sessions/{session_id}"]),
        ("llmproxy", ["/llm/stream", "/llm/chat", "/llm/models"]),
        ("gateway", ["/api/v1/sessions", "/api/v1/sessions/{session_id}/history", "/health"]),
    ],
)
def test_every_operation_says_what_it_answers_with(name: str, routes: list[str]) -> None:
    """D-07."""
    paths = document(f"{name}.openapi.json")["paths"]

    assert set(routes) <= set(paths)
    for operations in paths.values():
        for operation in operations.values():
            good = [code for code in operation["responses"] if code.startswith("2")]
            answers = [operation["responses"][code].get("content", {}) for code in good]
            assert good
            assert all(code == "204" or body for code, body in zip(good, answers, strict=True))
            assert all(body.get("application/json", {"schema": 1})["schema"] for body in answers)


@pytest.mark.parametrize("name", ["gateway", "runtime", "llmproxy"])
def test_every_reference_of_a_document_is_in_it(name: str) -> None:
    text = (API / f"{name}.openapi.json").read_text()
    schemas = orjson.loads(text)["components"]["schemas"]

    wanted = {part.partition('"')[0] for part in text.split("#/components/schemas/")[1:]}

    assert wanted - set(schemas) == set()


def test_drift_is_found_and_names_the_file(tmp_path: Path) -> None:
    """D-07: seen with a copy of the tree in which one generated file was changed."""
    copy = tmp_path / "tree"
    (copy / "scripts").mkdir(parents=True)
    (copy / "docs").mkdir()
    subprocess.run(["cp", "-r", ROOT / "docs/api", copy / "docs"], check=True)
    subprocess.run(["cp", *sorted((ROOT / "scripts").glob("*.py")), copy / "scripts"], check=True)
    stale = copy / "docs/api/frames.schema.json"
    stale.write_text(stale.read_text().replace("tool_call", "toolcall"))

    command = [sys.executable, str(copy / "scripts/generate.py"), "--check"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)

    assert "out of date: docs/api/frames.schema.json" in found.stdout
    assert found.returncode == 1
    assert "toolcall" in stale.read_text()

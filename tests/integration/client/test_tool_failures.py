"""What tools cannot do: each failure is a result with a code for the model; the turn goes on."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from codelab_client.agent_session import AgentSession
from codelab_core.tools import FILE_MAX_BYTES
from fakes.repository import Repository
from harness.person import Record, person
from harness.services import services

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256))


@dataclass
class Talk:
    """A session whose person says yes to everything."""

    gateway_url: str
    workspace: Path
    session: AgentSession
    record: Record

    async def call(self, tool: str, **arguments: Any) -> Any:
        """What the model is told of one call."""
        completed = await self.session.ask(f"call {tool} with {json.dumps(arguments)}")
        assert completed["reason"] == "completed"
        url = f"{self.gateway_url}/api/v1/sessions/failures/history"
        async with httpx2.AsyncClient(trust_env=False) as http:
            messages = (await http.get(url)).json()["messages"]
        return json.loads([m["content"] for m in messages if m["role"] == "tool"][-1])


@pytest.fixture(scope="module")
async def talk(store_server: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Talk]:
    folder = tmp_path_factory.mktemp("failures")
    workspace = folder / "workspace"
    workspace.mkdir()
    (folder / "outside").write_text("secret")
    (workspace / "link").symlink_to(folder / "outside")
    (workspace / "folder").mkdir()
    (workspace / "latin").write_bytes(b"\xe9t\xe9\n")
    (workspace / "here.txt").write_text("old\n")
    (workspace / "logo.png").write_bytes(PNG)
    with (workspace / "huge").open("wb") as huge:
        huge.truncate(FILE_MAX_BYTES + 1)
    async with (
        services(store_server, folder) as platform,
        person(platform.gateway_url, workspace, session_id="failures") as (session, record),
    ):
        yield Talk(platform.gateway_url, workspace, session, record)


@pytest.mark.parametrize(
    ("tool", "arguments", "code"),
    [
        pytest.param("read_file", {"path": "gone"}, "FILE_NOT_FOUND", id="not there"),
        pytest.param("read_file", {"path": "link"}, "PATH_OUTSIDE_WORKSPACE", id="outside"),
        pytest.param("read_file", {"path": "a/../b"}, "INVALID_PATH", id="no path"),
        pytest.param("read_file", {"path": "folder"}, "NOT_A_FILE", id="a folder"),
        pytest.param("read_file", {"path": "huge"}, "FILE_TOO_LARGE", id="too large"),
        pytest.param("read_file", {"path": "latin"}, "ENCODING_ERROR", id="no utf-8"),
        pytest.param("read_file", {"path": "logo.png"}, "BINARY_FILE", id="binary"),
        pytest.param(
            "read_file", {"path": "here.txt", "start_line": 9}, "INVALID_RANGE", id="past the end"
        ),
        pytest.param("read_file", {"file": "x"}, "INVALID_ARGUMENTS", id="wrong arguments"),
        pytest.param(
            "write_file", {"path": "here.txt", "content": "x"}, "CONFLICT", id="never read"
        ),
        pytest.param("git.diff", {}, "GIT_NOT_INITIALIZED", id="no repository"),
        pytest.param(
            "apply_patch",
            {"diff": "--- a/here.txt\n+++ b/here.txt\n@@ @@\n-old\n+new\n"},
            "READ_FIRST",
            id="patch of what was not read",
        ),
        pytest.param("apply_patch", {"diff": "no patch"}, "PATCH_INVALID", id="no patch"),
        pytest.param("fly", {}, "TOOL_NOT_FOUND", id="no tool"),
    ],
)
async def test_a_failure_is_a_result_with_its_code(
    talk: Talk, tool: str, arguments: dict[str, Any], code: str
) -> None:
    """T-09."""
    told = await talk.call(tool, **arguments)

    assert (told["success"], told["error"]["code"]) == (False, code)
    assert (talk.workspace / "here.txt").read_text() == "old\n"


async def test_a_picture_is_named_and_never_damaged(store_server: str, tmp_path: Path) -> None:
    """T-11: read, shown as changed, patched."""
    workspace = tmp_path / "workspace"
    repository = await Repository.made(workspace)
    (workspace / "logo.png").write_bytes(PNG)
    await repository.commit(a_py="x = 1\n")
    changed = PNG[::-1]
    (workspace / "logo.png").write_bytes(changed)
    patch = "--- a/logo.png\n+++ b/logo.png\n@@ @@\n-PNG\n+GIF\n"

    async with (
        services(store_server, tmp_path) as platform,
        person(platform.gateway_url, workspace, session_id="failures") as (session, record),
    ):
        talk = Talk(platform.gateway_url, workspace, session, record)
        read = await talk.call("read_file", path="logo.png")
        shown = await talk.call("git.diff")
        patched = await talk.call("apply_patch", diff=patch)

    assert read["error"]["code"] == "BINARY_FILE"
    assert [(f["path"], f["status"], f["binary"]) for f in shown["files"]] == [
        ("logo.png", "M", True)
    ]
    assert "IHDR" not in json.dumps(shown)
    assert patched["error"]["code"] == "READ_FIRST"
    assert (workspace / "logo.png").read_bytes() == changed

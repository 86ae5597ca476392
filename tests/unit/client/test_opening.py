from pathlib import Path

import pytest

from codelab_client.approvals import FixedAnswers
from codelab_client.connection import GatewayRefusedError
from codelab_client.opening import Where, opened_session
from codelab_client.places import Gateway
from codelab_client.render import SilentScreen
from fakes.fake_gateway import Talk, fake_gateway


async def test_a_session_speaks_for_this_installation(tmp_path: Path) -> None:
    async def script(talk: Talk) -> None:
        await talk.welcome()
        await talk.stay()

    async with fake_gateway(script) as gateway:
        where = Where(tmp_path / "state", tmp_path, session_id="mine")
        answers = FixedAnswers.parse("none")
        async with opened_session(where, Gateway(gateway.url), answers, SilentScreen()):
            hello = gateway.talks[0].frames[0]
            path = gateway.talks[0].socket.request

    installation = (tmp_path / "state/codelab/client-id").read_text()
    assert hello["client"]["id"].startswith(f"{installation}-")
    declared = {tool if isinstance(tool, str) else tool["name"] for tool in hello["tools"]}
    assert {"read_file", "apply_patch", "list_files", "search_in_code"} <= declared
    assert path is not None
    assert path.path == "/ws/mine"


async def test_a_refusal_is_raised_before_the_session_opens(tmp_path: Path) -> None:
    async with fake_gateway() as gateway:
        gateway.refuse = (401, "no")
        answers = FixedAnswers.parse("none")
        with pytest.raises(GatewayRefusedError, match="HTTP 401"):
            async with opened_session(
                Where(tmp_path / "state", tmp_path), Gateway(gateway.url), answers, SilentScreen()
            ):
                pytest.fail("the session must not open")

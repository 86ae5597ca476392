from codelab_client.dialog_types import Decision, Dialogs
from fakes.dialogs import ScriptedDialogs
from fakes.tool_bench import tool_call


async def test_a_script_is_a_person_as_far_as_tools_can_tell() -> None:
    dialogs: Dialogs = ScriptedDialogs(
        {"c1": {"action": "yes"}, "c2": {"action": "cancel"}, "c3": Decision("approve")}
    )

    answers = (
        await dialogs.prompt(tool_call("prompt_user", call_id="c1")),
        await dialogs.review(tool_call("apply_patch_review", call_id="c2")),
        await dialogs.approve(tool_call("write_file", call_id="c3")),
    )

    assert ({"action": "yes"}, {"action": "cancel"}, Decision("approve", None, None)) == answers

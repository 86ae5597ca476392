"""The token between the services is replaced step by step; the pods follow when they see it."""

import base64
import json
from functools import partial
from pathlib import Path

import pytest

from codelab_core.internal_keys import InternalKeyFile
from codelab_operator.api_group import ROTATION_ANNOTATION
from codelab_operator.rotation import PAUSE_S
from harness.operators import Bench, Json

SECRET = "a-internal"
PODS = ("gateway", "runtime", "llmproxy")


def tokens(stage: Bench) -> list[str]:
    """Lines of the Secret."""
    return base64.b64decode(stage.find("Secret", SECRET)["data"]["tokens"]).decode().split()


def state(stage: Bench) -> Json:
    """What the Secret says of its rotation."""
    annotations = stage.find("Secret", SECRET)["metadata"]["annotations"]
    return json.loads(annotations[ROTATION_ANNOTATION])


def is_in(stage: Bench, phase: str) -> bool:
    """Whether the Secret is in that phase."""
    return bool(state(stage)["phase"] == phase)


def shown(stage: Bench) -> Json:
    """What the agent says of it."""
    return (stage.find("CodelabAgent", "a")["status"] or {}).get("internalAuth")


class Pods:
    """Three pods with the Secret mounted; each sees a change when the kubelet brings it."""

    def __init__(self, folder: Path, held: list[str]) -> None:
        self._files = {name: folder / name for name in PODS}
        self._steps = 0
        for file in self._files.values():
            file.write_text("\n".join(held))
        self.keys = {name: InternalKeyFile(file) for name, file in self._files.items()}

    def see(self, name: str, held: list[str]) -> None:
        """One of them sees what the Secret holds."""
        self._steps += 1
        self._files[name].write_text("\n".join(held) + "\n" * self._steps)  # never of one size
        self.keys[name].refresh()

    def refusals(self) -> list[tuple[str, str]]:
        """Pairs of a caller and a called one who refuses it."""
        return [
            (caller, called)
            for caller, sent in self.keys.items()
            for called, known in self.keys.items()
            if not known.accepts(sent.current)
        ]


async def later(stage: Bench, seconds: int) -> None:
    """Let time go by for the operator, then have it look."""
    stage.ahead.value += seconds
    stage.edit("CodelabAgent", "a", {"metadata": {"annotations": {"look": str(stage.ahead.value)}}})
    await stage.rest()


@pytest.mark.parametrize("order", [PODS, PODS[::-1]], ids=["forth", "back"])
async def test_a_rotation_refuses_no_request_whichever_pod_sees_it_first(
    stage: Bench, tmp_path: Path, order: tuple[str, ...]
) -> None:
    stage.start()
    stage.agent(spec={"internalAuth": {"rotation": "first"}})
    await stage.until(stage.is_ready)
    await stage.rest()
    (old,) = tokens(stage)
    pods = Pods(tmp_path, [old])
    began, phases, refusals = shown(stage), [], []

    stage.edit("CodelabAgent", "a", {"spec": {"internalAuth": {"rotation": "second"}}})
    await stage.until(lambda: state(stage)["phase"] == "Adding")
    while True:
        phases.append((state(stage)["phase"], len(tokens(stage))))
        for name in order:
            pods.see(name, tokens(stage))
            refusals += pods.refusals()
        if state(stage)["phase"] == "Stable":
            break
        await later(stage, PAUSE_S // 2)
        assert (state(stage)["phase"], len(tokens(stage))) == phases[-1], "too early"
        await later(stage, PAUSE_S // 2 + 2)
    await stage.until(lambda: shown(stage) == {"rotation": "second", "phase": "Stable"})
    await stage.until(stage.is_ready)

    (new,) = tokens(stage)
    assert began == {"rotation": "first", "phase": "Stable"}
    assert phases == [("Adding", 2), ("Promoted", 2), ("Stable", 1)]
    assert refusals == []
    assert [(key.current, key.accepts(old)) for key in pods.keys.values()] == [(new, False)] * 3
    assert new != old


async def test_a_rotation_rolls_no_pod(stage: Bench) -> None:
    stage.start()
    stage.agent()
    await stage.until(stage.is_ready)

    stage.edit("CodelabAgent", "a", {"spec": {"internalAuth": {"rotation": "now"}}})
    for phase in ("Adding", "Promoted", "Stable"):
        await stage.until(partial(is_in, stage, phase))
        await later(stage, PAUSE_S + 1)

    assert all(len(seen) == 1 for seen in stage.cluster.controllers.templates.values())


async def test_the_token_of_a_new_agent_is_the_one_wanted(stage: Bench) -> None:
    stage.start()
    stage.agent(spec={"internalAuth": {"rotation": "first"}})
    await stage.until(stage.is_ready)
    await stage.rest()

    assert len(tokens(stage)) == 1
    assert (state(stage)["rotation"], state(stage)["phase"]) == ("first", "Stable")
    assert shown(stage) == {"rotation": "first", "phase": "Stable"}
    assert stage.condition("Reconciling") == {}

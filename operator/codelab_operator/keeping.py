"""Our own Secrets: made once, mended where a key is missing, their token replaced on request."""

import base64
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus

from codelab_operator.api_errors import ApiError
from codelab_operator.api_group import ROTATION_ANNOTATION
from codelab_operator.carrying import FOREIGN, Report, is_ours
from codelab_operator.children import Agent, Child, Manifest, ObjectKey
from codelab_operator.cluster import Cluster
from codelab_operator.kinds import SECRET
from codelab_operator.mounts import TOKENS
from codelab_operator.rotation import Rotation, RotationStep, first_rotation, read_rotation, rotate
from codelab_operator.secrets import filled, mended


@dataclass(frozen=True, slots=True)
class Keeper:
    """`new_token` makes random text, `unix_s` is the time of people's clocks in seconds."""

    cluster: Cluster
    new_token: Callable[[], str]
    unix_s: Callable[[], int]

    async def ensure(
        self, agent: Agent, wanted: Iterable[Child], report: Report, *, is_new: bool
    ) -> None:
        """Make sure of Secrets. `is_new`: the agent has nothing yet, so post without looking."""
        for child in wanted:
            try:
                await self._ensure_one(agent, child, is_new=is_new)
            except ApiError as error:
                report.add(child.key, error)

    async def rotated(self, agent: Agent, report: Report) -> RotationStep | None:
        """Take the next step of replacing the token; None where its Secret cannot be read."""
        name = agent.child_name("internal")
        key = ObjectKey(SECRET.api_version, SECRET.name, agent.namespace, name)
        try:
            live = await self.cluster.read(key)
            return await self._step(agent, key, live)
        except ApiError as error:
            report.add(key, error)
            return None

    async def _ensure_one(self, agent: Agent, child: Child, *, is_new: bool) -> None:
        """Post a Secret, or look at what is there."""
        live = None if is_new else await self._look(child.key)
        if live is None:
            try:
                await self.cluster.create(self._made(agent, child))
            except ApiError as error:
                if not error.is_there_already:
                    raise
                live = await self.cluster.read(child.key)
        if live is None:
            return
        if not is_ours(live, agent):
            raise FOREIGN
        if change := mended(child, live, self.new_token):
            await self.cluster.merge(child.key, change)

    def _made(self, agent: Agent, child: Child) -> Manifest:
        """The Secret to post; its token is the one wanted, so that nothing is to be rotated."""
        made = dict(filled(child, self.new_token))
        if child.key.name == agent.child_name("internal") and TOKENS in made["data"]:
            metadata = made["metadata"]
            annotations = metadata["annotations"] | first_rotation(agent, self.unix_s())
            made["metadata"] = metadata | {"annotations": annotations}
        return made

    async def _look(self, key: ObjectKey) -> Manifest | None:
        """The Secret; None where there is none."""
        try:
            return await self.cluster.read(key)
        except ApiError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    async def _step(self, agent: Agent, key: ObjectKey, live: Manifest) -> RotationStep:
        """One step: tokens and annotation in one write, for the version that was read."""
        if not is_ours(live, agent):
            raise FOREIGN
        metadata = live["metadata"]
        present: Rotation = read_rotation(metadata.get("annotations") or {})
        held = base64.b64decode((live.get("data") or {}).get(TOKENS, "")).decode()
        step = rotate(
            present,
            tuple(held.split()),
            agent.spec.internal_auth.rotation,
            self.new_token(),
            self.unix_s(),
        )
        if step.tokens is not None:
            text = "".join(f"{token}\n" for token in step.tokens)
            change = {
                "metadata": {
                    "resourceVersion": metadata["resourceVersion"],
                    "annotations": {ROTATION_ANNOTATION: step.state.render()},
                },
                "data": {TOKENS: base64.b64encode(text.encode()).decode()},
            }
            await self.cluster.merge(key, change)
        return step

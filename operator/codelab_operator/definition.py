"""`crd apply`: the definition of our own kind, applied and served. The chart's hook runs it."""

import asyncio
import logging
from typing import Final

from prometheus_client import CollectorRegistry

from codelab_core.clock import SYSTEM_CLOCK
from codelab_operator.children import Manifest, ObjectKey
from codelab_operator.connection import connection
from codelab_operator.crd import crd
from codelab_operator.kinds import DEFINITION
from codelab_operator.kube import Kube
from codelab_operator.metrics import Metrics
from codelab_operator.settings import OperatorSettings

ESTABLISHED_S: Final = 60.0
LOOK_S: Final = 0.5

log = logging.getLogger(__name__)


async def apply_definition(settings: OperatorSettings) -> None:
    """Apply it and wait until it is served. Raises `ApiError`, and `TimeoutError` after 60 s."""
    place = connection(settings, SYSTEM_CLOCK.monotonic)
    kube = Kube(place, Metrics(CollectorRegistry()), SYSTEM_CLOCK, "codelab-operator/crd")
    wanted = crd()
    key = ObjectKey(DEFINITION.api_version, DEFINITION.name, "", wanted["metadata"]["name"])
    try:
        await kube.apply(wanted, force=True)
        async with asyncio.timeout(ESTABLISHED_S):
            while True:
                if is_established(await kube.get(key)):
                    break
                await asyncio.sleep(LOOK_S)
    finally:
        await kube.close()
    log.info("definition applied", extra={"definition": key.name})


def is_established(definition: Manifest) -> bool:
    """Whether the API server serves the kind."""
    conditions = (definition.get("status") or {}).get("conditions") or ()
    return any(c["type"] == "Established" and c["status"] == "True" for c in conditions)

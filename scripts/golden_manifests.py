"""The children of every sample, as the operator of this release wants them; for `generate`."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from codelab_operator.api_group import KIND, RELEASE
from codelab_operator.api_spec import Spec
from codelab_operator.children import Agent, Offering
from codelab_operator.manifests import desired

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = f"tests/unit/operator/golden/{RELEASE}"
OFFERING = Offering(service_monitors=True, http_routes=True, operator_namespace="operators")


class PlainDumper(yaml.SafeDumper):
    """Writes equal parts out instead of naming them: these files are read by people."""

    def ignore_aliases(self, _data: Any) -> bool:
        """Never an alias."""
        return True


def goldens() -> Mapping[str, Callable[[], str]]:
    """By path: what writes the file. Files of earlier releases are left as they are."""
    samples = sorted((ROOT / "manifests/samples").glob("*.yaml"))
    return {f"{GOLDEN}/{sample.name}": partial(golden, sample) for sample in samples}


def golden(sample: Path) -> str:
    """All children of a sample."""
    documents = yaml.safe_load_all(sample.read_text())
    (resource,) = [document for document in documents if document["kind"] == KIND]
    metadata = resource["metadata"]
    spec = Spec.model_validate({"version": RELEASE, **resource["spec"]})
    namespace = metadata.get("namespace", "default")
    agent = Agent(namespace, metadata["name"], "uid-of-sample", 1, spec)
    children = [child.manifest for child in desired(agent, OFFERING)]
    return yaml.dump_all(children, Dumper=PlainDumper, sort_keys=True, width=100)

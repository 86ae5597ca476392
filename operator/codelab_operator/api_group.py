"""What the resource is called in the API, and the marks that its children carry. Pure."""

from typing import Final

GROUP: Final = "codelab.dev"
API_VERSION: Final = "v1beta1"
GROUP_VERSION: Final = f"{GROUP}/{API_VERSION}"
KIND: Final = "CodelabAgent"
PLURAL: Final = "codelabagents"
SINGULAR: Final = "codelabagent"
SHORT_NAME: Final = "cla"
CATEGORY: Final = "codelab"

RELEASE: Final = "0.1.0"
"""Version of this operator, and of agents that name none."""

FIELD_MANAGER: Final = "codelab-operator"
"""Owner of the fields that we apply; also the value of the label `managed-by`."""
HANDOVER_MANAGER: Final = "codelab-operator-handover"
"""Holds `replicas` after we stop to say it: a field without any owner would fall back to 1."""

NAME_LABEL: Final = "app.kubernetes.io/name"
INSTANCE_LABEL: Final = "app.kubernetes.io/instance"
COMPONENT_LABEL: Final = "app.kubernetes.io/component"
PART_OF_LABEL: Final = "app.kubernetes.io/part-of"
MANAGED_BY_LABEL: Final = "app.kubernetes.io/managed-by"
AGENT_LABEL: Final = f"{GROUP}/agent"
"""Name of the agent that an object belongs to."""
PRODUCT: Final = "codelab-agent"
"""Value of the label `name`."""
OWN_LABEL_PREFIXES: Final = ("app.kubernetes.io/", f"{GROUP}/")
"""Labels that a person may not set on pods."""

HASH_ANNOTATION: Final = f"{GROUP}/hash"
"""First 16 hex digits of the SHA-256 of what we last applied."""
VERSION_ANNOTATION: Final = f"{GROUP}/version"
"""`spec.version` for which a Deployment or StatefulSet was last applied."""
REPLICAS_ANNOTATION: Final = f"{GROUP}/replicas"
"""There while we say how many pods a Deployment has: who drops it must hand the field over."""
ACL_ANNOTATION: Final = f"{GROUP}/acl"
"""On Redis pods: hash of the commands that its users may call."""
ROTATION_ANNOTATION: Final = f"{GROUP}/rotation"
"""On the Secret of internal tokens: state of their rotation, as JSON."""

COMPONENTS: Final = ("gateway", "runtime", "llmproxy")
"""The three Deployments, in the order in which a request passes them."""
PORTS: Final = {"gateway": 8000, "runtime": 8001, "llmproxy": 8002, "redis": 6379}
UNREADY_RUNTIME: Final = "runtime-health"
"""Name of the Service that shows pods of the runtime which are not ready, too."""
ROLL_ORDER: Final = ("redis", "llmproxy", "runtime", "gateway")
"""Order of a change of version: what is called rolls before its caller."""

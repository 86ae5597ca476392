"""Values of the chart as types, of which `values.schema.json` is made. Pure."""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from codelab_operator.api_shapes import Image, ObjectName
from codelab_operator.crd import crd

Strings = dict[str, str]
Free = dict[str, Any]
Seconds = Annotated[int, Field(ge=1, le=300)]
DIALECT: Final = "http://json-schema.org/draft-07/schema#"


class Part(BaseModel):
    """Part of the values: what is not listed is refused."""

    model_config = ConfigDict(
        extra="forbid", alias_generator=to_camel, use_attribute_docstrings=True
    )


class OperatorImage(Part):
    """Image of the operator; the tag is the chart's version where none is given."""

    repository: Image = "codelab/operator"
    """Registry, path and name."""
    tag: Annotated[str, Field(max_length=128)] = ""
    """Tag; empty: the version of the chart."""
    pull_policy: Literal["IfNotPresent", "Always", "Never"] = "IfNotPresent"
    """When nodes fetch it."""


class Reference(Part):
    """Name of an object."""

    name: ObjectName
    """The name."""


class Watch(Part):
    """Namespaces in which agents are served."""

    cluster_wide: bool = False
    """All of them, by a ClusterRole."""
    namespaces: Annotated[list[ObjectName], Field(max_length=10)] = []
    """These, beside the release's own, by a Role in each."""


class Definitions(Part):
    """The definition of the resource."""

    upgrade_job: bool = True
    """Bring it up to date before an upgrade; helm itself never does."""


class Account(Part):
    """The operator's account."""

    create: bool = True
    """Make one."""
    name: Annotated[str, Field(max_length=253)] = ""
    """Its name; empty: the operator's."""
    annotations: Strings = {}
    """Annotations of it."""


class Rights(Part):
    """What the operator may do."""

    create: bool = True
    """Make roles."""
    secrets: bool = True
    """May make Secrets; without, agents name all of theirs."""


class LeaderElection(Part):
    """Times of the lease, in seconds."""

    lease_duration: Seconds = 15
    """A lease that nobody renewed for this long may be taken."""
    renew_deadline: Seconds = 10
    """After this long without a renewal a leader ends."""
    renew_period: Seconds = 3
    """Time between two renewals."""
    poll_period: Seconds = 1
    """Time between two looks at the lease of another."""


class ServiceMonitor(Part):
    """A monitor of the operator itself."""

    enabled: bool = False
    """Make one; its kind must be there."""
    labels: Strings = {}
    """Labels by which a Prometheus selects it."""


class Metrics(Part):
    """Metrics of the operator."""

    service_monitor: ServiceMonitor = ServiceMonitor()
    """A monitor."""


class Switch(Part):
    """Something that is made or not."""

    enabled: bool = True
    """Make it."""


class SampleAgent(Part):
    """An agent that is installed with the operator."""

    create: bool = False
    """Make one."""
    name: Annotated[str, Field(max_length=40, pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$")] = "agent"
    """Its name."""
    spec: Free = {}
    """Its specification."""


class Test(Part):
    """What `helm test` does."""

    enabled: bool = True
    """Whether there is a test."""
    agent_name: Annotated[str, Field(max_length=40)] = ""
    """Agent to talk to; empty: one is made for the test, of the images of `agent.spec`."""
    token_secret_name: Annotated[str, Field(max_length=253)] = ""
    """Secret whose key `token` has a client's token; empty: the one that the operator makes."""
    image: Annotated[str, Field(max_length=512)] = ""
    """Image with the client; empty: the gateway's of the chart's version."""


class Values(Part):
    """All values of the chart."""

    image: OperatorImage = OperatorImage()
    """Image of the operator."""
    image_pull_secrets: Annotated[list[Reference], Field(max_length=8)] = []
    """Credentials for its registry."""
    replica_count: Annotated[int, Field(ge=1, le=3)] = 2
    """Pods of the operator; one works, the others wait."""
    watch: Watch = Watch()
    """Namespaces in which agents are served."""
    resources: Free = {}
    """Requests and limits of the operator."""
    node_selector: Strings = {}
    """Labels that its nodes must have."""
    tolerations: Annotated[list[Free], Field(max_length=16)] = []
    """Taints that it bears."""
    affinity: Free = {}
    """Its affinity."""
    priority_class_name: Annotated[str, Field(max_length=253)] = ""
    """Its priority class."""
    crds: Definitions = Definitions()
    """The definition of the resource."""
    service_account: Account = Account()
    """The operator's account."""
    rbac: Rights = Rights()
    """What the operator may do."""
    leader_election: LeaderElection = LeaderElection()
    """Times of the lease."""
    metrics: Metrics = Metrics()
    """Metrics of the operator."""
    network_policy: Switch = Switch()
    """A policy for the operator: probes and metrics in, anything out."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Least severe level that is logged."""
    dev: bool = False
    """Pods of agents with a writable root and a short drain."""
    agent: SampleAgent = SampleAgent()
    """An agent that is installed with the operator."""
    test: Test = Test()
    """What `helm test` does."""


def values_schema() -> dict[str, Any]:
    """The JSON Schema of the values; an agent's specification is as the definition says."""
    schema = Values.model_json_schema(by_alias=True)
    (version,) = crd()["spec"]["versions"]
    spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    schema["$defs"]["SampleAgent"]["properties"]["spec"] = _json_schema(spec)
    watch = schema["$defs"]["Watch"]
    watch["if"] = {"properties": {"clusterWide": {"const": True}}, "required": ["clusterWide"]}
    watch["then"] = {"properties": {"namespaces": {"maxItems": 0}}}
    globals_of_helm: dict[str, Any] = {"global": {"type": "object"}}
    return {"$schema": DIALECT, **schema, "properties": schema["properties"] | globals_of_helm}


def _json_schema(node: Any) -> Any:
    """A part of the definition in the words of JSON Schema: no marks, bounds as numbers."""
    if isinstance(node, list):
        return [_json_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    plain = {name: part for name, part in node.items() if not name.startswith("x-kubernetes-")}
    made = {name: _json_schema(part) for name, part in plain.items()}
    if made.get("exclusiveMinimum") is True:
        made["exclusiveMinimum"] = made.pop("minimum")
    return made

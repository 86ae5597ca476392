"""What every Deployment of an agent can be told: pods, scaling, placement, drain. Pure."""

from typing import Annotated, Literal

from pydantic import Field

from codelab_operator.api_shapes import (
    FreeObject,
    Image,
    IntOrPercent,
    Labels,
    LongText,
    ObjectName,
    Quantity,
    Replicas,
    Shape,
    ShortText,
    map_list,
)


class Autoscaling(Shape):
    """Pods by CPU use; in place of `replicas`."""

    min_replicas: Replicas = 2
    """Fewest pods."""
    max_replicas: Replicas
    """Most pods."""
    target_cpu_percent: Annotated[int, Field(ge=10, le=95)] = 70
    """CPU use that is aimed at, in percent of the request."""


class DisruptionBudget(Shape):
    """What evictions may take away; there is a budget from two pods on."""

    max_unavailable: IntOrPercent = 1
    """Pods that may be missing at once, as a number or in percent."""


class Amounts(Shape):
    """Processor and memory."""

    cpu: Quantity | None = None
    """Cores, such as `500m`."""
    memory: Quantity | None = None
    """Bytes, such as `512Mi`."""


class Resources(Shape):
    """Requests and limits; keys that are absent keep the component's own values."""

    requests: Amounts = Amounts()
    """What the scheduler sets aside."""
    limits: Amounts = Amounts()
    """What a pod may use at most."""


class EnvVar(Shape):
    """One variable of the container, after ours."""

    name: Annotated[
        str, Field(min_length=1, max_length=128, pattern=r"^[-._a-zA-Z][-._a-zA-Z0-9]*$")
    ]
    """Name; not `CODELAB_…`, those come from this resource."""
    value: LongText = ""
    """Value; credentials do not belong here."""


class Placement(Shape):
    """Which nodes pods may run on."""

    node_selector: Labels | None = None
    """Labels that a node must have."""
    tolerations: Annotated[list[FreeObject], Field(max_length=16)] | None = None
    """Taints that pods bear, as in a pod."""
    affinity: FreeObject | None = None
    """Affinity as in a pod."""
    priority_class_name: ObjectName | None = None
    """Priority class of the pods."""


class Scheduling(Placement):
    """Where pods run."""

    topology_spread: Literal["Preferred", "Required", "Disabled"] = "Preferred"
    """Spread over nodes and zones; `Required` leaves a pod unscheduled rather than by its twin."""


class ComponentSpec(Shape):
    """Fields that gateway, runtime and LLM proxy share."""

    image: Image | None = None
    """Whole image reference; wins over `images.registry` and `version`."""
    replicas: Replicas | None = None
    """Number of pods; absent: whoever scales the Deployment decides."""
    autoscaling: Autoscaling | None = None
    """Pods by CPU use; not together with `replicas`."""
    disruption_budget: DisruptionBudget = DisruptionBudget()
    """What evictions may take away."""
    resources: Resources = Resources()
    """Processor and memory of one pod."""
    env: (
        Annotated[list[EnvVar], Field(max_length=32, json_schema_extra=map_list("name"))] | None
    ) = None
    """More variables of the container."""
    pod_labels: Labels | None = None
    """More labels of the pods."""
    pod_annotations: Annotated[dict[str, ShortText], Field(max_length=32)] | None = None
    """More annotations of the pods."""
    scheduling: Scheduling = Scheduling()
    """Where pods run."""
    service_account_name: ObjectName | None = None
    """Account of the pods in place of ours, for identities that a cloud gives out."""
    drain_seconds: Annotated[int, Field(ge=5, le=3600)] = 25
    """Longest time for live work to end before a pod stops."""

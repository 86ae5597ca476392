"""How an agent meets the cluster around it: exposure, network, monitoring, rollout. Pure."""

from typing import Annotated, Literal

from pydantic import Field

from codelab_operator.api_shapes import (
    Annotations,
    FreeObject,
    HostName,
    IntOrPercent,
    Labels,
    ObjectName,
    Shape,
)

Peers = Annotated[list[FreeObject], Field(min_length=1, max_length=16)]
Cidr = Annotated[str, Field(max_length=49, pattern=r"^[0-9A-Fa-f:.]+/[0-9]{1,3}$")]


class ServiceExposure(Shape):
    """The Service of the gateway."""

    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] = "ClusterIP"
    """Who can reach it."""
    node_port: Annotated[int, Field(ge=30000, le=32767)] | None = None
    """Port on every node; goes with type `NodePort`."""
    annotations: Annotations | None = None
    """Annotations, such as those of a load balancer."""
    session_affinity: Literal["None", "ClientIP"] = "None"
    """`ClientIP` keeps an address on one pod: a hint only, every pod serves every session."""
    session_affinity_timeout_seconds: Annotated[int, Field(ge=1, le=86_400)] | None = None
    """How long an address stays on its pod; goes with `ClientIP`."""


class IngressExposure(Shape):
    """An Ingress for `/ws` and `/api/v1`."""

    class_name: ObjectName | None = None
    """Ingress class; absent: the cluster's default."""
    host: HostName
    """Host name."""
    tls_secret_name: ObjectName | None = None
    """Certificate; absent: plain http."""
    annotations: Annotations | None = None
    """Annotations, such as timeouts or cookie affinity."""


class HttpRouteExposure(Shape):
    """An HTTPRoute for `/ws` and `/api/v1`."""

    parent_refs: Annotated[list[FreeObject], Field(min_length=1, max_length=4)]
    """Gateways, as in the Gateway API."""
    hostnames: Annotated[list[HostName], Field(min_length=1, max_length=16)]
    """Host names."""
    session_persistence: FreeObject | None = None
    """Cookie affinity as in the Gateway API's experimental channel, where installed: a hint."""


class Exposure(Shape):
    """How clients reach the gateway."""

    service: ServiceExposure = ServiceExposure()
    """The Service of the gateway."""
    ingress: IngressExposure | None = None
    """An Ingress."""
    http_route: HttpRouteExposure | None = None
    """An HTTPRoute."""


class NetworkPolicySpec(Shape):
    """Who may talk to the pods, and where they may connect to."""

    enabled: bool = True
    """Whether policies are made; without them nothing is restricted."""
    gateway_from: Peers | None = None
    """Who may reach the gateway, as peers of a NetworkPolicy; absent: anybody."""
    metrics_from: Peers | None = None
    """Who may read metrics, as peers; absent: the namespace `monitoring`."""
    provider_cidrs: Annotated[list[Cidr], Field(max_length=64)] = ["0.0.0.0/0", "::/0"]
    """Networks in which providers are."""


class Monitoring(Shape):
    """ServiceMonitors of the Prometheus operator."""

    service_monitor: Literal["Auto", "Enabled", "Disabled"] = "Auto"
    """`Auto`: where the cluster knows ServiceMonitors."""
    interval: Annotated[str, Field(max_length=16, pattern=r"^[1-9][0-9]*(ms|s|m|h)$")] = "30s"
    """Time between two scrapes."""
    labels: Labels | None = None
    """Labels by which a Prometheus selects its monitors."""


class Rollout(Shape):
    """How Deployments change; no pod goes before its successor is available."""

    max_surge: IntOrPercent = "25%"
    """Pods above the wanted number while a change is under way."""
    progress_deadline_seconds: Annotated[int, Field(ge=30, le=3600)] = 300
    """Time without progress after which a change counts as stuck."""
    min_ready_seconds: Annotated[int, Field(ge=0, le=300)] = 0
    """Time that a new pod must stay ready before it counts."""

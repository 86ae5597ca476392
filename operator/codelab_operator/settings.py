"""Settings of the operator: every field is settable as `CODELAB_<FIELD>`."""

from pathlib import Path
from typing import Annotated, ClassVar, Final

from pydantic import AliasChoices, Field

from codelab_core.settings import ServiceSettings

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class OperatorSettings(ServiceSettings):
    """The operator."""

    service: ClassVar[str] = "operator"

    host: str = "0.0.0.0"  # noqa: S104 -- probes come from the kubelet
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """Port of `/healthz`, `/readyz` and `/metrics`."""
    namespaces: Annotated[str, Field(max_length=4096)] = ""
    """Comma-separated namespaces to serve, 10 at most; empty: all, which needs a ClusterRole."""
    operator_namespace: Annotated[str, Field(min_length=1, max_length=63)] = "default"
    """Namespace of this pod: its Lease is there."""
    pod_name: Annotated[str, Field(min_length=1, max_length=253)] = "operator"
    """Name of this pod: the holder of the Lease starts with it."""
    lease_name: Annotated[str, Field(min_length=1, max_length=253)] = "codelab-operator"
    """Name of the Lease."""
    lease_duration_s: Annotated[int, Field(ge=2, le=300)] = 15
    """A Lease that nobody renewed for this long may be taken."""
    lease_renew_s: Annotated[float, Field(gt=0, le=100)] = 3.0
    """Time between two renewals."""
    lease_deadline_s: Annotated[float, Field(gt=0, le=200)] = 10.0
    """After this long without a renewal the process ends."""
    lease_poll_s: Annotated[float, Field(gt=0, le=60)] = 1.0
    """Time between two looks at a Lease that somebody else has."""
    api_url: str = ""
    """Address of the API server; empty: that of the cluster that the pod runs in."""
    api_ca_file: Path | None = None
    """Its certificate authority; absent: that of the service account, or the system's."""
    api_token_file: Path | None = None
    """Bearer token, read again when it changes; absent: that of the service account."""
    kubernetes_service_host: Annotated[
        str, Field(validation_alias=AliasChoices("KUBERNETES_SERVICE_HOST"))
    ] = ""
    """Set by the kubelet in every pod."""
    kubernetes_service_port: Annotated[
        str, Field(validation_alias=AliasChoices("KUBERNETES_SERVICE_PORT"))
    ] = "443"
    """Set by the kubelet in every pod."""
    health_url: str = "http://{service}.{namespace}.svc:{port}/health"
    """Where the health of an agent's service is read."""
    resync_s: Annotated[float, Field(gt=0)] = 600.0
    """Time between two looks at every agent, compared with what is known; 20 % jitter."""
    discovery_s: Annotated[float, Field(gt=0)] = 600.0
    """Time between two looks for kinds that a cluster may lack."""
    dev: bool = False
    """Development: pods with a writable root and a short drain."""

    def served(self) -> tuple[str, ...]:
        """The namespaces to serve; empty: all."""
        return tuple(name.strip() for name in self.namespaces.split(",") if name.strip())

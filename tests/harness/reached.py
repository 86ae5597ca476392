"""The way from this machine to an agent in a cluster."""

from base64 import b64decode

from codelab_client.places import Gateway
from harness.kubernetes import Cluster

NODE_PORT = {"service": {"type": "NodePort"}}
"""Of `spec.exposure`, for agents that tests talk to: `kubectl port-forward` dies with its pod."""


def gateway_of(cluster: Cluster, name: str, namespace: str) -> Gateway:
    """The gateway of an agent, at a port of the node, with the token that was made for clients."""
    (node,) = cluster.listed("nodes", namespace)
    address = next(a["address"] for a in node["status"]["addresses"] if a["type"] == "InternalIP")
    port = cluster.get("service", f"{name}-gateway", namespace)["spec"]["ports"][0]["nodePort"]
    token = cluster.get("secret", f"{name}-client", namespace)["data"]["token"]
    return Gateway(f"http://{address}:{port}", b64decode(token).decode())

"""What the operator has asked of the API server, by its own counters."""

import re
from collections import Counter

from harness.cluster_api import Api

SYSTEM = "codelab-system"
OPERATORS = "app.kubernetes.io/name=codelab-operator"
LINE = re.compile(r"codelab_operator_api_requests_total\{(.*)\} (\S+)")
LABEL = re.compile(r'(\w+)="([^"]*)"')


def asked(api: Api, namespace: str = SYSTEM) -> Counter[tuple[str, str, str]]:
    """Requests by verb, kind and status of all operators there; those for the Lease left out."""
    found: Counter[tuple[str, str, str]] = Counter()
    for pod in api.items(f"/api/v1/namespaces/{namespace}/pods?labelSelector={OPERATORS}"):
        place = f"/api/v1/namespaces/{namespace}/pods/{pod['metadata']['name']}:8080/proxy"
        for line in api.text(f"{place}/metrics").splitlines():
            if said := LINE.match(line):
                labels = dict(LABEL.findall(said[1]))
                found[labels["verb"], labels["kind"], labels["code"]] += int(float(said[2]))
    return Counter({key: count for key, count in found.items() if key[1] != "Lease"})

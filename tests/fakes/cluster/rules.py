"""What the API server refuses in whole objects: the few rules that tests run into."""

from typing import Any

from fakes.cluster import answers

Json = Any


def check(manifest: Json) -> None:
    """Refuse a Service with two ports of one name."""
    if manifest["kind"] != "Service":
        return
    names = [port.get("name") for port in manifest.get("spec", {}).get("ports") or ()]
    for name in names:
        if names.count(name) > 1:
            told = f'Service "{manifest["metadata"]["name"]}" is invalid: spec.ports: {name} twice'
            raise answers.RefusedError(422, "Invalid", told)

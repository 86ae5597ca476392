"""The CustomResourceDefinition of `CodelabAgent`, generated from its types. Pure."""

from typing import Any, Final

from codelab_operator.api_group import (
    API_VERSION,
    CATEGORY,
    GROUP,
    KIND,
    PLURAL,
    SHORT_NAME,
    SINGULAR,
)
from codelab_operator.api_rules import RULES, Rule
from codelab_operator.api_spec import Spec
from codelab_operator.api_status import UNSEEN, Status
from codelab_operator.crd_schema import Schema, structural


def crd() -> dict[str, Any]:
    """The whole object, ready to be applied."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": SINGULAR,
                "shortNames": [SHORT_NAME],
                "categories": [CATEGORY],
            },
            "scope": "Namespaced",
            "versions": [
                {
                    "name": API_VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": columns(),
                    "schema": {"openAPIV3Schema": resource_schema()},
                }
            ],
        },
    }


def resource_schema() -> Schema:
    """Schema of the resource with its rules."""
    status = structural(Status.model_json_schema()) | {"default": UNSEEN}
    schema: Schema = {
        "description": "An agent: gateway, runtime, LLM proxy and the store of their sessions.",
        "type": "object",
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": spec_schema(),
            "status": status,
        },
    }
    for rule in RULES:
        for owner in rule.owners:
            _add(rule, _below(schema, owner))
    return schema


def spec_schema() -> Schema:
    """Schema of the specification alone, without rules; the chart's values use it as well."""
    return structural(Spec.model_json_schema()) | {"default": {}}


def columns() -> list[dict[str, Any]]:
    """What `kubectl get` prints."""
    ready = '.status.conditions[?(@.type=="Ready")]'
    made = [
        _column("Ready", f"{ready}.status"),
        _column("Reason", f"{ready}.reason"),
        _column("Version", ".status.version"),
    ]
    for title, name in _COMPONENT_COLUMNS.items():
        made.append(_column(title, f'.status.components[?(@.name=="{name}")].summary'))
    made.append(_column("Age", ".metadata.creationTimestamp") | {"type": "date"})
    made.append(_column("Message", f"{ready}.message") | {"priority": 1})
    return made


_COMPONENT_COLUMNS: Final = {
    "Gateway": "gateway",
    "Runtime": "runtime",
    "Proxy": "llmproxy",
    "Redis": "redis",
}


def _column(title: str, path: str) -> dict[str, Any]:
    """One column of text."""
    return {"name": title, "type": "string", "jsonPath": path}


def _add(rule: Rule, schema: Schema) -> None:
    """Put a rule into the schema of its owner."""
    entry = {"rule": rule.expression, "message": rule.message}
    if rule.field:
        entry["fieldPath"] = rule.field
    schema.setdefault("x-kubernetes-validations", []).append(entry)


def _below(schema: Schema, owner: str) -> Schema:
    """The schema at a path such as `spec.llmproxy.providers[]`."""
    for part in filter(None, owner.split(".")):
        schema = schema["properties"][part.removesuffix("[]")]
        if part.endswith("[]"):
            schema = schema["items"]
    return schema

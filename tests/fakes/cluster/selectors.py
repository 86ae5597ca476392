"""Label and field selectors, as far as operators use them."""

from typing import Any


def matches_labels(selector: str, labels: dict[str, str]) -> bool:
    """Whether labels fit `a=b,c!=d,e,!f`; an empty selector fits everything."""
    return all(_term_fits(term.strip(), labels) for term in selector.split(",") if term)


def _term_fits(term: str, labels: dict[str, str]) -> bool:
    """Whether one requirement holds."""
    if "!=" in term:
        name, _, value = term.partition("!=")
        return labels.get(name) != value
    if "=" in term:
        name, _, value = term.replace("==", "=").partition("=")
        return labels.get(name) == value
    return term[1:] not in labels if term.startswith("!") else term in labels


def matches_fields(selector: str, manifest: dict[str, Any]) -> bool:
    """Whether `metadata.name=x,metadata.namespace=y` holds."""
    return all(_field_fits(term, manifest) for term in selector.split(",") if term)


def _field_fits(term: str, manifest: dict[str, Any]) -> bool:
    """Whether one field has the wanted value."""
    path, _, wanted = term.partition("=")
    value: Any = manifest
    for key in path.split("."):
        value = value.get(key, {})
    return bool(value == wanted.lstrip("="))

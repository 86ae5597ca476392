"""Building blocks of the resource's types: the base model, and strings with their bounds. Pure.

The docstring below a field is its description in the CRD. Fields are camelCase on the wire. Bounds
are complete: the API server refuses rules that walk over lists or strings without an upper bound.
"""

from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel

from codelab_operator.quantities import PATTERN as QUANTITY_PATTERN

FREE: Final = {"x-kubernetes-preserve-unknown-fields": True}
"""Marks a list of objects whose fields the Kubernetes API defines, not we."""


class Shape(BaseModel):
    """Part of a specification or status.

    Unknown fields are ignored: the CRD may be newer than the operator.
    """

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="ignore",
        alias_generator=to_camel,
        validate_by_name=True,
        use_attribute_docstrings=True,
    )

    def __deepcopy__(self, memo: object = None) -> Self:
        """Itself: it never changes, and parsing copies each default that it fills in."""
        return self


def map_list(key: str) -> dict[str, Any]:
    """Schema of a list whose items are told apart by one field."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]}


def int_or_string(pattern: str, minimum: int) -> WithJsonSchema:
    """Schema of a value that may be written as a number or as text."""
    return WithJsonSchema(
        {
            "x-kubernetes-int-or-string": True,
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "minimum": minimum,
            "maxLength": 32,
            "pattern": pattern,
        }
    )


SUBDOMAIN: Final = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
"""RFC 1123, as Kubernetes reads it: names of objects."""
LABEL: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
"""RFC 1123: one part of a domain name."""
PERCENT: Final = r"^([1-9][0-9]?|100)%$"

ObjectName = Annotated[str, Field(min_length=1, max_length=253, pattern=SUBDOMAIN)]
Label = Annotated[str, Field(min_length=1, max_length=63, pattern=LABEL)]
LabelValue = Annotated[
    str, Field(max_length=63, pattern=r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$")
]
ShortText = Annotated[str, Field(max_length=253)]
LongText = Annotated[str, Field(max_length=4096)]
Image = Annotated[str, Field(min_length=1, max_length=512, pattern=r"^[^\s]+$")]
SecretKey = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")]
Labels = Annotated[dict[str, LabelValue], Field(max_length=32)]
Annotations = Annotated[dict[str, LongText], Field(max_length=32)]
Replicas = Annotated[int, Field(ge=1, le=100)]
Percentage = Annotated[str, Field(max_length=32, pattern=PERCENT)]
IntOrPercent = Annotated[Annotated[int, Field(ge=1)] | Percentage, int_or_string(PERCENT, 1)]
QuantityText = Annotated[str, Field(max_length=32, pattern=QUANTITY_PATTERN)]
Quantity = Annotated[Annotated[int, Field(ge=0)] | QuantityText, int_or_string(QUANTITY_PATTERN, 0)]
HttpsUrl = Annotated[str, Field(max_length=512, pattern=r"^https://[^@/\s?#]+(/[^\s?#]*)?$")]
HttpUrl = Annotated[str, Field(max_length=512, pattern=r"^https?://[^@/\s?#]+(/[^\s?#]*)?$")]
Address = Annotated[
    str,
    Field(max_length=260, pattern=r"^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[1-9][0-9]{0,4})?$"),
]
HostName = Annotated[
    str, Field(min_length=1, max_length=253, pattern=r"^(\*\.)?[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")
]
FreeObject = Annotated[dict[str, Any], Field(max_length=32)]


class SecretKeyRef(Shape):
    """One key of a Secret in the agent's namespace; mounted, never read by the operator."""

    name: ObjectName
    """Name of the Secret."""
    key: SecretKey
    """Key in it."""

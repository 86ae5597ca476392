"""The `config` of a component: fields of its settings class that are marked as offered. Pure.

Same bounds as the settings, camelCase with the unit in words (`session_ttl_s` is
`sessionTtlSeconds`), and no defaults: what is absent is the service's own affair.
"""

from typing import Annotated, Any

from pydantic import Field, GetPydanticSchema, create_model
from pydantic.alias_generators import to_camel

from codelab_core.settings import (
    GatewaySettings,
    LLMProxySettings,
    RuntimeSettings,
    ServiceSettings,
)
from codelab_core.settings_marks import Offered, Since
from codelab_operator.api_shapes import Shape


def wire_name(field: str) -> str:
    """A settings field as the resource calls it."""
    return to_camel(f"{field}econds" if field.endswith("_s") else field)


def config_model(settings: type[ServiceSettings]) -> type[Shape]:
    """A model of the offered fields, each optional; its attributes are named as the settings'."""
    fields: dict[str, Any] = {}
    for name, field in settings.model_fields.items():
        if not any(isinstance(mark, Offered) for mark in field.metadata):
            continue
        bounds = [mark for mark in field.metadata if not isinstance(mark, Offered | Since)]
        kind: Any = Annotated[(field.annotation, *bounds)] if bounds else field.annotation
        about = Field(alias=wire_name(name), description=field.description)
        fields[name] = (Annotated[kind | None, about], None)
    made = create_model(f"{settings.__name__}Config", __base__=Shape, **fields)
    made.__doc__ = "Settings of the service; absent ones keep the service's own defaults."
    return made


def chosen(config: Shape) -> dict[str, Any]:
    """The settings fields that a `config` speaks of."""
    return config.model_dump(exclude_none=True)


GATEWAY_CONFIG = config_model(GatewaySettings)
RUNTIME_CONFIG = config_model(RuntimeSettings)
LLMPROXY_CONFIG = config_model(LLMProxySettings)

GatewayConfig = Annotated[Shape, GetPydanticSchema(lambda _, schema_of: schema_of(GATEWAY_CONFIG))]
RuntimeConfig = Annotated[Shape, GetPydanticSchema(lambda _, schema_of: schema_of(RUNTIME_CONFIG))]
LLMProxyConfig = Annotated[
    Shape, GetPydanticSchema(lambda _, schema_of: schema_of(LLMPROXY_CONFIG))
]

"""The dialect of Anthropic's Messages API. Pure."""

from collections.abc import Mapping
from typing import Final

from codelab_llmproxy.dialect import Dialect
from codelab_llmproxy.translate_anthropic_request import encode_request
from codelab_llmproxy.translate_anthropic_stream import AnthropicStreamDecoder

VERSION: Final = "2023-06-01"


def _headers(key: str | None) -> Mapping[str, str]:
    """The key, and the version of the dialect that is spoken."""
    own = {"x-api-key": key} if key else {}
    return {"anthropic-version": VERSION, **own}


ANTHROPIC: Final = Dialect(
    path="/v1/messages",
    health_path="/v1/models",
    encode=encode_request,
    decoder=AnthropicStreamDecoder,
    headers=_headers,
)

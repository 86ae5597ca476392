"""Ollama's own dialect. Pure."""

from typing import Final

from codelab_llmproxy.dialect import Dialect, bearer
from codelab_llmproxy.translate_ollama_request import encode_request
from codelab_llmproxy.translate_ollama_stream import OllamaStreamDecoder

OLLAMA: Final = Dialect(
    path="/api/chat",
    health_path="/api/tags",
    encode=encode_request,
    decoder=OllamaStreamDecoder,
    headers=bearer,
)

"""The dialect of OpenAI's chat completions, which many servers speak. Pure."""

from typing import Final

from codelab_llmproxy.dialect import Dialect, bearer
from codelab_llmproxy.translate_openai_request import encode_request
from codelab_llmproxy.translate_openai_stream import OpenAIStreamDecoder

OPENAI: Final = Dialect(
    path="/chat/completions",
    health_path="/models",
    encode=encode_request,
    decoder=OpenAIStreamDecoder,
    headers=bearer,
)

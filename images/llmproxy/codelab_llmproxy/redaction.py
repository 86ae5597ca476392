"""Takes keys out of text of providers, which echo them, before a person or a log sees it. Pure."""

import re
from collections.abc import Iterable
from typing import Final

MAX_BYTES: Final = 500
HIDDEN: Final = "[hidden]"
_SECRETS: Final = re.compile(
    r"\b(?:sk|pk|rk|gsk|xai|key|ant|hf|nvapi|AIza)[-_][\w*.-]{6,}"  # prefixes of vendors
    r"|\bAIza[\w-]{20,}"
    r"|\b(?:bearer|basic)\s+[\w+/=.*~-]{6,}"
    r"|\b(?:api[-_ ]?key|token|secret|password)\b['\"]?\s*[:=]\s*['\"]?[\w+/=.*~-]{4,}"
    r"|(?<=://)[^\s/@]+@",
    re.IGNORECASE,
)
_UNSEEN: Final = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without these secrets and without what looks like one, on one line, 500 bytes."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    line = _UNSEEN.sub(" ", _SECRETS.sub(HIDDEN, text)).strip()
    return line.encode(errors="replace")[:MAX_BYTES].decode(errors="ignore")

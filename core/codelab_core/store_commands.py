"""Commands of the store that each service calls, also inside its scripts. Pure.

The access list of a managed store allows these and nothing else. A user's keys and channels begin
with the agent's prefix, so `KEYS`, `FLUSHALL`, `CONFIG` and other agents are out of reach.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

FIRST: Final = "0.0.0"
"""Of what every release calls, also those before the first that was published."""

_RUNTIME: Final = (
    "evalsha",
    "exists",
    "hdel",
    "hget",
    "hgetall",
    "hkeys",
    "hmget",
    "hset",
    "hstrlen",
    "pexpireat",
    "ping",
    "publish",
    "script|load",
    "subscribe",
    "time",
    "unlink",
    "unsubscribe",
    "xadd",
    "xrange",
    "xtrim",
    "zadd",
    "zcard",
    "zcount",
    "zrangebyscore",
    "zrem",
    "zremrangebyrank",
    "zremrangebyscore",
    "zrevrange",
    "zscore",
)

COMMANDS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "runtime": MappingProxyType(dict.fromkeys(_RUNTIME, FIRST)),
        "llmproxy": MappingProxyType(dict.fromkeys(("ping",), FIRST)),
    }
)
"""By user: each command, and the first release whose service calls it."""

"""`python -m codelab_core.probe PORT`: exit code 0 when the service on this machine is ready.

For health checks of containers whose images have no other HTTP client.
"""

import sys
import urllib.request
from typing import Final

TIMEOUT_S: Final = 3.0


def is_ready(port: int) -> bool:
    """Whether `/health/ready` on loopback says yes within 3 s."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=TIMEOUT_S):
            return True
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(not is_ready(int(sys.argv[1])))

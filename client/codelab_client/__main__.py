"""`codelab`, and `python -m codelab_client`."""

import sys
from importlib import import_module


def main() -> None:
    """Run the command line; `smoke` without what a terminal needs, for containers have it not."""
    name = "smoke" if sys.argv[1:2] == ["smoke"] else "cli"
    sys.exit(import_module(f"codelab_client.{name}").main())


if __name__ == "__main__":
    main()

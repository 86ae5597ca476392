"""`codelab-llmproxy`: one proxy process, or a check of its configuration file."""

import sys
from pathlib import Path

from codelab_core.observability import configure_logging
from codelab_core.server import run, run_main
from codelab_core.settings import LLMProxySettings
from codelab_llmproxy.app import llmproxy
from codelab_llmproxy.config_file import ConfigFileError, load_config
from codelab_llmproxy.offer import SecretsError
from codelab_llmproxy.scripted.scenario import ScenarioError

USAGE = "usage: codelab-llmproxy [serve | check CONFIG]"


async def serve() -> None:
    """Serve until SIGTERM."""
    settings = LLMProxySettings.load()
    configure_logging(settings.log_level)
    async with llmproxy(settings) as running:
        await run(running, settings)


def main() -> None:
    """Run what the command line says; exit 1 with every problem of the configuration."""
    match sys.argv[1:]:
        case [] | ["serve"]:
            run_main(serve, ScenarioError, ConfigFileError, SecretsError)
        case ["check", config]:
            check(Path(config))
        case _:
            sys.exit(USAGE)


def check(config: Path) -> None:
    """Exit 1 with every problem of a configuration file; keys are not looked for."""
    try:
        load_config(config)
    except ConfigFileError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()

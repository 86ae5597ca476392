"""`python -m codelab_llmproxy`: one proxy process, configured by the environment."""

from codelab_core.observability import configure_logging
from codelab_core.server import run, run_main
from codelab_core.settings import LLMProxySettings
from codelab_llmproxy.app import llmproxy
from codelab_llmproxy.scripted.scenario import ScenarioError


async def main() -> None:
    """Serve until SIGTERM."""
    settings = LLMProxySettings.load()
    configure_logging(settings.log_level)
    async with llmproxy(settings) as running:
        await run(running, settings)


if __name__ == "__main__":
    run_main(main, ScenarioError)

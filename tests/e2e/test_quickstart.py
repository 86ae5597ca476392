"""The commands of README and docs/operations.md, as they stand, in a fresh copy of the sources."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.commands import ROOT, run
from harness.pages import blocks, page, section

pytestmark = pytest.mark.timeout(1200)
PORT = "18080"
"""A port of this machine that is less likely taken than 8000."""
KINDS = "all,pvc,secrets,configmaps,networkpolicies"
LEFT = "configmap/kube-root-ca.crt\nsecret/clients\nservice/kubernetes"
"""What there is in an empty namespace, and a Secret that the page has people make."""
BEFORE, AFTER = "old_name = 1\nprint(old_name)\n", "new_name = 1\nprint(new_name)\n"


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Somebody at a shell in a copy of the sources."""

    folder: Path
    environment: Mapping[str, str]

    def types(self, block: str, timeout_s: float = 600) -> str:
        """Run a block of commands; what it printed. What it left in the background is ended."""
        said = subprocess.run(
            [
                "bash",
                "-euo",
                "pipefail",
                "-c",
                f"trap 'kill $(jobs -p) 2>&- || true' EXIT\n{block}",
            ],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        assert said.returncode == 0, f"{block}\n{said.stdout}\n{said.stderr}"
        return said.stdout


@pytest.fixture(scope="module")
def newcomer(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[Newcomer]:
    """A copy of what git knows, and a cluster, containers and ports that nobody else uses."""
    folder = tmp_path_factory.mktemp("fresh")
    name = f"{pytestconfig.getoption('--cluster-name')}-fresh"
    for file in run("git", "ls-files", "--cached", "--others", "--exclude-standard").splitlines():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, folder / file, follow_symlinks=False)
    path = os.environ["PATH"]  # noqa: TID251 -- of a child
    mine = {
        "PATH": f"{ROOT}/.venv/bin:{path}",
        "KUBECONFIG": str(folder / "kubeconfig"),
        "XDG_STATE_HOME": str(folder / "state"),
        "CLUSTER": name,
        "COMPOSE_PROJECT_NAME": name,
        "CODELAB_GATEWAY_PORT": "18100",
        "CODELAB_RUNTIME_PORT": "18101",
        "CODELAB_LLMPROXY_PORT": "18102",
    }
    try:
        yield Newcomer(folder, os.environ | mine)  # noqa: TID251 -- of children
    finally:
        run("kind", "delete", "cluster", "--name", name, timeout_s=120)


def test_the_commands_for_containers_work_as_they_stand(newcomer: Newcomer, tmp_path: Path) -> None:
    """D-01, K-08, K-09: Compose, a cluster, an agent, and a task on a person's files."""
    compose, cluster, agent, task = blocks(section(page("README.md"), "Run it in containers"))
    workspace = tmp_path / "project"
    (workspace / "src").mkdir(parents=True)
    (workspace / "src/names.py").write_text(BEFORE)
    (workspace / "notes.md").write_text(BEFORE)

    newcomer.types(compose)
    installed = newcomer.types(cluster)
    listed = newcomer.types(agent)
    here = {"minimal-gateway 8000": f"minimal-gateway {PORT}:8000", "DIR": str(workspace)}
    here["127.0.0.1:8000"] = f"127.0.0.1:{PORT}"
    for written, meant in here.items():
        assert written in task
        task = task.replace(written, meant)
    newcomer.types(task)

    assert "Phase:          Succeeded" in installed
    assert "minimal" in listed.splitlines()[-1]
    assert (workspace / "src/names.py").read_text() == AFTER
    assert (workspace / "notes.md").read_text() == BEFORE


def test_the_commands_of_operations_work_as_they_stand(newcomer: Newcomer) -> None:
    """D-08: in the order of the page, from an installation to the last object of ours."""
    newcomer.types("kubectl delete cla --all && helm uninstall codelab-agent --wait")

    for block in blocks(page("docs/operations.md")):
        newcomer.types(block)

    assert "codelab" not in newcomer.types("kubectl get crd,clusterrole -o name")
    newcomer.types(
        f"until [ \"$(kubectl get {KINDS} -o name | sort)\" = '{LEFT}' ]; do :; done", 90
    )

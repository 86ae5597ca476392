from codelab_client.journal import CallKey
from codelab_client.tool import Job
from codelab_core.tools import ReadFileArguments
from fakes.tool_bench import tool_call


def test_the_journal_knows_a_job_by_call_and_digest() -> None:
    call = tool_call("read_file", call_id="c7-1-0", path="a")

    job = Job(call, ReadFileArguments(path="a"), None)

    assert CallKey("c7-1-0", call.digest) == job.key

"""dbt as a child process that stays warm: the manifest is parsed once, then each request costs tenths of a second.

Reads one JSON request a line from stdin (`{"args": ["run", "--select", "..."]}`) and answers one JSON line on the
stream that was its stdout: `{"failures": ["model: message", ...]}`. Ends when stdin does, after the request that it
is at. In threads of the parent dbt breaks, and goes on writing after a timeout; a process can be killed whole.
"""

import json
import os
import sys
from typing import Any

# Ctrl-C and logs belong to the parent; dbt's own printing must not mix with the answers
_QUIET = ["--quiet", "--log-level", "none", "--log-level-file", "none", "--no-write-json", "--no-partial-parse"]


def serve(project_dir: str, profiles_dir: str) -> None:
    """Answer requests until stdin ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    from dbt.cli.main import dbtRunner

    where = ["--project-dir", project_dir, "--profiles-dir", profiles_dir]
    manifest: Any = None
    for line in sys.stdin:
        failures: list[str] = []
        if manifest is None:
            parsed = dbtRunner().invoke(["parse", *_QUIET, *where])
            manifest = parsed.result
            failures += _failures(parsed)
        if not failures:
            failures += _failures(dbtRunner(manifest=manifest).invoke([*json.loads(line)["args"], *_QUIET, *where]))
        print(json.dumps({"failures": failures}), file=answers, flush=True)


def _failures(result: Any) -> list[str]:
    if result.exception is not None:
        return [" ".join(str(result.exception).split())]
    if result.success:
        return []
    nodes = [n for n in result.result.results if n.status in ("error", "fail", "runtime error")]
    return [f"{node.node.name}: {' '.join(str(node.message).split())}" for node in nodes] or ["dbt failed."]


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2])

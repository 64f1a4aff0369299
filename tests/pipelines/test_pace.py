"""One pace for everybody: processes that know nothing of each other take turns through one row in Postgres."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from statistics import median

import pytest

from pipelines.database import Database, PaceSlot

GAP = 1.03 / 20
# how unevenly two processes get from their turn to the sandbox
JITTER = 0.015
# Postgres and Python read the same clock
CLOCKS = 0.001

ASKING = """
import sys
from pipelines.database import Database
from pipelines.http import Client
from pipelines.settings import load_settings
from pipelines.stages import Service

settings = load_settings()
with Client(settings, Database(settings), Service("tiktok", per_second=20)) as client:
    # the connections of both ends are open before it counts
    client.ask("/@warming.up")
    print("ready", flush=True)
    for _ in sys.stdin:
        client.ask("/@quietroom")
        print("asked", flush=True)
"""
PAUSING = """
from pipelines.database import Database, PaceSlot
from pipelines.settings import load_settings

slot = PaceSlot(Database(load_settings()), "tiktok", per_second=20)
slot.pause(3600)
print("paused", flush=True)
input()
"""


@pytest.fixture
def at_real_pace(environment) -> dict[str, str]:
    return {**environment, "SANDBOX_SPEED": "1"}


@contextmanager
def started(code: str, environment: dict[str, str], ready: str) -> Iterator[subprocess.Popen[str]]:
    """A process that has said that it is ready; killed at the end."""
    command = [sys.executable, "-c", code]
    with subprocess.Popen(
        command, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout.readline() == f"{ready}\n"
            yield process
        finally:
            process.kill()


@pytest.fixture
def askers(at_real_pace, database) -> Iterator[list[subprocess.Popen[str]]]:
    """Two processes that ask once for every line they get."""
    with ExitStack() as processes:
        yield [processes.enter_context(started(ASKING, at_real_pace, "ready")) for _ in range(2)]


def let_ask(askers: list[subprocess.Popen[str]], times: int) -> None:
    """Let all ask so many times, at the same time, and wait until they have."""
    for process in askers:
        process.stdin.write("go\n" * times)
        process.stdin.flush()
    for process in askers:
        assert [process.stdout.readline() for _ in range(times)] == ["asked\n"] * times


def arrivals(sandbox) -> list[float]:
    return sorted(request.at for request in sandbox.requests("tiktok", "/@quietroom"))


def test_two_processes_together_keep_one_pace(askers, sandbox):
    before = time.time()
    let_ask(askers, 8)

    at = arrivals(sandbox)
    assert len(at) == 16
    # a busy machine makes a start late, never early: the n-th is not before the n-th turn
    assert [n for n, start in enumerate(at) if start < before + n * GAP - CLOCKS] == []
    # and those that were not late are a gap apart
    assert median(later - earlier for earlier, later in pairwise(at)) > GAP - JITTER


def test_a_pause_holds_both_processes_back(askers, database, sandbox):
    slot = PaceSlot(database, "tiktok", per_second=20)
    slot.pause(0.5)
    until = database.rows("select extract(epoch from next_at)::float8 as at from raw.pace_slots")[0]["at"]

    let_ask(askers, 2)

    slot.close()
    at = arrivals(sandbox)
    assert len(at) == 4
    assert at[0] >= until - CLOCKS


def test_a_pause_never_shortens_a_longer_one(database):
    slot = PaceSlot(database, "tiktok", per_second=20)

    slot.pause(3600)
    slot.pause(1)

    assert slot.take() > 3000
    slot.close()


def test_the_slot_outlives_a_process_that_is_killed(at_real_pace, database):
    with started(PAUSING, at_real_pace, "paused") as process:
        process.kill()
        process.wait()

    slot = PaceSlot(database, "tiktok", per_second=20)
    assert 3000 < slot.take() <= 3600
    assert 3000 < slot.take() <= 3600 + 2 * GAP, "and the turns behind it are still given"
    slot.close()


def test_turns_are_a_gap_apart_whoever_takes_them(database: Database):
    one, other = (PaceSlot(database, "tiktok", per_second=0.01) for _ in range(2))

    waits = [slot.take() for slot in (one, other, other, one)]

    # 103 s each, whatever the clock does between them
    assert waits[0] <= 0
    assert [round(wait / 103) for wait in waits] == [0, 1, 2, 3]
    one.close()
    other.close()


def test_services_do_not_wait_for_each_other(database):
    tiktok, spotify = (PaceSlot(database, service, per_second=0.01) for service in ("tiktok", "spotify"))
    tiktok.pause(3600)

    assert spotify.take() <= 0
    tiktok.close()
    spotify.close()


def test_idle_time_is_not_saved_up_for_a_burst(database):
    slot = PaceSlot(database, "tiktok", per_second=0.01)
    with database.connect() as connection:
        connection.execute("update raw.pace_slots set next_at = now() - interval '1 day'")

    assert slot.take() <= 0
    assert slot.take() > 100
    slot.close()

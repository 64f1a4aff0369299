"""Postgres: one embedded server for all, locks that die with their holder, and clear sentences when it is gone."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Timer

import psycopg
import pytest
from conftest import make_settings

from pipelines.database import AlreadyRunningError, Database, DatabaseError, ensure_raw_tables, stop_embedded
from pipelines.settings import Settings
from pipelines.stages import RAW_TABLES

STARTED = "select pg_postmaster_start_time()::text as started, current_setting('data_directory') as directory"


def in_another_process(code: str, environment: dict[str, str]) -> subprocess.Popen[str]:
    """A Python process that shares this worker's Postgres, with `database` at hand."""
    head = "from pipelines.database import *; from pipelines.settings import *; database = Database(load_settings());"
    command = [sys.executable, "-c", head + code]
    return subprocess.Popen(command, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def test_a_second_database_attaches_to_the_running_server(database, settings):
    second = Database(settings)

    assert second.url == database.url
    assert second.rows(STARTED) == database.rows(STARTED)


def test_another_process_attaches_to_the_running_server(database, environment):
    process = in_another_process(f'print(database.rows("{STARTED}"))', environment)

    printed, _ = process.communicate()

    assert printed.strip() == str(database.rows(STARTED))


def test_the_embedded_server_stays_when_the_process_that_used_it_ends(database, environment):
    in_another_process("pass", environment).communicate()

    assert database.rows("select 1 as one") == [{"one": 1}]


def test_plain_table_names_are_found_in_the_embedded_database(database):
    assert database.rows("select count(*) as n from tiktok_creators") == [{"n": 0}]


def test_a_lock_refuses_a_second_holder_and_is_free_afterwards(database, settings):
    other = Database(settings)
    with database.lock("scrape of gio"):
        with pytest.raises(AlreadyRunningError, match="scrape of gio is already running"), other.lock("scrape of gio"):
            pytest.fail("two holders")
        with other.lock("scrape of ida"):
            pass

    # waits, as a server may take a moment to see that a connection was closed
    with other.lock("scrape of gio", wait=True):
        pass


def test_a_lock_is_free_after_an_exception(database):
    with pytest.raises(ZeroDivisionError), database.lock("a"):
        raise ZeroDivisionError

    with database.lock("a", wait=True):
        pass


def test_a_lock_is_free_at_once_however_slow_the_server_is(database):
    holder = "select pid from pg_locks where locktype = 'advisory' and granted"
    with database.lock("a"):
        pid = database.rows(holder)[0]["pid"]
        os.kill(pid, signal.SIGSTOP)
        resume = Timer(1, os.kill, (pid, signal.SIGCONT))
        resume.start()

    try:
        with database.lock("a"):
            pass
    finally:
        resume.join()


def test_a_lock_dies_with_the_process_that_held_it(database, environment):
    code = "lock = database.lock('a'); lock.__enter__(); print('held', flush=True); input()"
    with in_another_process(code, environment) as process:
        assert process.stdout.readline() == "held\n"
        with pytest.raises(AlreadyRunningError), database.lock("a"):
            pytest.fail("two holders")
        process.kill()

    with database.lock("a", wait=True):
        pass


def test_waiting_for_a_lock_goes_on_when_it_is_free(database):
    order = []

    def second() -> None:
        with database.lock("a", wait=True):
            order.append("second")

    waiting = "select count(*) as n from pg_locks where locktype = 'advisory' and not granted"
    with ThreadPoolExecutor() as pool:
        with database.lock("a"):
            waiter = pool.submit(second)
            while not database.rows(waiting)[0]["n"]:
                assert not waiter.done()
            order.append("first")
        waiter.result()

    assert order == ["first", "second"]


@pytest.fixture
def empty_url(database):
    """The address of a new database without anything in it."""
    with database.connect() as connection:
        connection.execute("drop database if exists empty with (force)")
        connection.execute("create database empty")
    yield database.url.replace("/postgres?", "/empty?")
    with database.connect() as connection:
        connection.execute("drop database empty with (force)")


EXPECTED = sorted([*RAW_TABLES, "quarantine", "stage_runs", "pace_slots"])
TABLES = "select tablename from pg_catalog.pg_tables where schemaname = 'raw' order by tablename"


def test_raw_tables_are_made_by_two_at_once_without_a_collision(empty_url):
    together = Barrier(2)

    def make() -> None:
        with psycopg.connect(empty_url, autocommit=True) as connection:
            together.wait()
            ensure_raw_tables(connection)

    with psycopg.connect(empty_url, autocommit=True) as connection, ThreadPoolExecutor(2) as pool:
        for _ in range(5):
            connection.execute("drop schema if exists raw cascade")
            for maker in [pool.submit(make), pool.submit(make)]:
                maker.result()
            assert [row[0] for row in connection.execute(TABLES)] == EXPECTED


def test_raw_tables_that_stand_are_left_alone_and_what_is_missing_is_made(empty_url):
    with psycopg.connect(empty_url, autocommit=True) as connection:
        ensure_raw_tables(connection)
        connection.execute("insert into raw.pace_slots (service) values ('x')")
        connection.execute("drop table raw.quarantine")

        ensure_raw_tables(connection)

        assert [row[0] for row in connection.execute(TABLES)] == EXPECTED
        assert connection.execute("select service from raw.pace_slots").fetchall() == [("x",)]


def test_a_role_that_may_create_nothing_can_use_what_stands(database):
    """And nobody is kept waiting: where all stands, not even a lock is taken."""
    with database.connect() as connection:
        connection.execute("set default_transaction_read_only = on")

        ensure_raw_tables(connection)


def test_a_configured_database_is_used_and_prepared(empty_url, data_dir, sandbox):
    configured = Database(make_settings(data_dir, sandbox, database_url=empty_url))

    assert not configured.embedded
    assert [row["tablename"] for row in configured.rows(TABLES)] == EXPECTED
    assert configured.rows("select current_setting('search_path') as p") == [{"p": '"$user", public'}]


@pytest.mark.parametrize(
    "address",
    [
        "cascade:canary%40word@127.0.0.1:1/music",
        "cascade:canary%40word@no-such-host.invalid/music",
        "cascade:canary%40word@[::1]:1/music",
        "cascade:canary%40word@127.0.0.1:port/music",
        "cascade:canary%40word@127.0.0.1:1/music?nonsense=1",
    ],
)
def test_a_wrong_address_is_one_sentence_without_the_password(data_dir, sandbox, address):
    settings = make_settings(data_dir, sandbox, database_url=f"postgresql://{address}")

    with pytest.raises(DatabaseError) as caught:
        Database(settings)

    text = str(caught.value)
    assert text.startswith("Can't use the Postgres that DATABASE_URL names: ")
    assert "\n" not in text
    assert not any(part in text for part in ("canary", "nary", "word", '"ca"'))
    assert caught.value.__suppress_context__, "no traceback shows the address"


def test_a_wrong_password_is_one_sentence_without_it(database, empty_url, data_dir, sandbox):
    url = empty_url.replace("postgres:@/empty", "nobody:canary-word@/empty")

    with pytest.raises(DatabaseError, match='role "nobody" does not exist') as caught:
        Database(make_settings(data_dir, sandbox, database_url=url))

    assert "canary" not in str(caught.value)


@pytest.fixture
def own(tmp_path_factory, sandbox):
    """Settings whose embedded Postgres is this test's alone."""
    directory: Path = tmp_path_factory.mktemp("own")
    yield make_settings(directory, sandbox)
    stop_embedded(directory)


def postmaster(settings: Settings) -> int:
    return int((settings.cascade_data_dir / "pg" / "postmaster.pid").read_text().split("\n")[0])


def test_a_killed_server_is_started_again_with_all_its_rows(own):
    first = Database(own)
    with first.connect() as held:
        held.execute("insert into raw.pace_slots (service) values ('kept')")
        killed = postmaster(own)

        os.kill(killed, signal.SIGKILL)
        again = Database(own)

    assert postmaster(own) != killed
    assert again.rows("select service from raw.pace_slots") == [{"service": "kept"}]
    assert first.rows("select 1 as one") == [{"one": 1}], "the address is the same"


def test_a_stopped_server_is_gone_and_comes_back_with_all_its_rows(own):
    first = Database(own)
    with first.connect() as connection:
        connection.execute("insert into raw.pace_slots (service) values ('kept')")

    assert stop_embedded(own.cascade_data_dir)
    with pytest.raises(DatabaseError, match="Can't use the embedded Postgres") as caught:
        first.connect()
    assert "\n" not in str(caught.value)
    assert not stop_embedded(own.cascade_data_dir)

    assert Database(own).rows("select service from raw.pace_slots") == [{"service": "kept"}]

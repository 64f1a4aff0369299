"""dbt as a data engineer types it, from the repository's root, with and without DATABASE_URL."""

import subprocess
import sys
from pathlib import Path

import pytest

from flows.enrich import enrich
from flows.scrape import scrape_creator
from pipelines.database import Database

ROOT = Path(__file__).resolve().parents[2]
DBT = Path(sys.executable).with_name("dbt")


@pytest.fixture
def dbt(environment: dict[str, str], tmp_path: Path):
    def run(*arguments: str, **overrides: str) -> subprocess.CompletedProcess[str]:
        own = {"DBT_TARGET_PATH": str(tmp_path / "target"), "DBT_LOG_PATH": str(tmp_path / "logs")}
        return subprocess.run(
            [DBT, "--no-use-colors", *arguments],
            env={**environment, **own, **overrides},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run


def test_every_command_works_on_an_empty_database(dbt, database: Database):
    """The first thing that somebody does with a database of their own; named by DATABASE_URL."""
    with database.connect() as connection:
        connection.execute("drop database if exists empty_one")
        connection.execute("create database empty_one")
    url = database.url.replace("/postgres?", "/empty_one?")
    for command in (["run"], ["test"], ["build"], ["source", "freshness"], ["docs", "generate"]):
        done = dbt(*command, "--project-dir", "dbt_project", DATABASE_URL=url)
        assert done.returncode == 0, done.stdout
        if command == ["docs", "generate"]:
            assert "WARN" not in done.stdout.upper()


def test_without_database_url_it_is_the_embedded_postgres(dbt, database: Database):
    done = dbt("run", "--select", "stg_spotify_tracks", DBT_PROJECT_DIR="dbt_project")

    assert done.returncode == 0, done.stdout


def test_the_unit_tests_and_data_tests_pass_on_real_rows(dbt, database, settings, transform):
    for handle in ("gioscottii", "idazeile", "private.keys", "halfway"):
        scrape_creator(settings, database, transform, handle)
    enrich(settings, database, transform)

    done = dbt("build", "--project-dir", "dbt_project")

    assert done.returncode == 0, done.stdout
    assert "WARN=0 ERROR=0 SKIP=0" in done.stdout

"""What the tests share: one embedded Postgres and one warm dbt a worker, emptied between tests, and a sandbox."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

# nobody's .env, database or server
os.environ["CASCADE_ENV_FILE"] = os.devnull
for name in ("DATABASE_URL", "NEON_DATABASE_URL", "PREFECT_API_URL", "SPOTIFY_CLIENT_ID", "SPOTIFY_CLIENT_SECRET"):
    os.environ.pop(name, None)

from flows.transform import Transform
from pipelines.database import Database, stop_embedded
from pipelines.settings import Settings
from sandbox.server import Sandbox


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of this worker's embedded Postgres; its socket is in `pg` below it."""
    directory = tmp_path_factory.mktemp("cascade")
    yield directory
    stop_embedded(directory)


@pytest.fixture(scope="session")
def running_sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running_sandbox: Sandbox) -> Sandbox:
    """A fresh world without faults."""
    running_sandbox.reset()
    return running_sandbox


def make_settings(data_dir: Path, sandbox: Sandbox, **overrides: object) -> Settings:
    """Settings that point at the sandbox and the worker's Postgres, at a hundred times the real pace."""
    values = {name.lower(): value for name, value in sandbox.environment.items()}
    quick = {"cascade_data_dir": data_dir, "sandbox_speed": 100, "retry_seconds": 0.001}
    return Settings(_env_file=None, **{**values, **quick, **overrides})


@pytest.fixture
def settings(data_dir: Path, sandbox: Sandbox) -> Settings:
    return make_settings(data_dir, sandbox)


@pytest.fixture(scope="session")
def built(data_dir: Path, running_sandbox: Sandbox) -> Iterator[tuple[Database, Transform]]:
    """The worker's database with all models built, and the dbt that built it."""
    settings = make_settings(data_dir, running_sandbox)
    database = Database(settings)
    with Transform(settings, database) as transform:
        transform.prepare()
        yield database, transform


@pytest.fixture
def database(built: tuple[Database, Transform]) -> Database:
    """The built database, empty: no row in any table of the project, and nothing read yet."""
    database, _ = built
    with database.connect() as connection:
        tables = connection.execute(
            """
            select string_agg(format('%I.%I', schemaname, tablename), ', ')
            from pg_catalog.pg_tables
            where schemaname in ('raw', 'catalog', 'history', 'queues') and tablename not like '\\_dlt%'
                and tablename <> 'watermarks'
            """
        ).fetchone()
        connection.execute(f"truncate {tables[0]}")
        connection.execute("update history.watermarks set read_below = '0'")
    return database


@pytest.fixture
def transform(built: tuple[Database, Transform], database: Database) -> Transform:
    """The warm dbt of the worker."""
    return built[1]


@pytest.fixture
def environment(data_dir: Path, sandbox: Sandbox) -> dict[str, str]:
    """The environment of a `cascade` or `dbt` process that shares this worker's Postgres and sandbox."""
    quick = {"CASCADE_DATA_DIR": str(data_dir), "SANDBOX_SPEED": "100", "RETRY_SECONDS": "0.001", "COLUMNS": "80"}
    return {**os.environ, **sandbox.environment, **quick}

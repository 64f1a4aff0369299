"""profiles.yml takes the parts of a Postgres URL that psycopg would take, with nothing but dbt's Jinja."""

import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from jinja2 import Environment, StrictUndefined

from pipelines.settings import ROOT

pytestmark = pytest.mark.unit

Render = Callable[..., dict[str, Any]]
KEYS = ("host", "port", "user", "password", "dbname", "sslmode")


@pytest.fixture
def render() -> Render:
    """The parts that profiles.yml gives in an environment."""

    def run(**environment: str) -> dict[str, Any]:
        jinja = Environment(autoescape=False, undefined=StrictUndefined)
        jinja.filters["as_number"] = int
        jinja.globals |= {
            "env_var": lambda name, default: environment.get(name, default),
            "modules": SimpleNamespace(re=re),
        }
        output = yaml.safe_load((ROOT / "profiles.yml").read_text())["cascade"]["outputs"]["default"]
        return {key: jinja.from_string(str(output[key])).render() for key in KEYS}

    return run


def parts(*values: str) -> dict[str, str]:
    return dict(zip(KEYS, values, strict=True))


@pytest.mark.parametrize("name", ["DATABASE_URL", "NEON_DATABASE_URL"])
def test_a_whole_url(render, name):
    url = "postgresql://cascade:s%40f%3Ae%2F%C4%81%20%25@db.example.org:6543/music?sslmode=require&x=1"

    assert render(**{name: url}) == parts("db.example.org", "6543", "cascade", "s@f:e/ā %", "music", "require")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param(
            "postgres://cascade@db.example.org/music",
            ("db.example.org", "5432", "cascade", "", "music", "prefer"),
            id="no port and no password",
        ),
        pytest.param(
            "postgresql://db.example.org",
            ("db.example.org", "5432", "postgres", "", "postgres", "prefer"),
            id="a host alone",
        ),
        pytest.param(
            "postgresql://db.example.org:6543?sslmode=verify-full",
            ("db.example.org", "6543", "postgres", "", "postgres", "verify-full"),
            id="no database but a query",
        ),
        pytest.param(
            "postgresql://neondb_owner:npg_Ab1@ep-x-1-pooler.eu-2.aws.neon.tech/neondb?channel_binding=require&sslmode=require",
            ("ep-x-1-pooler.eu-2.aws.neon.tech", "5432", "neondb_owner", "npg_Ab1", "neondb", "require"),
            id="as Neon writes it",
        ),
        pytest.param(
            "postgresql://postgres:@/postgres?host=/tmp/x",
            ("/tmp/x", "5432", "postgres", "", "postgres", "prefer"),
            id="socket",
        ),
        pytest.param(
            "postgresql://postgres:@/postgres?host=%2Ftmp%2Fx-1%2Fpg",
            ("/tmp/x-1/pg", "5432", "postgres", "", "postgres", "prefer"),
            id="socket, encoded",
        ),
        pytest.param(
            "postgresql://u:1234@db.example.org:6543/music",
            ("db.example.org", "6543", "u", "1234", "music", "prefer"),
            id="a password of digits, with a port",
        ),
        pytest.param(
            "postgresql://u:12ab@db.example.org/music",
            ("db.example.org", "5432", "u", "12ab", "music", "prefer"),
            id="a password that begins with digits, without a port",
        ),
        pytest.param(
            "postgresql://me%40corp:pw@db.example.org/my%20music",
            ("db.example.org", "5432", "me@corp", "pw", "my music", "prefer"),
            id="encoded user and database",
        ),
        pytest.param(
            "postgresql://u:ā\\n@db.example.org/music",
            ("db.example.org", "5432", "u", "ā\\n", "music", "prefer"),
            id="a password with letters and a backslash that nobody encoded",
        ),
    ],
)
def test_the_parts_of_a_url(render, url, expected):
    assert render(DATABASE_URL=url) == parts(*expected)


def test_without_a_url_the_embedded_postgres_below_the_working_directory(render):
    assert render(PWD="/home/me/cascade") == parts(
        "/home/me/cascade/.cascade/pg", "5432", "postgres", "", "postgres", "prefer"
    )


def test_without_a_url_the_embedded_postgres_where_the_settings_say(render):
    assert render(PWD="/home/me/cascade", CASCADE_DATA_DIR="/srv/cascade")["host"] == "/srv/cascade/pg"


def test_database_url_wins_over_its_alias(render):
    assert render(DATABASE_URL="postgresql://a.org/x", NEON_DATABASE_URL="postgresql://b.org/y")["host"] == "a.org"


def test_empty_texts_count_as_unset_as_they_do_in_settings(render):
    assert render(DATABASE_URL="", NEON_DATABASE_URL="postgresql://b.org/y")["host"] == "b.org"
    assert render(DATABASE_URL="", CASCADE_DATA_DIR="", PWD="/p")["host"] == "/p/.cascade/pg"

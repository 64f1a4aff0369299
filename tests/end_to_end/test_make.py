"""The two commands of the README, as far as they can be run from within one of them."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def make(tmp_path: Path):
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            ["make", "-C", str(ROOT), *arguments],
            # its own Postgres; no test may touch the data under .cascade/
            env={
                **os.environ,
                "CASCADE_DATA_DIR": str(tmp_path),
                "DATABASE_URL": "postgresql://never:used@127.0.0.1:1/x",
            },
            cwd="/",
            capture_output=True,
            text=True,
            timeout=180,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    yield run
    cascade = ROOT / ".venv" / "bin" / "cascade"
    own = {**os.environ, "CASCADE_DATA_DIR": str(tmp_path)}
    subprocess.run([cascade, "database", "--stop"], env=own, check=True, capture_output=True)


@pytest.mark.skipif(not (ROOT / ".venv" / ".complete").exists(), reason="not set up by make")
def test_the_demo_works_from_anywhere_twice_and_never_in_a_given_database(make):
    first = make("demo").stdout
    assert "@gioscottii: 48 videos read, 48 of them new." in first
    assert "Cascade of all creators" in first
    assert "Try next" in first

    assert "0 of them new" in make("demo").stdout


def test_help_lists_the_targets(make):
    listed = make("help").stdout
    for target in ("setup", "demo", "check", "test", "clean"):
        assert f"\n{target} " in listed

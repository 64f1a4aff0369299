"""`cascade`: the commands that people type. Tables fit 80 columns; `--json` prints what scripts read."""

import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from pipelines import CascadeError
from pipelines.settings import Settings, SettingsError, load_settings
from pipelines.stages import STAGES, stage_named

if TYPE_CHECKING:  # what takes a second to import is imported by the commands that need it
    from flows.scrape import ImportResult, ScrapeResult
    from pipelines.database import Database
    from pipelines.load import StageRun


class Exit(IntEnum):
    """What a command's exit code means."""

    DONE = 0
    FAILED = 1
    WRONG_USE = 2
    PARTLY_DONE = 3
    BLOCKED = 4
    NOT_FOUND = 5
    PRIVATE = 6


app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="From TikTok creators to music-rights data: scrape, enrich, and see how complete it is.",
    epilog="Exit codes: 0 done, 1 failed, 2 wrong use, 3 partly done, 4 blocked by a service, "
    "5 no such creator, 6 private creator.",
)
out = Console()
err = Console(stderr=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Limit = Annotated[int | None, typer.Option(min=1, max=1_000_000, help="At most so many; without it, all.")]


def main() -> None:
    """Run `cascade`; every foreseen error becomes a sentence on stderr and an exit code."""
    import psycopg

    from pipelines.database import AlreadyRunningError
    from pipelines.lookup import redact

    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        app()
    except AlreadyRunningError as error:
        err.print(str(error), highlight=False)
    except SettingsError as error:
        fail(str(error), Exit.WRONG_USE)
    except CascadeError as error:
        fail(str(error), Exit.FAILED)
    except psycopg.Error as error:
        reason = redact(str(error).strip().split("\n")[0], load_settings().secrets)
        fail(f"Postgres does not do what is asked of it: {reason}. What was loaded is kept.", Exit.FAILED)


def fail(message: str, code: Exit) -> NoReturn:
    """Say why on stderr and leave with `code`."""
    err.print(message, style="red", highlight=False, markup=False, soft_wrap=True)
    raise SystemExit(code)


@app.command()
def scrape(
    handle: Annotated[str | None, typer.Argument(help="TikTok handle, with or without @.", show_default=False)] = None,
    limit: Limit = None,
    full: Annotated[bool, typer.Option("--full", help="Read to the oldest video, though nothing is new.")] = False,
    from_file: Annotated[
        list[Path] | None,
        typer.Option(help="Load items from this JSON or JSON-lines file, or folder of them, instead of asking TikTok."),
    ] = None,
    enrich_after: Annotated[
        bool, typer.Option("--enrich/--no-enrich", help="Enrich the first of what is due, behind the scrape.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Scrape a creator's videos, newest first, then enrich what is due and show the cascade."""
    if (handle is None) == (not from_file):
        fail("Say whom to scrape: `cascade scrape HANDLE`, or `cascade scrape --from-file PATH`.", Exit.WRONG_USE)
    if handle is None:
        _import_files(from_file or [], enrich_after, as_json)
        return
    handle = _normalised(handle)
    settings = load_settings()
    if _has_prefect_server():
        from flows.deployments import scrape_in_prefect

        result = scrape_in_prefect(handle, limit, full, enrich_after)
    else:
        from flows.scrape import scrape as run_scrape

        with _progress(f"Scraping @{handle}", limit) as advance:
            result = run_scrape(
                settings, handle, limit=limit, full=full, enrich_after=enrich_after, on_video=lambda: advance(1)
            )
    _show_found(settings, result, result.message, handle, as_json)
    code = _SCRAPE_EXITS[result.state]
    raise typer.Exit(code if code is not Exit.DONE else _found_exit(result))


_SCRAPE_EXITS = {
    "done": Exit.DONE,
    "partial": Exit.PARTLY_DONE,
    "blocked": Exit.BLOCKED,
    "not_found": Exit.NOT_FOUND,
    "private": Exit.PRIVATE,
}


def _import_files(paths: list[Path], enrich_after: bool, as_json: bool) -> None:
    from flows.scrape import import_and_enrich

    if missing := [str(path) for path in paths if not path.exists()]:
        fail(f"There is no {', no '.join(missing)}.", Exit.WRONG_USE)
    settings = load_settings()
    with _progress("Reading files", None):
        result = import_and_enrich(settings, paths, enrich_after=enrich_after)
    for problem in result.problems:
        err.print(problem, highlight=False, markup=False, soft_wrap=True)
    message = f"{result.videos} videos and {result.profiles} profiles loaded."
    _show_found(settings, result, message, None, as_json)
    if result.problems:
        raise typer.Exit(Exit.PARTLY_DONE if result.videos or result.profiles else Exit.WRONG_USE)
    raise typer.Exit(_found_exit(result))


def _show_found(
    settings: Settings, result: "ScrapeResult | ImportResult", message: str, handle: str | None, as_json: bool
) -> None:
    """What a scrape or an import found, what was enriched behind it, and the cascade."""
    cascade = _cascade(_database(settings), handle)
    if result.quarantined:
        err.print(f"{result.quarantined} rows were set aside in raw.quarantine; see `cascade doctor`.")
    if as_json:
        _print_json({**vars(result), "stages": [vars(run) for run in result.stages], "cascade": cascade})
        return
    out.print(message, highlight=False, markup=False, soft_wrap=True)
    _print_stages(result.stages)
    _print_cascade(handle, cascade)


@app.command()
def enrich(
    stage: Annotated[
        str, typer.Argument(help=f"One of: all, {', '.join(stage.name for stage in STAGES)}.", show_default=False)
    ] = "all",
    limit: Limit = None,
    max_minutes: Annotated[float | None, typer.Option(min=0.01, help="Stop asking after so many minutes.")] = None,
    as_json: AsJson = False,
) -> None:
    """Ask the services for what is due, until nothing is or the limit is reached."""
    try:
        stages = STAGES if stage == "all" else (stage_named(stage),)
    except KeyError as error:
        fail(f"{error.args[0]} Or: all.", Exit.WRONG_USE)
    settings = load_settings()
    if _has_prefect_server():
        from flows.deployments import enrich_in_prefect

        runs = enrich_in_prefect(stage, limit, max_minutes)
    else:
        from flows.enrich import enrich_due

        with _progress("Enriching", limit) as advance:
            runs = enrich_due(
                settings,
                stages=stages,
                limit=limit,
                max_minutes=max_minutes,
                on_asked=lambda asked, keys: advance(keys),
            )
    cascade = _cascade(_database(settings), None)
    if as_json:
        _print_json({"stages": [vars(run) for run in runs], "cascade": cascade})
    else:
        _print_stages(runs)
        _print_cascade(None, cascade)
    raise typer.Exit(_stages_exit(runs))


@app.command()
def status(
    handle: Annotated[str | None, typer.Option(help="Only this creator; without it, all together.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the cascade: how many keys each stage has, and how far they are."""
    database = _database()
    whose = _known_handle(database, handle) if handle else None
    cascade = _cascade(database, whose)
    if as_json:
        _print_json({"handle": whose, "cascade": cascade})
    else:
        _print_cascade(whose, cascade)


@app.command()
def queue(as_json: AsJson = False) -> None:
    """Show what is to be asked next, stage by stage, and how each stage's last run ended."""
    rows = _query(_database(), "select * from marts.enrichment_queue order by stage_number")
    if as_json:
        _print_json(
            {
                "queue": {
                    row["stage"]: {
                        "count": row["pending"],
                        "sample": row["sample"],
                        "oldest_due_since": row["oldest_due_since"],
                        "last_run": {
                            "at": row["last_run_at"],
                            "ended": row["last_run_ended"],
                            "reason": row["last_run_reason"],
                            "resume_at": row["resume_at"],
                        },
                    }
                    for row in rows
                },
                "summary": {"total_pending": sum(row["pending"] for row in rows)},
            }
        )
        return
    table = _table("Enrichment queue", "Stage", "Pending>", "Oldest since", "Last run", "First keys")
    for row in rows:
        first = [value for key in row["sample"] for name, value in key.items() if name.endswith("_id")]
        ended = f"{row['last_run_at']:%m-%d %H:%M} {row['last_run_ended']}" if row["last_run_at"] else "never"
        since = f"{row['oldest_due_since']:%m-%d %H:%M}" if row["oldest_due_since"] else "-"
        table.add_row(row["stage"], f"{row['pending']:,}", since, ended, "\n".join(first) or "-")
    out.print(table)


@app.command()
def stats(
    handle: Annotated[str, typer.Argument(help="TikTok handle, with or without @.")], as_json: AsJson = False
) -> None:
    """Show what is known of one creator, and how it changed from scrape to scrape."""
    database = _database()
    handle = _known_handle(database, handle)
    parameters = {"handle": handle}
    row = _query(database, "select * from marts.creator_stats where tiktok_handle = %(handle)s", parameters)[0]
    growth = _query(
        database, "select * from marts.creator_growth where tiktok_handle = %(handle)s order by scraped_at", parameters
    )
    if as_json:
        _print_json({"handle": handle, "stats": row, "growth": growth})
        return
    table = _table(f"@{handle}", "", "")
    for name, value in row.items():
        table.add_row(name.replace("_", " "), _cell(value))
    out.print(table)
    table = _table("Growth", "Scraped", "Followers>", "+/->", "Videos>", "+/->", "Views>", "+/->")
    for scrape_row in growth:
        table.add_row(*(_cell(value) for name, value in scrape_row.items() if name != "tiktok_handle"))
    out.print(table)


@app.command("top-tracks")
def top_tracks(
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many tracks.")] = 20, as_json: AsJson = False
) -> None:
    """Show the tracks with the most views over all scraped videos."""
    rows = _query(
        _database(),
        "select * from marts.top_tracks order by total_views desc, spotify_track_id limit %(limit)s",
        {"limit": limit},
    )
    if as_json:
        _print_json({"tracks": rows})
        return
    table = _table("Top tracks", "Title", "Artists", "ISRC", "Videos>", "Views>")
    for row in rows:
        title = row["title"] or f"{row['spotify_track_id']} ({row['state']})"
        artists = ", ".join(row["artists"] or ["-"])
        table.add_row(title, artists, row["isrc"] or "-", _cell(row["video_count"]), _cell(row["total_views"]))
    out.print(table)


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Say what is configured, what answers and what is missing; no secret is shown."""
    from flows.doctor import examine

    settings = load_settings()
    with _progress("Asking the services", None):
        checks = examine(settings)
    if as_json:
        _print_json({"checks": [vars(check) for check in checks]})
    else:
        table = _table("cascade doctor", "What", "State", "Details")
        colours = {"ok": "green", "missing": "yellow", "warning": "yellow", "failed": "red"}
        for check in checks:
            table.add_row(check.what, f"[{colours[check.state]}]{check.state}[/]", check.details)
        out.print(table)
    if any(check.state == "failed" for check in checks):
        raise typer.Exit(Exit.FAILED if checks[0].state == "failed" else Exit.PARTLY_DONE)


@app.command()
def database(
    stop: Annotated[bool, typer.Option("--stop", help="Stop the embedded Postgres instead.")] = False,
) -> None:
    """Start the embedded Postgres (if DATABASE_URL names no other) for dbt, psql and BI tools; it runs until --stop."""
    from pipelines.database import Database, stop_embedded

    settings = load_settings()
    if stop:
        stopped = stop_embedded(settings.cascade_data_dir)
        err.print("The embedded Postgres is stopped." if stopped else "No embedded Postgres is running.")
        return
    started = Database(settings)
    if started.embedded:
        err.print("The embedded Postgres is running. From the repository's root `dbt run` finds it; for other tools:")
        out.print(f'export DATABASE_URL="{started.url}"', highlight=False, soft_wrap=True)
    else:
        err.print("DATABASE_URL names the Postgres to use; it answers, and its raw tables are in place.")


@app.command()
def sandbox(port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free port.")] = 8765) -> None:
    """Serve the sandbox: a small world that speaks the services' APIs on localhost, until Ctrl-C."""
    from sandbox.server import serve

    def print_environment(environment: dict[str, str]) -> None:
        err.print("The sandbox answers. In another terminal, before `cascade scrape gioscottii`:")
        for name, value in environment.items():
            out.print(f"export {name}={value}", highlight=False, soft_wrap=True)

    try:
        serve(port, print_environment)
    except OSError as error:
        fail(f"Port {port} can't be used ({error.strerror}); choose another with --port.", Exit.FAILED)


@app.command(hidden=True)
def demo() -> None:
    """Scrape two creators of the sandbox into the embedded Postgres, enrich, and show the cascade."""
    from flows.enrich import enrich as run_enrich
    from flows.scrape import scrape_creator
    from flows.transform import warehouse
    from sandbox.server import Sandbox

    # never into a database that somebody cares for: neither the one that is configured ...
    for name in ("DATABASE_URL", "NEON_DATABASE_URL"):
        os.environ.pop(name, None)
    with Sandbox() as world:
        os.environ.update(world.environment)
        settings = Settings(_env_file=None, sandbox_speed=10)  # type: ignore[call-arg]
        with warehouse(settings) as (started, transform):
            # ... nor the embedded one, once something real was loaded into it
            if not started.mark_as_sandbox():
                fail(
                    "The embedded Postgres holds data of your own, and the demo would mix with them. Run it apart: "
                    "CASCADE_DATA_DIR=/tmp/cascade-demo make demo",
                    Exit.WRONG_USE,
                )
            for handle in ("gioscottii", "idazeile"):
                with _progress(f"Scraping @{handle}", None) as advance:
                    result = scrape_creator(settings, started, transform, handle, on_video=lambda: advance(1))
                out.print(result.message, highlight=False)
            with _progress("Enriching", None) as advance:
                runs = run_enrich(settings, started, transform, on_asked=lambda stage, keys: advance(keys))
        _print_stages(runs)
        for whose in ("gioscottii", "idazeile", None):
            _print_cascade(whose, _cascade(started, whose))
    out.print(
        "\nThat was the sandbox's sample world, in the embedded Postgres. Try next:\n"
        "  .venv/bin/cascade stats gioscottii              what is known of one creator\n"
        "  .venv/bin/cascade top-tracks                    the songs with the most views\n"
        "  .venv/bin/cascade queue                         what is to be asked next, and why\n"
        "  .venv/bin/dbt build --project-dir dbt_project   the models and their tests\n"
        "  .venv/bin/cascade doctor                        what the real services still need",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


def _has_prefect_server() -> bool:
    """With a server configured a command is a flow run that its pages show; without one it starts none."""
    return bool(os.environ.get("PREFECT_API_URL"))


def _database(settings: Settings | None = None) -> "Database":
    from pipelines.database import Database

    return Database(settings or load_settings())


def _cascade(database: "Database", handle: str | None) -> list[dict[str, Any]]:
    return _query(
        database,
        """
        select stage, total, enriched, pct::float8 as pct, due, waiting, unmatched, invalid
        from marts.cascade_status
        where tiktok_handle = %(handle)s
        order by stage_number
        """,
        {"handle": handle or "*"},
    )


def _query(database: "Database", query: str, parameters: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """The rows of a mart; before the first scrape there is none, which is said in a sentence."""
    from psycopg import errors

    from pipelines.queue import NotBuiltError

    try:
        return database.rows(query, parameters)
    except (errors.UndefinedTable, errors.InvalidSchemaName):
        raise NotBuiltError("Nothing has been scraped yet: `cascade scrape HANDLE` comes first.") from None


def _normalised(handle: str) -> str:
    from pipelines.lookup import normalise_handle

    try:
        return normalise_handle(handle)
    except ValueError as error:
        fail(str(error), Exit.WRONG_USE)


def _known_handle(database: "Database", handle: str) -> str:
    """The handle as the catalog has it, or a sentence that it has none."""
    known = _normalised(handle)
    query = "select 1 from marts.creator_stats where tiktok_handle = %(handle)s"
    if not _query(database, query, {"handle": known}):
        fail(f"@{known} has not been scraped yet: `cascade scrape {known}` comes first.", Exit.NOT_FOUND)
    return known


@contextmanager
def _progress(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A progress bar on stderr, gone when it is done; nothing where stderr is no terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task(what, total=total)
        yield lambda steps: progress.advance(task, steps)


def _stages_exit(runs: "list[StageRun]", behind_scrape: bool = False) -> Exit:
    """Partly done when a stage was stopped or skipped; a scrape is done without the stages that lack credentials."""
    ended = {run.ended for run in runs}
    if "blocked" in ended:
        return Exit.BLOCKED
    stopped = {"retry_later", "failed"} | (set() if behind_scrape else {"needs_credentials"})
    refused = any(run.ended == "needs_credentials" and run.requests for run in runs)
    return Exit.PARTLY_DONE if ended & stopped or refused or any(run.errors for run in runs) else Exit.DONE


def _found_exit(result: "ScrapeResult | ImportResult") -> Exit:
    """A scrape or import of which something was set aside, or whose enrichment was stopped, is partly done."""
    return Exit.PARTLY_DONE if result.quarantined else _stages_exit(result.stages, behind_scrape=True)


def _print_stages(runs: "list[StageRun]") -> None:
    for run in runs:
        label = stage_named(run.stage).label
        line = f"{label}: {run.asked} asked in {run.requests} requests, {run.found} found"
        for count, word in ((run.not_found, "not found"), (run.invalid, "invalid"), (run.errors, "failed")):
            line += f", {count} {word}" if count else ""
        if run.reason:
            line = f"{label}: {run.reason}" if not run.asked else f"{line}; {run.reason}"
        out.print(line, highlight=False, markup=False, soft_wrap=True)


def _print_cascade(handle: str | None, cascade: list[dict[str, Any]]) -> None:
    whose = f"@{handle}" if handle else "all creators"
    table = _table(
        f"Cascade of {whose}", "Stage", "Total>", "Enriched>", "%>", "Due>", "Waiting>", "Unmatched>", "Invalid>"
    )
    for row in cascade:
        counts = (f"{row[n]:,}" for n in ("due", "waiting", "unmatched", "invalid"))
        table.add_row(row["stage"], f"{row['total']:,}", f"{row['enriched']:,}", f"{row['pct']:.1f}", *counts)
    out.print(table)


def _table(title: str, *columns: str) -> Table:
    """A table whose columns named with a trailing ">" hold numbers."""
    table = Table(
        title=f"\n{title}",
        title_justify="left",
        title_style="bold",
        show_header=any(columns),
        box=box.SIMPLE_HEAD,
        show_edge=False,
        padding=(0, 1, 0, 0),
    )
    for column in columns:
        table.add_column(column.removesuffix(">"), justify="right" if column.endswith(">") else "left")
    return table


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if hasattr(value, "strftime"):
        return f"{value:%Y-%m-%d %H:%M}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _print_json(data: Any) -> None:
    print(json.dumps(data, ensure_ascii=False, indent=2, default=_as_json))  # noqa: T201


def _as_json(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)

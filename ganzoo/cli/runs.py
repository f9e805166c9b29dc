"""``ganzoo runs``: your runs, from run.json and the last line of each trace alone."""

import json
import os
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from ganzoo.cli import wording
from ganzoo.cli.asked import Asked
from ganzoo.cli.main import as_typed
from ganzoo.cli.screen import Cells, say, table
from ganzoo.discovery import reason_of
from ganzoo.errors import DataError
from ganzoo.files import alive
from ganzoo.rundir import RunDir, listing, runs_root

_TAIL = 16_384


@click.command("runs")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Where runs are kept.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def command(asked: Asked, out: Path | None, as_json: bool) -> None:
    """List the runs, the newest first."""
    root = runs_root(out)
    found = [described(run) for run in reversed(listing(root))]
    if as_json:
        say(json.dumps({"schema": 1, "runs": found}, ensure_ascii=False, indent=2))
    elif not found:
        say(as_typed(f"no runs in {root} yet; start one: ganzoo train dcgan", asked.program))
    else:
        heads = ("#", "model", "data", "res", "kimg", "best", "health", "status", "when", "time")
        now = datetime.now().astimezone()
        rows = [Cells(_cells(each, now)) for each in found]
        table(heads, rows, right=("#", "res", "kimg", "best"))


def described(run: RunDir) -> dict[str, Any]:
    """Return what is known of a run without reading its trace; never fails for a damaged one."""
    try:
        found = _described(run)
        _cells(found, datetime.now().astimezone())  # what is of another kind fails here
    except DataError as error:
        why = str(error)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        why = f"{run.info}: not as ganzoo writes it ({reason_of(error)}); restore the file"
    else:
        return found
    return {"run": run.number, "path": str(run.path), "status": "damaged", "why": why}


def _described(run: RunDir) -> dict[str, Any]:
    info, last = run.read_info(), last_row(run)
    return {
        "run": run.number,
        "path": str(run.path),
        "model": info.get("model"),
        "data": info.get("dataset"),
        "resolution": info.get("resolution"),
        "nimg": max(info.get("nimg") or 0, last.get("nimg") or 0),
        "total_kimg": info.get("total_kimg"),
        "best": info.get("best"),
        "health": info.get("health"),
        "status": _status(info),
        "started": info.get("started"),
        "wall_sec": max(info.get("wall_sec") or 0, last.get("wall_sec") or 0),
    }


def last_row(run: RunDir) -> Mapping[str, Any]:
    """Return the last whole line of a run's trace; empty without one."""
    try:
        with run.metrics.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
            lines = file.read().split(b"\n")
    except OSError:
        return {}
    for line in reversed(lines):
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            return row
    return {}


def _status(info: Mapping[str, Any]) -> str:
    """What a run says of itself, unless it says that it runs and its process is gone."""
    status = str(info.get("status", "?"))
    if status not in ("starting", "running") or info.get("host") != socket.gethostname():
        return status
    return status if alive(str(info.get("pid"))) else "killed"


def _cells(said: Mapping[str, Any], now: datetime) -> tuple[str, ...]:
    number = str(said["run"])
    if said["status"] == "damaged":
        return (number, Path(said["path"]).name, "", "", "", "", "", "damaged", "", "")
    done, total, best = said["nimg"], said["total_kimg"], said["best"]
    kimg = wording.kimg(done)
    if total and done < total * 1000:
        kimg += f"/{wording.grouped(total)}"
    return (
        number,
        str(said["model"] or "?"),
        str(said["data"] or "?"),
        str(said["resolution"] or "?"),
        kimg,
        f"{best['metric']} {best['value']:.4g}" if best else "",
        str(said["health"] or ""),
        said["status"],
        _when(said, now),
        wording.span(said["wall_sec"]),
    )


def _when(said: Mapping[str, Any], now: datetime) -> str:
    try:
        started = datetime.fromisoformat(said["started"])
    except (TypeError, ValueError):
        return "?"
    local = (started if started.tzinfo else started.replace(tzinfo=UTC)).astimezone(now.tzinfo)
    when = wording.day(local, now)
    return f"since {when.removeprefix('today ')}" if said["status"] == "running" else when

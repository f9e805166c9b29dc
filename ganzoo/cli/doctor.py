"""``ganzoo doctor``: is this machine ready? It fetches nothing."""

import json
import os
import platform
import shutil
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, requires
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, final

import click

import ganzoo
from ganzoo.cli.asked import Asked, plugin_options
from ganzoo.cli.main import as_typed
from ganzoo.cli.plugins import Told, answers, load_time
from ganzoo.cli.screen import Cells, say, table
from ganzoo.discovery import reason_of
from ganzoo.errors import MachineError, PluginError
from ganzoo.rundir import runs_root

_LEAST_ROOM = 1 << 30
_EXTRAS = {"fid": ("torch_fidelity", "the network of published FIDs")}


@final
@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        what: What was looked at.
        found: What there is.
        state: ``ok``, ``to know``, or ``to fix``: something cannot work as it is.
        advice: What more there is to say, or the cure.
    """

    what: str
    found: str
    state: Literal["ok", "to know", "to fix"] = "ok"
    advice: str = ""


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for bug reports.")
@plugin_options
@click.pass_obj
def command(asked: Asked, as_json: bool) -> int:
    """Say whether this machine is ready: torch, card, disk, data, plugins.

    The exit code is 0 unless there is something to fix: 6 if only plugins are broken, else 4.
    """
    found = [_torch(), _card(), _threads(), _room("disk", runs_root()), _cache(), _extras()]
    found += [*_plugins(asked), _terminal()]
    if as_json:
        report = {"schema": 1, "ganzoo": ganzoo.__version__, "python": platform.python_version()}
        report |= {"system": platform.platform()}
        findings = [asdict(each) for each in found]
        say(json.dumps({**report, "findings": findings}, ensure_ascii=False, indent=2))
    else:
        _print(found, asked.program)
    broken = [each for each in found if each.state == "to fix"]
    if not broken:
        return 0
    only_plugins = all(each.what == "plugin" for each in broken)
    return (PluginError if only_plugins else MachineError).exit_code


def _print(found: Sequence[Finding], program: str) -> None:
    say(
        f"ganzoo {ganzoo.__version__}   Python {platform.python_version()}   {platform.platform()}"
    )
    rows = [
        Cells((each.what, each.found, each.state, as_typed(each.advice, program)))
        for each in found
    ]
    table(("", "found", "state", "more"), rows)
    states = [each.state for each in found]
    ending = f"{states.count('to fix')} to fix, {states.count('to know')} to know"
    say("", as_typed(f"{ending}.   for a bug report: ganzoo doctor --json", program))


def _torch() -> Finding:
    try:
        import torch
        import torchvision

        wanted = [each for each in requires("torchvision") or () if each.startswith("torch==")]
    except PackageNotFoundError:
        wanted = []
    except Exception as error:  # a build that does not fit fails in many ways
        cure = "install torch and torchvision again, together"
        return Finding("torch", "cannot be used", "to fix", f"{reason_of(error)}; {cure}")
    pair = f"torchvision {torchvision.__version__}"
    plain = str(torch.__version__).partition("+")[0]
    if wanted and wanted[0].removeprefix("torch==").partition("+")[0] != plain:
        return Finding("torch", torch.__version__, "to fix", f"{pair} was made for {wanted[0]}")
    return Finding("torch", torch.__version__, "ok", f"{pair} matches")


def _card() -> Finding:
    try:
        import torch

        from ganzoo.training.device import why_no_cuda
    except Exception:  # said by the line above
        return Finding("GPU", "unknown", "to know", "torch cannot be used")
    if torch.cuda.is_available():
        card = torch.cuda.get_device_properties(0)
        bf16 = "yes" if torch.cuda.is_bf16_supported() else "no"
        memory = f"{card.total_memory / 2**30:.1f} GiB"
        return Finding("GPU", f"{card.name}, {memory}", "ok", f"bf16 {bf16}")
    if torch.backends.mps.is_available():
        return Finding("GPU", "Apple (MPS)")
    return Finding("GPU", "none", "to know", f"{why_no_cuda()}; small models train on the CPU")


def _threads() -> Finding:
    cores, said = os.cpu_count() or 1, os.environ.get("OMP_NUM_THREADS")
    advice = f"OMP_NUM_THREADS={said}" if said else ""
    return Finding("CPU", f"{cores} cores", "ok", advice)


def _room(what: str, folder: Path, more: str = "") -> Finding:
    """How much room there is where a folder is, or would be."""
    place = folder.expanduser().resolve()
    place = next(each for each in (place, *place.parents) if each.exists())
    try:
        free = shutil.disk_usage(place).free
    except OSError as error:
        return Finding(what, str(folder), "to fix", f"cannot be read: {error.strerror}")
    gib = f"{free / 2**30:.1f} GiB free"
    if free < _LEAST_ROOM:
        return Finding(what, gib, "to fix", f"{place}: free some room, or use --out")
    if not os.access(place, os.W_OK):
        return Finding(what, gib, "to fix", f"{place}: not allowed to write; use --out")
    return Finding(what, gib, "ok", more or str(place))


def _cache() -> Finding:
    """What is in the cache: data sets fetched or drawn before."""
    from ganzoo.data.cache import cache_root, data_folder

    size = 0
    for each in cache_root().rglob("*"):
        with suppress(OSError):  # another process may tidy up meanwhile
            size += each.lstat().st_size
    kept = data_folder().glob("[!.]*")
    names = sorted({e.name if e.is_dir() else e.stem.rpartition("-")[0] for e in kept})
    offline = os.environ.get("GANZOO_OFFLINE", "") not in ("", "0")
    more = f"{cache_root()}, {size / 2**30:.1f} GiB: {', '.join(names) or 'nothing'}"
    return _room("cache", cache_root(), f"{more}{'; GANZOO_OFFLINE is set' if offline else ''}")


def _extras() -> Finding:
    words = [
        f"{name} {'yes' if find_spec(module) else 'no'}" for name, (module, _) in _EXTRAS.items()
    ]
    cures = [
        f'{what}: pip install "torch-ganzoo[{name}]"'
        for name, (module, what) in _EXTRAS.items()
        if find_spec(module) is None
    ]
    return Finding("extras", ", ".join(words), "to know" if cures else "ok", "; ".join(cures))


def _plugins(asked: Asked) -> Iterable[Finding]:
    told = answers(asked.registry(asks=False).plugins.values(), asked.plugins)
    found = [_told(each) for each in told]
    fine = sum(each.state == "ok" for each in found)
    yield Finding("plugins", f"{fine} of {len(found)} ok", "ok", "each: ganzoo plugins --load")
    yield from (each for each in found if each.state != "ok")


def _told(plugin: Told) -> Finding:
    maker = f"{plugin['distribution']} {plugin['version']}"
    found = f"{plugin['plugin']} ({maker if plugin['distribution'] else plugin['entry_point']})"
    if plugin["state"] in ("broken", "incompatible"):
        return Finding("plugin", found, "to fix", f"{plugin['state']}: {plugin['reason']}")
    slow = [f"slow: {load_time(plugin)}"] * plugin["imported_torch"]
    more = "; ".join([*slow, *[plugin["reason"]] * bool(plugin["reason"])])
    return Finding("plugin", found, "to know" if more else "ok", more)


def _terminal() -> Finding:
    size = shutil.get_terminal_size()
    colour = "colour" if sys.stderr.isatty() and "NO_COLOR" not in os.environ else "no colour"
    words = f"{size.columns}x{size.lines}, {colour}, {sys.stdout.encoding}"
    narrow = size.columns < 80
    return Finding("terminal", words, "to know" if narrow else "ok", "under 80 columns" * narrow)

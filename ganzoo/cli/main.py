"""The door: which commands there are, and how every ending becomes words and an exit code.

A command's file is imported when it is called; ``--help`` reads the table below and imports none.
"""

import os
import re
import shlex
import shutil
import sys
from collections.abc import MutableMapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import final

import click

import ganzoo
from ganzoo.cli.asked import Asked, plugin_options
from ganzoo.cli.screen import complain, remark
from ganzoo.discovery import reason_of
from ganzoo.errors import GanzooError, did_you_mean

COMMANDS = {
    "list": "All models, or all parts with --all.",
    "info": "What a model or a part is, and how to read its numbers.",
    "train": "Train a model.",
    "resume": "Go on with a run exactly where it stopped.",
    "sample": "Make pictures with a trained model.",
    "export": "A trained generator as one file.",
    "eval": "How good a run is, in numbers.",
    "compare": "Runs side by side, over seeds too.",
    "bench": "How soon models reach a quality; papers' numbers.",
    "runs": "Your runs.",
    "checkpoint": "Whether what a run has saved can still be read.",
    "data": "What your pictures are like, before you train on them.",
    "explain": "What a word of the screen means.",
    "plugins": "What is installed, and what is wrong with it.",
    "new-plugin": "Begin a package of your own, which trains already.",
    "check-plugin": "Whether a plugin keeps the promises of the seam.",
    "doctor": "Is this machine ready?",
}
"""Every command with its short help; ``new-name`` lives in ``ganzoo.cli.new_name``."""

_TERMINATED = 128 + 15
"""What a run that SIGTERM ends before it trains leaves with."""

_WELCOME = """\
ganzoo {version} - train, compare and share GANs

  ganzoo train dcgan               first run: built-in digits, no download, CPU is fine
  ganzoo train dcgan -d ./photos   your own pictures
  ganzoo list                      all models            ganzoo info dcgan    one of them
  ganzoo runs                      your runs             ganzoo doctor        this machine

All commands: ganzoo --help"""


@final
class Commands(click.Group):
    """A group that imports a command only to run it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"ganzoo.cli.{cmd_name.replace('-', '_')}")
        found = getattr(module, "command")  # noqa: B009
        assert isinstance(found, click.Command)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table; click's own way would import every command."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:  # click would leave as if it had crashed
            raise _PipeClosedError from error

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        word = args[0]
        if word not in COMMANDS and not word.startswith("-"):
            near = did_you_mean(word, COMMANDS)
            raise click.UsageError(f"no command called {word!r}.{near}", ctx)
        return super().resolve_command(ctx, args)


class _PipeClosedError(Exception):
    """Whoever read what we say has read enough."""


@click.group(cls=Commands, invoke_without_command=True)
@click.version_option(ganzoo.__version__, message="ganzoo %(version)s")
@plugin_options
@click.pass_context
def app(ctx: click.Context) -> None:
    """Train, compare and share GANs."""
    if ctx.invoked_subcommand is None:
        program = ctx.find_object(Asked) or Asked()
        click.echo(as_typed(_WELCOME.format(version=ganzoo.__version__), program.program))


def main(args: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code; no traceback reaches the terminal."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # an old code page must not end a run
    calm_threads(os.environ)
    asked = Asked(program=program_name(sys.argv[0]), words=tuple(args or sys.argv[1:]))
    try:
        code = app.main(
            args if args is None else list(args),
            prog_name=asked.program,
            standalone_mode=False,
            obj=asked,
        )
    except GanzooError as error:
        _say(asked, str(error), error.hint)
        _trace(asked, error)
        return error.exit_code
    except click.ClickException as error:
        _say(asked, error.format_message(), _usage(error))
        return error.exit_code
    except (KeyboardInterrupt, click.Abort) as error:
        _say(asked, " ".join(("interrupted", *getattr(error.__cause__, "__notes__", ()))), None)
        return 130
    except _PipeClosedError:  # ``ganzoo list | head`` is no error of ours
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except (Exception, SystemExit) as error:  # the last door before the terminal
        if isinstance(error, SystemExit) and error.code == _TERMINATED:
            return _TERMINATED
        notes = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
        _say(asked, f"{reason_of(error)}{notes}", _report(asked))
        _trace(asked, error)
        return 1
    return code if isinstance(code, int) else 0


def as_typed(text: str, program: str) -> str:
    """Return a text whose commands repeat the program as it was typed."""
    names = "|".join(COMMANDS)
    return re.sub(rf"(?<![\w/.-])ganzoo (?=(?:{names}|--help)\b)", lambda _: f"{program} ", text)


def program_name(typed: str) -> str:
    """Return the program as somebody typed it: ``ganzoo``, ``.venv/bin/ganzoo``, ``python -m``."""
    path = Path(typed)
    if path.name == "__main__.py":
        return "python -m ganzoo"
    stem = path.stem if path.suffix == ".exe" else path.name
    found = shutil.which(stem)
    on_path = found is not None and Path(found).absolute() == path.absolute()
    if on_path or not stem.startswith("ganzoo"):
        return "ganzoo"
    return shlex.quote(str(path.with_name(stem)))


def calm_threads(environ: MutableMapping[str, str]) -> None:
    """On a busy or shared machine let OpenMP threads sleep, not spin, while they wait.

    Spinning threads that share cores made training about ten times slower; on an idle machine
    they gain a little. It works only before torch is imported.
    """
    cores = os.cpu_count() or 1
    try:
        load = os.getloadavg()[0]
    except (AttributeError, OSError):  # Windows
        load = 0.0
    if environ.get("CI") or load > 0.5 * cores:
        environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def _say(asked: Asked, message: str, hint: str | None) -> None:
    complain(as_typed(message, asked.program), hint and as_typed(hint, asked.program))


def _usage(error: click.ClickException) -> str:
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    words = ["--help"]
    while ctx and ctx.parent:
        words.insert(0, str(ctx.info_name))
        ctx = ctx.parent
    return f"ganzoo {' '.join(words)}"


def _report(asked: Asked) -> str | None:
    if asked.debug:
        return None
    return f"a bug of ganzoo or a plugin; where: ganzoo --debug {shlex.join(asked.words)}"


def _trace(asked: Asked, error: BaseException) -> None:
    if asked.debug:
        import traceback

        remark("".join(traceback.format_exception(error)).rstrip())

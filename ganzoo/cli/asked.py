"""What is asked of every command alike: which plugins, how strictly, and our name as typed."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, final

import click

from ganzoo.cli.screen import remark
from ganzoo.cli.wording import one_line
from ganzoo.errors import PluginError
from ganzoo.registry import Registry

Command = TypeVar("Command", bound=Callable[..., Any])


@final
@dataclass
class Asked:
    """Options that the program and its commands share; click fills them in while it parses.

    Attributes:
        program: The program as it was typed, for hints.
        words: What followed it.
        plugins: Values of ``-p``: files, and ``no:NAME``.
        strict: Whether a broken plugin is an error.
        debug: Whether errors come with a traceback.
        told: Whether the broken plugins have been named.
    """

    program: str = "ganzoo"
    words: tuple[str, ...] = ()
    plugins: list[str] = field(default_factory=list)
    strict: bool = False
    debug: bool = False
    told: bool = False

    def registry(self, *, asks: bool = True) -> Registry:
        """Return what names mean: the installed plugins, ``-p`` and GANZOO_PLUGINS considered.

        Of the plugins that were asked, the broken ones are named on stderr, once a command.

        Args:
            asks: Whether plugins are imported and asked what they offer.

        Raises:
            PluginError: A file that was asked for cannot be used, or ``--strict-plugins``.
        """
        blocked = [word.removeprefix("no:") for word in self.plugins if word.startswith("no:")]
        files = [word for word in self.plugins if not word.startswith("no:")]
        for word in files:
            if not Path(word).expanduser().is_file():
                raise PluginError(f"-p {word}: there is no such file; write -p FILE or -p no:NAME")
        found = Registry.discover(
            os.environ.get("GANZOO_PLUGINS"),
            blocked=blocked,
            files=files,
            strict=self.strict,
            asks=asks,
        )
        for state in found.plugins.values():
            if state.distribution is None and state.status == "broken":
                error = PluginError(f"-p {state.value}: {state.reason}")
                error.add_note(state.traceback)
                raise error
        for state in found.broken() if asks and not self.told else ():
            told = f"remark: plugin {state.name} ({state.source.maker}) is {state.status}"
            remark(one_line(f"{told}: {state.reason}   {self.program} plugins {state.name}"))
        self.told |= asks
        return found


def plugin_options(fn: Command) -> Command:
    """Add ``-p``, ``--strict-plugins`` and ``--debug``, which fill in :class:`Asked`."""
    for option in (
        click.option(
            "-p",
            "plugin",
            multiple=True,
            metavar="FILE|no:NAME",
            expose_value=False,
            callback=_plugins,
            help="Use a plugin in one file, or leave an installed one out.",
        ),
        click.option(
            "--strict-plugins",
            is_flag=True,
            expose_value=False,
            callback=_strict,
            help="Stop at a broken plugin.",
        ),
        click.option(
            "--debug",
            is_flag=True,
            expose_value=False,
            callback=_debug,
            help="Show the traceback of an error.",
        ),
    ):
        fn = option(fn)
    return fn


def _plugins(ctx: click.Context, _: click.Parameter, value: tuple[str, ...]) -> None:
    ctx.ensure_object(Asked).plugins += value


def _strict(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    ctx.ensure_object(Asked).strict |= value


def _debug(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    ctx.ensure_object(Asked).debug |= value

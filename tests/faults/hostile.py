"""Eighteen distributions that a package index may hold, each wrong in a way of its own."""

from pathlib import Path
from typing import NamedTuple

HEAD = "from ganzoo import component, hookimpl\n"
ESCAPES = "\x1b]0;owned\x07\x1b[31mred [bold]loud[/bold] \u202egpj.exe\u202c"


def register(items: str, before: str = "", argument: str = "") -> str:
    hook = f"@hookimpl\ndef ganzoo_register({argument}):\n    return [{items}]\n"
    return f"{HEAD}{before}{hook}"


def loss(name: str, summary: str = "a loss") -> str:
    return f"component('loss', {name!r}, 'nowhere:Loss', {summary!r})"


class Hostile(NamedTuple):
    """What stands in a distribution.

    Attributes:
        code: Of its module.
        told: What ``ganzoo list`` says of it in one line; empty where it works.
        line: Of its module that is at fault; 0 where none is.
        name: Of its entry point, where that is not its own.
        group: Of its entry points.
        metadata: Its METADATA, where it is not sound.
    """

    code: str
    told: str = ""
    line: int = 0
    name: str = ""
    group: str = "ganzoo.v1"
    metadata: bytes = b""


HOSTILE = {
    "import-error": Hostile("\nimport nobody_has_this\n", "No module named 'nobody_has_this'", 2),
    "syntax-error": Hostile("x = 1\ndef broken(:\n", "SyntaxError: ", 2),
    "missing-attribute": Hostile("import os\nos.no_such_thing\n", "'no_such_thing'", 2),
    "sys-exit": Hostile("import sys\nsys.exit(3)\n", "SystemExit: 3", 2),
    "interrupt": Hostile("raise KeyboardInterrupt\n", "KeyboardInterrupt", 1),
    "base-exception": Hostile(
        "class Odd(BaseException):\n    pass\nraise Odd('not an Exception')\n",
        "Odd: not an Exception",
        3,
    ),
    "recursion": Hostile("def f():\n    f()\nf()\n", "RecursionError: ", 2),
    "noisy": Hostile(
        register(
            loss("loud", ESCAPES), "print('{not json')\nimport sys\nsys.stdout.write('}\\n')\n"
        )
    ),
    "duplicate": Hostile(register(loss("loud")), name="noisy"),
    "shadows": Hostile(register(loss("hinge", "not the real one")), name="dcgan"),
    "illegal": Hostile("", "'Bad\\x1b[2J name/../x'", name="Bad\x1b[2J name/../x"),
    "no-api": Hostile("x = 1\n", "has no @ganzoo.hookimpl"),
    "api-9": Hostile("raise OSError\n", "it is made for ganzoo.v9", group="ganzoo.v9"),
    "metadata": Hostile("1 / 0\n", "ZeroDivisionError", 1, metadata=b"\xff\xfe\x00Name\xff"),
    "raises": Hostile(
        f"{HEAD}@hookimpl\ndef ganzoo_register():\n    raise ValueError('no\\nluck')\n",
        "ValueError: no luck",
        4,
    ),
    "wrong-arguments": Hostile(register("", argument="torch, zoo"), "Argument(s) {'"),
}
"""Those that can be caught; by name."""

DEADLY = {
    "segfault": Hostile("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n"),
    "endless": Hostile(
        "import time\nopen('begun', 'w').close()\nwhile True:\n    time.sleep(1)\n"
    ),
}
"""Those that no Python code in the same process can survive."""


def install(site: Path, *names: str) -> None:
    """Write the distributions of those names into a folder, as an installer would."""
    every = {**HOSTILE, **DEADLY}
    for name in names:
        bad, module = every[name], f"hostile_{name.replace('-', '_')}"
        info = site / f"{module}-6.6.dist-info"
        info.mkdir(parents=True)
        sound = f"Metadata-Version: 2.1\nName: hostile-{name}\nVersion: 6.6\n"
        (info / "METADATA").write_bytes(bad.metadata or sound.encode())
        entry = f"[{bad.group}]\n{bad.name or name} = {module}\n"
        (info / "entry_points.txt").write_text(entry, encoding="utf-8")
        (site / f"{module}.py").write_text(bad.code, encoding="utf-8")

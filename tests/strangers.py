"""Plugins that strangers have installed: one that works, and nine that are broken in nine ways."""

from pathlib import Path

_HEAD = "from ganzoo import component, hookimpl, recipe\n"


def plugin(items: str) -> str:
    """Return the module of a plugin that offers these items."""
    return f"{_HEAD}@hookimpl\ndef ganzoo_register():\n    return [{items}]\n"


WORKING = plugin('component("loss", "squares", "{name}_parts:Squares", "to 1 and to 0")')

PARTS = """
from ganzoo.interfaces import Loss

class Squares(Loss):
    def __init__(self, env):
        pass

    def discriminator(self, real, fake):
        return (real - 1) ** 2 + fake**2

    def generator(self, fake, real=None):
        return (fake - 1) ** 2
"""

BROKEN = {
    "syntax": ("def broken(:\n", "SyntaxError: "),
    "missing": ("import no_such_module_anywhere\n", "No module named 'no_such_module_anywhere'"),
    "leaving": ("raise SystemExit(3)\n", "SystemExit: 3"),
    "failing": (WORKING.replace("return [", "raise ValueError('no luck')\n    ["), "no luck"),
    "number": (WORKING.partition("    return")[0] + "    return 7\n", "returned 7, not a list"),
    "spec": (plugin("component('loss')"), "TypeError: "),
    "typo": (WORKING.replace("ganzoo_register", "ganzoo_registr"), "unknown hook"),
    "wants": (WORKING.replace("ganzoo_register()", "ganzoo_register(torch)"), "{'torch'}"),
    "kind": (plugin("component('spell', 'abra', 'm:C', 'x')"), "unknown kind 'spell'"),
}
"""Code and what is said of it, by name."""


def install(site: Path, name: str, code: str) -> None:
    """Write the distribution ``ganzoo-NAME`` with the plugin NAME into a folder."""
    module = f"stranger_{name}"
    info = site / f"ganzoo_{name}-1.0.dist-info"
    info.mkdir(parents=True)
    said = f"Name: ganzoo-{name}\nVersion: 1.0\nLicense-Expression: MIT\n"
    (info / "METADATA").write_text(f"Metadata-Version: 2.4\n{said}")
    (info / "entry_points.txt").write_text(f"[ganzoo.v1]\n{name} = {module}\n")
    (site / f"{module}.py").write_text(code.replace("{name}", module))
    (site / f"{module}_parts.py").write_text(PARTS)

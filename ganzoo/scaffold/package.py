"""Writes the package of a new plugin, which trains already; templates are the texts beside it."""

import re
from dataclasses import dataclass
from keyword import iskeyword
from pathlib import Path
from string import Template
from types import MappingProxyType
from typing import final

from ganzoo import __version__
from ganzoo.errors import PluginError
from ganzoo.files import writing

_TEMPLATES = Path(__file__).parent
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST = 30  # lines of the written code stay within 99 characters


@final
@dataclass(frozen=True)
class Kind:
    """What a package of a kind holds.

    Attributes:
        room: Its heavy module.
        title: What it is, as a title.
        code: What the heavy module holds.
    """

    room: str
    title: str
    code: str


KINDS = MappingProxyType(
    {
        "model": Kind("networks", "A GAN", "a generator and a discriminator"),
        "loss": Kind("losses", "A loss", "what both players minimize"),
        "regularizer": Kind("regularizers", "A penalty", "what is added to what one minimizes"),
        "augment": Kind("augments", "An augmentation", "what images go through to be judged"),
        "dataset": Kind("datasets", "A data set", "where real images come from"),
        "metric": Kind("metrics", "A metric", "numbers that compare real and generated images"),
    }
)
"""Kinds of package, each with a folder of templates beside this file."""


def check_name(name: str) -> None:
    """Refuse what can be no name of a plugin and of a Python package.

    Raises:
        PluginError: It is; the message says what would do.
    """
    bare = re.sub(r"[^a-z0-9]+", "-", name.lower()).removeprefix("ganzoo-").strip("-")
    if name.startswith("ganzoo-"):
        raise PluginError(f"{name}: the package is called ganzoo-NAME by itself; say {bare}")
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        good = bare[:_LONGEST].strip("-") if _NAME.fullmatch(bare) else "my-gan"
        raise PluginError(
            f"{name!r} is no name for a plugin: lower-case letters, digits and '-', a letter"
            f" first, at most {_LONGEST}; for example {good}"
        )
    if iskeyword(name) or iskeyword(name.title()):
        raise PluginError(f"{name!r} is a word of Python; for example my-{name}")


def texts(name: str, kind: str, *, author: str, year: int) -> dict[str, str]:
    """Return the text of each file of a package, by its path.

    Args:
        name: Of the plugin, ``weather``; of the distribution it is ``ganzoo-weather``.
        kind: One of :data:`KINDS`.
        author: Who holds the copyright.
        year: Of the copyright.
    """
    described, module = KINDS[kind], f"ganzoo_{name.replace('-', '_')}"
    words = "".join(word.capitalize() for word in name.split("-"))
    ending = "" if kind == "model" else kind.capitalize()
    filled = {
        "name": name,
        "module": module,
        "test": name.replace("-", "_"),
        "stem": words if words.endswith(ending) and words != ending else words + ending,
        "room": described.room,
        "what": described.title,
        "version": __version__,
        "author": author,
        "year": str(year),
    }
    shared = {
        "pyproject.toml": "pyproject.toml",
        f"src/{module}/__init__.py": "__init__.py",
        f"src/{module}/py.typed": "py.typed",
        f"tests/test_{filled['test']}.py": "test.py",
        "README.md": "README.md",
        "CHANGELOG.md": "CHANGELOG.md",
        "LICENSE": "LICENSE",
        ".gitignore": "gitignore",
        ".github/workflows/ci.yml": "ci.yml",
    }
    sources = {path: f"shared/{file}.txt" for path, file in shared.items()}
    for file in ("plugin.py", f"{described.room}.py"):
        sources[f"src/{module}/{file}"] = f"{kind}/{file}.txt"
    read = {path: (_TEMPLATES / file).read_text("utf-8") for path, file in sources.items()}
    return {path: Template(text).substitute(filled) for path, text in read.items()}


def write(folder: Path, files: dict[str, str]) -> None:
    """Write a package into a folder that does not exist yet.

    Raises:
        PluginError: There is something of that name already; nothing is touched.
        MachineError: It cannot be written.
    """
    with writing(folder):
        try:
            folder.mkdir()
        except FileExistsError:
            raise PluginError(
                f"{folder.name} exists already, and nothing is ever overwritten; choose another"
                " name, or move it away"
            ) from None
        for path, text in files.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8", newline="\n")

"""What plugins may rely on: docs/api.md says it, and these tests keep it.

An addition to the signatures is recorded by ``python tests/test_api.py``.
"""

import ast
import difflib
import re
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from importlib import import_module
from pathlib import Path

import pluggy
import pytest

from ganzoo.hookspecs import RunHooks, hookimpl

ROOT = Path(__file__).resolve().parents[1]
PAGE, RECORD = ROOT / "docs" / "api.md", ROOT / "tests" / "golden" / "seam.txt"
READERS = [
    *sorted((ROOT / "plugins").rglob("*.py")),
    *sorted((ROOT / "examples").rglob("*.py")),
    *sorted((ROOT / "ganzoo" / "scaffold").rglob("*.py.txt")),
    *(p for p in sorted((ROOT / "tests" / "ports").glob("*.py")) if p.name[:5] != "test_"),
    *(ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))),
]
RULE = (
    "An addition is recorded by python tests/test_api.py. A removal, a change, a new abstract"
    " method or a new member of a protocol that plugins implement needs a deprecation over two"
    " minors (docs/api.md)."
)

_ROW = re.compile(r"^\| `(ganzoo[\w.]*)` \| (all|`.+?`) \|", re.MULTILINE)
_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SHOWN = {"__init__", "__call__", "__len__"}
_SEVERAL = (ast.Tuple, ast.List)


@cache
def public() -> dict[str, tuple[str, ...]]:
    """Return the public names by module, as the table of docs/api.md has them."""
    rows = _ROW.findall(PAGE.read_text(encoding="utf-8"))
    return {
        module: _all_of(module) if said == "all" else tuple(re.findall(r"`(\w+)`", said))
        for module, said in rows
    }


def _all_of(module: str) -> tuple[str, ...]:
    """What a module defines, or hands on by ``import X as X``; its ``__all__`` if it has one."""
    found: list[str] = []
    for node in _body(module):
        if isinstance(node, ast.ImportFrom):
            found += [each.name for each in node.names if each.asname == each.name]
        elif "__all__" in _defined(node):
            assert isinstance(node, ast.Assign)
            return tuple(ast.literal_eval(node.value))
        else:
            found += _defined(node)
    return tuple(name for name in found if not name.startswith("_"))


@cache
def _body(module: str) -> tuple[ast.stmt, ...]:
    path = ROOT.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return tuple(_flat(ast.parse(file.read_text(encoding="utf-8")).body))


def _flat(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements, those for type checkers only too."""
    for node in body:
        yield from _flat(node.body) if isinstance(node, ast.If) else (node,)


def _defined(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        return [node.name]
    return [name for name, _, _ in _assigned(node)]


def _assigned(node: ast.stmt) -> list[tuple[str, ast.expr | None, ast.expr | None]]:
    """Name, annotation and value of everything that a statement assigns."""
    if isinstance(node, ast.AnnAssign):
        return [(ast.unparse(node.target), node.annotation, node.value)]
    if not isinstance(node, ast.Assign):
        return []
    (target,) = node.targets
    if isinstance(target, _SEVERAL) and isinstance(node.value, _SEVERAL):
        pairs = zip(target.elts, node.value.elts, strict=True)
        return [(ast.unparse(name), None, value) for name, value in pairs]
    return [(ast.unparse(target), None, node.value)]


@cache
def _home(module: str, name: str) -> tuple[str, int]:
    """Where a name that a module has is defined: the module, and the number of the statement.

    Raises:
        LookupError: The module has no such name.
    """
    for number, node in enumerate(_body(module)):
        if name in _defined(node):
            return module, number
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ganzoo"):
            for each in node.names:
                if name == (each.asname or each.name):
                    return _home(str(node.module), each.name)
    raise LookupError(f"{module} has no {name}")


def signatures() -> str:
    """Return every public signature, one a line; the same on every version of Python."""
    first: dict[tuple[str, int, str], str] = {}
    lines: list[str] = []
    for module, names in public().items():
        for name in names:
            full, (home, number) = f"{module}.{name}", _home(module, name)
            known = first.setdefault((home, number, name), full)
            lines += [f"{full} is {known}"] if known != full else _told(full, name, home, number)
    return "\n".join(lines) + "\n"


def _told(full: str, name: str, home: str, number: int) -> list[str]:
    node = _body(home)[number]
    if isinstance(node, ast.ClassDef):
        return list(_class(full, node))
    if isinstance(node, ast.FunctionDef):
        return [_function(full, node)]
    return [_value(full, *rest) for each, *rest in _assigned(node) if each == name]


def _class(full: str, node: ast.ClassDef) -> Iterator[str]:
    bases = ", ".join(map(ast.unparse, node.bases))
    yield f"class {full}{f'({bases})' if bases else ''}{_marks(node)}"
    for each in _flat(node.body):
        if isinstance(each, ast.FunctionDef) and _is_shown(each.name):
            yield _function(f"{full}.{each.name}", each)
            for inner in ast.walk(each) if each.name == "__init__" else ():
                yield from _attributes(full, inner)
        elif isinstance(each, ast.Assign | ast.AnnAssign):
            yield from (_value(f"{full}.{n}", *r) for n, *r in _assigned(each) if _is_shown(n))


def _attributes(full: str, node: ast.AST) -> Iterator[str]:
    """What a constructor keeps under a public name."""
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
        name = _dotted(node).removeprefix("self.")
        yield from [f"{full}.{name}"] if name.isidentifier() and _is_shown(name) else ()


def _is_shown(name: str) -> bool:
    return name in _SHOWN or not name.startswith("_")


def _function(full: str, node: ast.FunctionDef) -> str:
    answer = f" -> {_plain(node.returns)}" if node.returns else ""
    return f"{full}({_plain(node.args)}){answer}{_marks(node)}"


def _value(full: str, annotation: ast.expr | None, value: ast.expr | None) -> str:
    said = f": {_plain(annotation)}" if annotation else ""
    return f"{full}{said}{f' = {_plain(value)}' if value else ''}"


def _marks(node: ast.ClassDef | ast.FunctionDef) -> str:
    return "".join(f"  @{ast.unparse(each)}" for each in node.decorator_list)


class _WithoutHelp(ast.NodeTransformer):
    """Takes the words for people out of settings; their bounds stay."""

    def visit_Call(self, node: ast.Call) -> ast.Call:
        called = ast.unparse(node.func) == "Opt"
        return ast.Call(node.func, [], node.keywords) if called else node


def _plain(node: ast.AST) -> str:
    return ast.unparse(_WithoutHelp().visit(deepcopy(node)))


def private_in(text: str) -> list[str]:
    """Return what a program uses of ganzoo that is not public, with where it is, if anywhere."""
    return [_advised(name) for name in dict.fromkeys(_used(text)) if not _is_public(name)]


def _used(text: str) -> Iterator[str]:
    """Dotted names of ganzoo, imported anywhere or reached through ``import ganzoo``."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "ganzoo":
            yield from (f"{node.module}.{each.name}" for each in node.names)
        elif isinstance(node, ast.Import):
            yield from (each.name for each in node.names if each.name.split(".")[0] == "ganzoo")
        elif isinstance(node, ast.Attribute) and (dotted := _dotted(node)).startswith("ganzoo."):
            yield dotted


def _dotted(node: ast.expr) -> str:
    """A name with its attributes, ``ganzoo.nn``; empty for attributes of anything else."""
    if isinstance(node, ast.Attribute) and (begin := _dotted(node.value)):
        return f"{begin}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def _is_public(dotted: str) -> bool:
    """Whether it is a module or a name of the table, or an attribute of such a name."""
    words = dotted.split(".")
    begins = [(".".join(words[:n]), words[n]) for n in range(1, len(words))]
    found = any(name in public().get(module, ()) for module, name in begins)
    return (found or dotted in public()) and not any(word.startswith("_") for word in words)


def _advised(dotted: str) -> str:
    last = dotted.rpartition(".")[2]
    doors = [module for module, names in public().items() if last in names]
    return dotted + (f": import it from {doors[0]}" if doors else "")


def _programs(path: Path) -> list[str]:
    """The Python that a file holds: itself, a template filled in, or the blocks of a page."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return _BLOCK.findall(text)
    return [re.sub(r"\$\{?\w+\}?", "x", text) if path.suffix == ".txt" else text]


@pytest.mark.parametrize("path", READERS, ids=lambda p: str(p.relative_to(ROOT)))
def test_whoever_writes_for_ganzoo_uses_what_is_public(path: Path) -> None:
    assert [name for text in _programs(path) for name in private_in(text)] == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import ganzoo.env", "ganzoo.env"),
        ("from ganzoo import build", "ganzoo.build"),
        ("from ganzoo.env import Env", "ganzoo.env.Env: import it from ganzoo.interfaces"),
        ("from ganzoo.nn.filters import _kernel", "ganzoo.nn.filters._kernel"),
        ("def f():\n    from ganzoo.training import view", "ganzoo.training.view"),
        ("if TYPE_CHECKING:\n    from ganzoo.plan import Plan", "ganzoo.plan.Plan"),
        ("import ganzoo\nganzoo.runner.train()", "ganzoo.runner.train: import it from ganzoo"),
    ],
)
def test_what_is_private_is_found_wherever_it_is_imported(text: str, found: str) -> None:
    assert found in private_in(text)


def test_a_program_that_uses_what_is_public_is_let_through() -> None:
    text = "import ganzoo, torch\nfrom ganzoo.types import Images\nganzoo.Run.sample, torch.tensor"

    assert private_in(text) == []


def test_every_public_name_can_be_imported() -> None:
    lacking = [
        f"{module}.{name}"
        for module, names in public().items()
        for name in names
        if not hasattr(import_module(module), name)
    ]

    assert len(public()) > 20
    assert lacking == []


def test_public_signatures_are_those_on_record() -> None:
    recorded = RECORD.read_text(encoding="utf-8").splitlines()
    lines = difflib.unified_diff(recorded, signatures().splitlines(), "record", "code", n=0)
    difference = "\n".join(line.rstrip("\n") for line in lines)

    assert not difference, f"\n{difference}\n\n{RULE}"


def test_signatures_tell_what_would_break_a_plugin_and_leave_out_words_for_people() -> None:
    text = (
        "class Fog(Part):\n"
        "    on: ClassVar[bool] = False\n"
        "    def __init__(self, env, *, n: Annotated[int, Opt('how much', ge=1)] = 1) -> None:\n"
        "        self.n, self._env = n, env\n"
        "    @abstractmethod\n"
        "    def thick(self, at: int = 0) -> bool: ...\n"
        "    def _hidden(self): ...\n"
    )
    (node,) = ast.parse(text).body
    assert isinstance(node, ast.ClassDef)

    assert list(_class("Fog", node)) == [
        "class Fog(Part)",
        "Fog.on: ClassVar[bool] = False",
        "Fog.__init__(self, env, *, n: Annotated[int, Opt(ge=1)]=1) -> None",
        "Fog.n",
        "Fog.thick(self, at: int=0) -> bool  @abstractmethod",
    ]


class Newer:
    """A part of a plugin that names fewer arguments than there are, and a hook not yet known."""

    said = 0

    @hookimpl
    def phase_end(self, play: int) -> None:
        self.said += play

    @hookimpl(optionalhook=True)
    def eclipse(self, moon: int) -> None:
        raise AssertionError("nobody calls it")


def test_a_part_may_name_fewer_arguments_and_hooks_that_are_not_known_yet() -> None:
    manager, part = pluggy.PluginManager("ganzoo"), Newer()
    manager.add_hookspecs(RunHooks)
    manager.register(part)
    manager.check_pending()

    manager.hook.phase_end(run=None, phase=None, play=3)

    assert part.said == 3


@pytest.mark.parametrize("module", public())
def test_every_public_name_says_what_it_is(module: str) -> None:
    silent = [name for name in public()[module] for name in _silent(name, *_home(module, name))]

    assert silent == []


def _silent(name: str, home: str, number: int) -> list[str]:
    """The name and its public methods, as far as nothing is written about them.

    What has ``...`` for a body is a member of a protocol, which may speak for it.
    """
    node, after = _body(home)[number], (*_body(home), None)[number + 1]
    if not isinstance(node, ast.ClassDef | ast.FunctionDef):
        (value,) = [value for each, _, value in _assigned(node) if each == name]
        return [] if isinstance(value, ast.Name) or _is_text(after) else [name]
    inner = node.body if isinstance(node, ast.ClassDef) else []
    methods = [f for f in inner if isinstance(f, ast.FunctionDef) and not f.name.startswith("_")]
    bare = [f for f in methods if not _is_text(f.body[0]) and ast.unparse(f.body[0]) != "..."]
    return [*([] if _is_text(node.body[0]) else [name]), *(f"{name}.{f.name}" for f in bare)]


def _is_text(node: ast.stmt | None) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


if __name__ == "__main__":
    RECORD.write_text(signatures(), encoding="utf-8", newline="\n")

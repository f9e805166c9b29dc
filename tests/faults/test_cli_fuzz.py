"""Any words at all: the program answers with a code of its table, in a line, never a traceback."""

import json
import math
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from ganzoo import build, errors
from ganzoo.cli.asked import Asked
from ganzoo.cli.main import COMMANDS, app, main
from ganzoo.errors import DataError, GanzooError
from ganzoo.events import Finished
from ganzoo.length import longer, tick_nimg, with_length
from ganzoo.plan import Plan
from ganzoo.rundir import RunDir
from ganzoo.training import checkpoint, device

pytestmark = pytest.mark.faults

CODES = {0, 2, 130} | {
    each.exit_code
    for each in vars(errors).values()
    if isinstance(each, type) and issubclass(each, GanzooError) and each is not GanzooError
}
PATIENCE = 5.0
TINY = [
    *("train", "gan", "--batch-size", "8", "--device", "cpu", "--resolution", "28", "--quiet"),
    *("--set", "generator.width=8", "--set", "discriminator.width=8", "--set", "dataset.count=40"),
]

STRANGE = [
    "",
    " ",
    "-",
    "--",
    "x",
    "ä",
    "🦓",
    "\u202e",
    "\udcff",
    "'",
    "{",
    "%s",
    "[red]",
    "~",
    "=",
    "0",
]
WHOLE = ["1", "2", "7", "0", "-1", "1e3", "٣", "9" * 25, "9" * 5000, "nan", "0x10", "1.5"]
REAL = ["0.5", "1", "0", "-1", "nan", "inf", "-inf", "1e308", "1e-308", "9" * 400, "1,5", "٣"]
PATHS = [
    "runs",
    "nowhere",
    "photos",
    "mine.toml",
    "texts/a.txt",
    "/dev/null",
    "a/b/c.png",
    "~",
    "~x/y",
]
WORDS = {
    "name": ["gan", "dcgan", "progan", "hinge", "mlp", "dgcan", "moss"],
    "names": ["gan", "dcgan", "1", "9", "nothing.json", "mine.toml"],
    "run": ["1", "last", "9", "gan", "0001", "runs/0001-gan-digits", "-1", "best", "photos"],
    "runs": ["1", "last", "9", "sweep-1", "1-3", "3-1", "1-" + "9" * 12, "*"],
    "dataset": [
        "digits",
        "ring2d",
        "digts",
        "./photos",
        "./texts",
        "./nowhere",
        "x.zip",
        "folder",
    ],
    "device": ["cpu", "cuda", "cuda:99", "cdua", "cpu:x", "mps", "auto"],
    "kind": ["loss", "generator", "recipe", "los"],
    "seed": ["0", "3", "0-3", "5-1", "0-" + "9" * 30, "9" * 30, "-1"],
    "seeds": ["0", "0,1", "0-2", "2-0", "0-" + "9" * 12, "1,1", "a-b"],
    "label": ["0", "3", "99", "-1", "zero"],
    "layers": ["0", "0-1", "9-1", "99"],
    "checkpoint": ["80", "000080", "best", "0", "x", "9" * 30],
    "sets": [
        *(
            "generator.width=4",
            "training.seed=1",
            "widht=4",
            "generator.width=x",
            "a=b=c",
            "=",
            "x=",
        ),
        *(
            "training.batch_size=999999999999",
            "loss.use=hinge",
            "training.kimg=inf",
            "dataset.count=8",
        ),
        *(
            "generator.width=1000000000",
            "a" * 300 + "=1",
            "training.frozen=['*']",
            "regularizer=[]",
        ),
        *("metric.prdc.k=3", "x=[[[[", "training.seed=" + "9" * 5000),
    ],
    "plugin": ["no:dcgan", "no:x", "nowhere.py", "mine.toml", "photos", "no:"],
    "preset": ["quick", "quikc", "default"],
    "precision": ["fp32", "bf16", "fp8"],
    "loss": ["hinge", "wgan", "hing", "gan"],
    "generator": ["mlp", "dcgan", "stylegan", "hinge"],
    "discriminator": ["mlp", "dcgan", "resnet"],
    "regularizer": ["r1", "gp", "none", "path-length", "r3"],
    "augment": ["ada", "diffaugment", "none"],
    "init_from": ["1", "1@80", "9", "1@x", "@"],
    "freeze": ["generator.*", "*", "["],
    "kimg": ["1", "+1", "+x", "inf", "+nan", "-1", "1e308"],
    "term": ["variety", "D", "loss", "xyz"],
    "targets": ["10", "100,50", "x"],
    "metrics": ["frechet", "classes", "x", ","],
    "extractor": ["lenet-digits", "x"],
    "require": ["FD<=9", "x>=1", "x", "FD<=x"],
    "group": ["loss", "model", "training.seed"],
}


def commands() -> dict[tuple[str, ...], click.Command]:
    """Every command by its words, those in groups too."""
    top = click.Context(app, info_name="ganzoo", obj=Asked())
    found: dict[tuple[str, ...], click.Command] = {}
    for name in COMMANDS:
        command = app.get_command(top, name)
        assert command is not None
        if isinstance(command, click.Group):
            found |= {(name, inner): each for inner, each in command.commands.items()}
        else:
            found[name,] = command
    return found


def value_of(parameter: click.Parameter, chance: random.Random) -> str:
    usual = WORDS.get(str(parameter.name), [])
    if isinstance(parameter.type, click.types.IntParamType):
        usual = WHOLE
    elif isinstance(parameter.type, click.types.FloatParamType):
        usual = REAL
    elif isinstance(parameter.type, click.Path):
        usual = PATHS
    elif isinstance(parameter.type, click.Choice):
        usual = list(parameter.type.choices)
    return chance.choice(usual if usual and chance.random() < 0.85 else STRANGE)


def words_of(chance: random.Random, known: dict[tuple[str, ...], click.Command]) -> list[str]:
    """One command line: options of a command, present, missing, repeated, or of nobody."""
    name = chance.choice(list(known))
    words: list[str] = []
    for parameter in known[name].params:
        if isinstance(parameter, click.Argument):
            if chance.random() < 0.9:
                words.append(value_of(parameter, chance))
            continue
        assert isinstance(parameter, click.Option)
        if parameter.name == "debug" or chance.random() > 2.5 / len(known[name].params):
            continue
        for _ in range(chance.choice((1, 1, 1, 2))):
            flag = chance.choice([*parameter.opts, *parameter.secondary_opts])
            words += [flag] if parameter.is_flag else [flag, value_of(parameter, chance)]
    words += chance.choice([[]] * 20 + [["--help"], ["--nothing"], ["stray"], ["--seed"]])
    return [*name, *words]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a run of two epochs, pictures that are none, and a file of settings."""
    folder = tmp_path_factory.mktemp("fuzzed")
    line = [sys.executable, "-m", "ganzoo", *TINY, "--kimg", "0.08"]
    subprocess.run(line, check=True, cwd=folder, capture_output=True)
    for name in ("photos", "texts"):
        (folder / name).mkdir()
    (folder / "texts" / "a.txt").write_text("a")
    (folder / "mine.toml").write_text('model = "gan"\n[training]\nbatch_size = 4\n')
    return folder


def light_train(plan: Plan, registry: Any, **said: Any) -> Finished:
    """All that comes before a run has a folder."""
    built = with_length(build.outline(plan, registry), said.get("epochs"), said.get("steps"))
    training = built.plan.training
    tick_nimg(built, None if training.minutes else math.ceil(training.kimg * 1000))
    device.candidates(said.get("device"))
    return Finished(Path("runs/0001-gan-digits"), "done", 80, 1.0, None, None)


def light_resume(run: RunDir, registry: Any, **said: Any) -> Finished:
    """All that comes before a run goes on."""
    loaded = checkpoint.load(run.checkpoints, said["start"])
    plan = Plan.from_file(registry, run.config)
    plan = longer(plan, said["kimg"], said["minutes"], run, loaded.nimg)
    return light_train(plan, registry, device=said["device"])


def no_judging(*_: object, **__: object) -> None:
    raise DataError("nothing is judged here")


@pytest.fixture
def light(monkeypatch: pytest.MonkeyPatch, here: Path) -> Path:
    """Leave out what takes long: training, judging, and pictures by the thousand."""
    from ganzoo import made, runner, walk
    from ganzoo.quality import checkpoints

    monkeypatch.chdir(here)
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    monkeypatch.setattr(runner, "train", light_train)
    monkeypatch.setattr(runner, "resume", light_resume)
    monkeypatch.setattr(checkpoints, "evaluate", no_judging)
    for module, name in ((made, "make_pictures"), (walk, "make_walk")):
        monkeypatch.setattr(module, name, only_few(getattr(module, name)))
    return here


def only_few(make: Callable[..., Path]) -> Callable[..., Path]:
    def few(*args: Any, seeds: Any, **said: Any) -> Path:
        if len(seeds) * said.get("frames", 1) > 64:
            raise DataError("so many are not drawn here")
        return make(*args, seeds=seeds, **said)

    return few


def is_json(text: str) -> bool:
    """Whether a text is one JSON value, or one a line."""
    try:
        json.loads(text or "0")
    except ValueError:
        try:
            return all(isinstance(json.loads(line), dict) for line in text.splitlines())
        except ValueError:
            return False
    return True


@pytest.mark.timeout(1800)
def test_any_command_line_ends_with_a_code_of_the_table_and_no_traceback(
    light: Path,
    amount: Callable[[int, int], int],
    measured: Callable[[str, str], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    chance, known = random.Random(0), commands()
    ends: Counter[int] = Counter()
    bad: list[str] = []
    for _ in range(amount(100, 1000)):
        words = words_of(chance, known)
        began = time.process_time()
        code = main(words)
        took = time.process_time() - began
        out, err = capsys.readouterr()
        ends[code] += 1
        told = f"{words!r:.300} exit {code}, {took:.1f} s: {err[-400:]}"
        is_wrong = code not in CODES or "Traceback" in out + err or "a bug of ganzoo" in err
        as_json = "--json" in words and "--help" not in words
        if is_wrong or took > PATIENCE or (as_json and not is_json(out)):
            bad.append(told)

    assert not bad, "\n".join(bad)
    codes = ", ".join(f"{code}: {count}" for code, count in sorted(ends.items()))
    measured("F5", f"{sum(ends.values())} command lines, exit codes {codes}; 0 tracebacks")

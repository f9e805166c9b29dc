"""Parts that are wrong at run time are named before the first step, or at the step."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hostile import HEAD

from ganzoo.cli.main import main

pytestmark = pytest.mark.faults

CODE = f"""
import torch
from torch import nn
from ganzoo.interfaces import Loss, Regularizer
{HEAD}
@hookimpl
def ganzoo_register():
    return [component("generator", "odd", "wrong:Odd", "wrong"),
            component("loss", "deaf", "wrong:Deaf", "wrong"),
            component("generator", "no-network", "wrong:Deaf", "wrong"),
            component("regularizer", "empty", "wrong:Empty", "wrong"),
            component("regularizer", "text", "wrong:Text", "wrong")]

class Odd(nn.Module):
    z_dim = 4

    def __init__(self, env):
        super().__init__()
        self.linear, self.steps = nn.Linear(4, 28 * 28), 0

    def forward(self, z, labels=None):
        self.steps += self.training
        late = self.steps > 4
        x = torch.tanh(self.linear(z)).view(-1, 1, 28, 28)
        BODY
        return x

class Deaf(Loss):
    def discriminator(self, real, fake):
        return torch.zeros(3)

    def generator(self, fake, real=None):
        return torch.zeros(3)

class Empty(Regularizer):
    on = ("discriminator",)

    def penalty(self, play):
        return None

class Text(Empty):
    on = "discriminator"
"""
WRONG = {
    "shape": ("x = x[:, :, 1:]", 2, "makes images [1, 27, 28]"),
    "device": ("x = x.to('meta')", 2, "gives images on meta for inputs on the CPU"),
    "nothing": ("return None", 2, "gives NoneType for images; return a tensor"),
    "other name": ("return {'picture': x}", 2, "gives picture; one must be 'image'"),
    "dtype": ("x = x.long()", 2, "error: generator wrong/odd "),
    "not finite": ("x = x / 0", 2, "not finite before it has learned anything"),
    "no gradient": ("x = x.detach()", 2, "no gradient comes back"),
    "changes z": ("z += 1", 2, "changes its input in place"),
    "seeds everybody": ("torch.manual_seed(0)", 2, "calls torch.manual_seed"),
    "raises": ("raise ValueError('at once')", 2, "makes no images of z: ValueError: at once"),
    "late NaN": ("x = x * float('nan') if late else x", 5, "no longer a finite number in step"),
    "late raise": ("if late: raise ValueError('lost')", 1, "(odd/wrong.py:26) (in generator)"),
    "late shape": ("x = x[:, :, 1:] if late else x", 1, "(in generator: its images are [8, 1, 27"),
    "late device": ("x = x.to('meta') if late else x", 1, "on meta, the real ones on cpu)"),
    "late dtype": ("x = x.long() if late else x", 1, "(in generator: its images are of torch.int"),
    "late detach": ("x = x.detach() if late else x", 1, "(in generator: no gradient comes back"),
    "replaced": (
        "if late: self.linear = nn.Linear(4, 28 * 28)",
        2,
        "generator.linear.weight was made after its optimizer",
    ),
    "late exit": ("if late: raise SystemExit(0)", 1, "SystemExit: 0 (odd/wrong.py:26)"),
}


def trained(folder: Path, body: str, *words: str) -> int:
    folder.mkdir(exist_ok=True)
    file = folder / "wrong.py"
    file.write_text(CODE.replace("BODY", body))
    tiny = ["--steps", "6", "--batch-size", "8", "--device", "cpu", "--resolution", "28", "-q"]
    sets = ["--set", "dataset.count=40", "--set", "training.rehearse=false"]
    return main(["-p", str(file), "train", "gan", *words, *tiny, *sets])


def test_a_wrong_generator_is_named_before_the_first_step_or_at_the_step(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    measured: Callable[[str, str], None],
) -> None:
    monkeypatch.chdir(tmp_path)
    for way, (body, code, told) in WRONG.items():
        found = trained(tmp_path / "odd", body, "--generator", "odd")

        err = capsys.readouterr().err
        assert (found, told in err) == (code, True), f"{way}: {err}"
        assert len(err.splitlines()) == 1, way
        assert "generator" in err or code != 2, way
    measured("F3", f"{len(WRONG)} of {len(WRONG)} wrong generators named, and a deaf loss")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--loss", "deaf"], "loss wrong/deaf gives the discriminator nothing"),
        (["--generator", "no-network"], "generator: Deaf is no nn.Module"),
        (["--regularizer", "empty"], "empty gives None; it must return a tensor"),
        (["--regularizer", "text"], "regularizer text: on is a text; write ('discriminator',)"),
    ],
)
def test_other_wrong_parts_are_named(
    words: list[str],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)

    assert trained(tmp_path / "odd", "", *words) == 2
    assert told in capsys.readouterr().err

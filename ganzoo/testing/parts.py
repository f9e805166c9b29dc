"""What is checked of settings, losses, augmentations, data sets, metrics and extractors alone."""

import inspect
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from ganzoo import build
from ganzoo.discovery import reason_of
from ganzoo.errors import DataError, MachineError
from ganzoo.interfaces import DataInfo, Dataset, Embedded, Env, Extractor, Loss, Metric
from ganzoo.options import checked, make, schema
from ganzoo.plan import Plan, resolve
from ganzoo.testing.check import CheckError, SkippedError
from ganzoo.testing.subject import Subject, random_pixels
from ganzoo.types import POINT

_SHAPES = ((3, 32, 32), (1, 28, 28), POINT)
_ENV = Env(_SHAPES[0])
_RAISED = ((("discriminator", "real"), -1), (("generator", "fake"), -1))
_IMAGES, _FEATURES = 96, 16
_FEW, _SIDE, _MOST_SIDE = 50, 32, 64


def options(subject: Subject) -> str:
    """Hold the default of every setting against what a file would give."""
    cls = subject.registry.load(subject.entry)
    if any(each.kind is each.VAR_KEYWORD for each in inspect.signature(cls).parameters.values()):
        raise CheckError("its constructor takes ** parameters; name every setting, after *")
    known = schema(cls)
    for option in known.values():
        if not option.required:
            build.check_default(option, option.name)
    return ", ".join(known)


def presets(subject: Subject) -> str:
    """Let a recipe and each of its presets say only what there is, and survive a file."""
    entry, registry = subject.entry, subject.registry
    for preset in (None, *entry.recipe.presets):
        plan = resolve(registry, entry.full_id, preset=preset)
        for slot, part in plan.parts.items():
            found = registry.find(slot.partition(".")[0], part.name)
            checked(registry.load(found), part.settings, slot, origins=plan.origins)
        with TemporaryDirectory(prefix="ganzoo-check-") as folder:
            path = Path(folder) / "config.toml"
            path.write_text(plan.to_toml(), encoding="utf-8")
            again = Plan.from_file(registry, path)
        if (again.training, again.optimizers) != (plan.training, plan.optimizers):
            raise CheckError(f"preset {preset or 'default'} is another one after it was written")
    return ", ".join(("default", *entry.recipe.presets))


def loss_shapes(subject: Subject) -> str:
    """Give it one logit an image, and some a patch."""
    loss = subject.made(_ENV)
    for shape in ((4,), (4, 1), (4, 3, 3)):
        logits = torch.randn(shape)
        for player, values in _sides(loss, logits, logits.flip(0)).items():
            if not isinstance(values, Tensor) or not values.is_floating_point():
                raise CheckError(f"it gives the {player} {type(values).__name__}, not numbers")
        for name, value in loss.readings(logits, logits).items():
            if not isinstance(value, Tensor) or value.numel() != 1:
                raise CheckError(f"its reading {name!r} is not one number; take the mean")
    return "of logits [n], [n, 1] and [n, h, w]"


def loss_finite(subject: Subject) -> str:
    """Give it large logits; its values and slopes are numbers."""
    for large in (100.0, -100.0):
        if not all(map(math.isfinite, _slopes(subject.made(_ENV), large, -large).values())):
            raise CheckError("its slope at logits of 100 is not finite; use softplus")
    return ""


def directions(subject: Subject) -> str:
    """Look at its slopes at logits 0, and at 0.5, where least squares have one too."""
    for at in (0.0, 0.5):
        slopes = _slopes(subject.made(_ENV), at, at)
        for (player, kind), down in ((("discriminator", "fake"), 1), *_RAISED):
            slope = slopes[player, kind] * down
            if slope < 0 or (slope == 0 and at):
                how = "the wrong way" if slope else "nowhere"
                told = f"at logits {at:g} it moves the {player}'s logits of {kind} images {how}"
                raise CheckError(f"{told}; it should {'lower' if down > 0 else 'raise'} them")
    return ""


def augment_shapes(subject: Subject) -> str:
    """Change pictures of one and of three channels."""
    for shape in _SHAPES[:2]:
        images = torch.rand(4, *shape) * 2 - 1
        before = images.clone()
        changed = subject.made(Env(shape))(images, _rng())
        if changed.shape != images.shape or changed.dtype != images.dtype:
            raise CheckError(f"it makes {list(changed.shape)} of {list(images.shape)}; keep both")
        if not torch.equal(before, images):
            raise CheckError("it changes its input in place; let it work on a copy")
    return ""


def augment_gradients(subject: Subject) -> str:
    """Ask what it changed for the slope at what it was given."""
    images = (torch.rand(4, *_SHAPES[0]) * 2 - 1).requires_grad_()
    changed = subject.made(_ENV)(images, _rng())
    if not changed.requires_grad or not torch.autograd.grad(changed.sum(), images)[0].any():
        raise CheckError("no gradient comes back through it; use operations that have one")
    return ""


def randomness(subject: Subject) -> str:
    """Change pictures twice with the same random numbers."""
    made = [subject.made(_ENV) for _ in range(2)]
    images, before = torch.rand(8, *_SHAPES[0]) * 2 - 1, torch.get_rng_state()
    one, two = (augment(images, _rng()) for augment in made)
    if not torch.equal(before, torch.get_rng_state()):
        raise CheckError("it draws from everybody's random numbers; pass generator=rng")
    if not torch.equal(one, two):
        raise CheckError("with the same rng it changes images otherwise; draw only from rng")
    return ""


def data(subject: Subject) -> str:
    """Load it, where it is here, and compare with what it said."""
    cls, name = subject.registry.load(subject.entry), subject.entry.name
    known = schema(cls)
    missing = [name for name, option in known.items() if option.required]
    if missing:
        raise SkippedError(f"it needs dataset.{missing[0]}")
    few = {"count": max(_FEW, known["count"].bounds.get("ge", 0))} if "count" in known else {}
    dataset: Dataset = make(cls, settings=few, where="dataset", name=name)
    try:
        native = dataset.describe().image_shape[-1]
        size = None if native <= _MOST_SIDE else _SIDE
        info = dataset.describe(size)
        found, held = dataset.load(size), dataset.held_out(size)
    except DataError as error:
        raise SkippedError(f"it is not here ({str(error).partition(';')[0]})") from error
    _check_images(*found, info)
    if len(found[0]) != info.count:
        raise CheckError(f"it says {info.count} images and loads {len(found[0])}")
    if held is not None:
        _check_images(*held, info)
    reader = dataset.reader(size)
    if reader is not None and not torch.equal(reader(0), found[0][0]):
        raise CheckError("its reader gives another first image than load()")
    return f"{info.count} images, {'x'.join(map(str, info.image_shape))}"


def scores(subject: Subject) -> str:
    """Compare random images with random images, twice."""
    metric: Metric = subject.made(_ENV)
    if not isinstance(metric.protocol, str) or not metric.protocol:
        raise CheckError("its protocol is empty; say every setting that decides a value")
    names: dict[str, None] = {}
    for shape in _SHAPES:
        sides = [_embedded(shape, seed) for seed in range(3)]
        one, two = (metric.score(*sides) for _ in range(2))
        metric.score(*(replace(each, labels=None, class_logits=None) for each in sides))
        for name, value in one.items():
            if not isinstance(value, float) or not math.isfinite(value):
                raise CheckError(f"{name} is {value!r}; return finite floats, or leave it out")
            if two.get(name) != value:
                raise CheckError(f"{name} differs when it is asked again; draw by a fixed seed")
        names |= dict.fromkeys(one)
    if not names:
        raise SkippedError("it says nothing of random images")
    return ", ".join(names)


def features(subject: Subject) -> str:
    """Extract features of random images of several shapes, of which it takes one at least."""
    refused: Exception | None = None
    for shape in _SHAPES:
        pixels = random_pixels(_IMAGES, shape)
        try:
            extractor = subject.made(Env(shape))
            if hasattr(extractor, "fit"):
                extractor.fit(random_pixels(_IMAGES, shape, seed=1))
            found = extractor(pixels)
        except (MachineError, DataError) as error:
            raise SkippedError(str(error).partition(";")[0]) from error
        except Exception as error:  # it may be made for other images
            refused = error
            continue
        _check_features(extractor, pixels, found)
        return f"{found.shape[1]} of {'x'.join(map(str, shape))}"
    assert refused is not None
    raise CheckError(f"it takes no images: {reason_of(refused)}") from refused


def _check_features(extractor: Extractor, pixels: Tensor, found: Tensor) -> None:
    if found.dim() != 2 or len(found) != len(pixels) or found.device.type != "cpu":
        raise CheckError(f"it gives {list(found.shape)} on {found.device}; return [n, f] on cpu")
    if not found.is_floating_point() or not found.isfinite().all():
        raise CheckError("its features are not finite numbers; look for a division by 0")
    alone = extractor(pixels[:1])
    if (alone - found[:1]).abs().max() > 1e-3 * max(1.0, float(found.abs().max())):
        raise CheckError("the features of an image depend on its batch mates; put it into eval()")
    if not isinstance(extractor.digest, str) or not extractor.digest:
        raise CheckError("its digest is empty; give the sha256 of all that decides its features")


def _check_images(pixels: Tensor, told: Tensor | None, info: DataInfo) -> None:
    if pixels.dtype != torch.uint8 or tuple(pixels.shape[1:]) != info.image_shape:
        found = f"it loads {pixels.dtype} images {list(pixels.shape[1:])}"
        raise CheckError(f"{found}; load uint8 images {list(info.image_shape)}, as it describes")
    if info.given_shape is not None:
        if told is None or told.shape != (len(pixels), *info.given_shape):
            raise CheckError("what is given of each image is not of the shape that it describes")
    elif told is None and info.num_classes:
        raise CheckError(f"it says {info.num_classes} classes and loads no labels; load them")
    elif told is not None:
        among = torch.isin(told, torch.arange(info.num_classes))
        if told.dtype != torch.int64 or len(told) != len(pixels) or not among.all():
            raise CheckError(f"load one int64 label an image, from 0 to {info.num_classes - 1}")


def _sides(loss: Loss, real: Tensor, fake: Tensor) -> Mapping[str, Tensor]:
    return {
        "discriminator": loss.discriminator(real, fake),
        "generator": loss.generator(fake, real if loss.paired else None),
    }


def _slopes(loss: Loss, real: float, fake: float) -> dict[tuple[str, str], float]:
    """Slopes of what each player minimizes, in the logits of one image among four."""
    logits = [torch.full((4,), at, requires_grad=True) for at in (real, fake)]
    found = {}
    for player, values in _sides(loss, *logits).items():
        slopes = torch.autograd.grad(values.mean(), logits, allow_unused=True)
        for name, slope in zip(("real", "fake"), slopes, strict=True):
            found[player, name] = 0.0 if slope is None else float(slope[0])
    return found


def _embedded(shape: tuple[int, int, int], seed: int) -> Embedded:
    rng = torch.Generator().manual_seed(seed)
    drawn = torch.randn(_IMAGES, _FEATURES, generator=rng)
    pixels = random_pixels(_IMAGES, shape, seed)
    return Embedded(pixels, drawn, torch.arange(_IMAGES) % 4, drawn[:, :4])


def _rng() -> torch.Generator:
    return torch.Generator().manual_seed(1)

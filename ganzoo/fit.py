"""What goes together: every rule about two parts, checked before data is opened.

A rule reads what parts declare or do; none knows a part by its name.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from ganzoo.algorithm import Algorithm, Play
from ganzoo.discovery import reason_of
from ganzoo.errors import FitError, GanzooError
from ganzoo.interfaces import BOUNDED
from ganzoo.outline import Outline
from ganzoo.sampling import told_for
from ganzoo.training.experiment import parameters_called
from ganzoo.types import Told

_NOBODYS = 7_351_992_063  # a seed that no network sets


def check(built: Outline) -> list[str]:
    """Refuse parts that do not fit; return sentences about what is merely unwise.

    Raises:
        FitError: Two parts do not go together; both are named.
    """
    _check_taken(built)
    _check_slope(built)
    for name, part in built.regularizers.items():
        for attribute in ("on", "input_grads"):
            if isinstance(said := getattr(part, attribute), str):
                raise FitError(f"regularizer {name}: {attribute} is a text; write ({said!r},)")
        for player in part.on:
            if player not in built.algorithm.players:
                raise FitError(
                    f"regularizer {name} acts on player {player!r}, and the algorithm"
                    f" {built.name('algorithm')} has {', '.join(built.algorithm.players)}"
                )
    _check_calls(built)
    _check_frozen(built)
    _check_company(built)
    _check_extras(built, given=_check_shapes(built))
    return _warnings(built)


def _check_taken(built: Outline) -> None:
    """Refuse parts that the algorithm would leave out without a word."""
    if type(built.algorithm).bind is not Algorithm.bind:
        return
    losses = [] if built.loss is None else [built.name("loss")]
    for kind, parts in {"loss": losses, "regularizer": built.regularizers}.items():
        for part in parts:
            raise FitError(
                f"algorithm {built.name('algorithm')} takes no {kind}, and this run has {part};"
                f" use --{kind} none"
            )


def _check_extras(built: Outline, *, given: set[str]) -> None:
    """Refuse a part that needs what no network promises and none gave."""
    given |= {extra for component in built.components.values() for extra in component.provides}
    for slot, component in built.components.items():
        for extra in component.needs:
            if extra not in given:
                raise FitError(
                    f"{slot} ({built.name(slot)}) needs {extra!r}, which no network here provides"
                )


def _check_calls(built: Outline) -> None:
    """Refuse a schedule that calls what a network does not have."""
    for name, schedule in built.schedules.items():
        for role, method in schedule.calls.items():
            if not hasattr(built.networks.get(role), method):
                raise FitError(
                    f"schedule {name} calls {method} of every {role} it drives, and"
                    f" {built.name(role)} has none; choose another {role}, or --set schedule=[]"
                )


def _check_company(built: Outline) -> None:
    """Refuse to norm single numbers over a batch, or a part of one, that is one image."""
    batch = built.plan.training.batch_size
    part = min(built.plan.training.micro_batch_size or batch, batch)
    if (batch % part or part) > 1:
        return
    cure = "--batch-size 2 or more" if batch == 1 else f"a micro-batch that divides {batch}"
    for slot, network in built.networks.items():
        if any(isinstance(each, nn.BatchNorm1d) for each in network.modules()):
            raise FitError(
                f"{slot} {built.name(slot)} norms over the images of a batch, and "
                + ("the batch" if batch == 1 else f"of {batch} images in parts of {part} the last")
                + f" is one image; take {cure}"
            )


def _check_frozen(built: Outline) -> None:
    """Refuse patterns of frozen parameters that name none, or all that a player has."""
    patterns = built.plan.training.frozen
    every = list(parameters_called(built.networks, ["*"]))
    for each in patterns:
        if not parameters_called(built.networks, [each]):
            raise FitError(
                f"training.frozen: no parameter is called {each!r}; they are called"
                f" {every[0]}, {every[1]} ... {every[-1]}"
            )
    for player, roles in built.algorithm.players.items() if patterns else ():
        own = {role: built.networks[role] for role in roles}
        if len(parameters_called(own, patterns)) == len(parameters_called(own, ["*"])):
            raise FitError(f"training.frozen: nothing is left for the {player} to learn")


def _check_slope(built: Outline) -> None:
    missing = _unbounded(built)
    if built.loss is not None and built.loss.needs_bounded_slope and missing:
        raise FitError(
            f"loss {built.name('loss')} means nothing unless the slope of discriminator"
            f" {built.name('discriminator')} is bounded (nothing bounds it at"
            f" {' and '.join(missing)} images); add --regularizer gp or --regularizer clip"
        )


def _unbounded(built: Outline) -> list[str]:
    """Where nothing bounds the discriminator's slope: at ``real``, at ``fake`` images, or both."""
    bounds = set(getattr(built.networks.get("discriminator"), "bounds_slope", ()))
    for part in built.regularizers.values():
        bounds |= part.bounds_slope
    return sorted(BOUNDED - bounds)


def _check_shapes(built: Outline) -> set[str]:
    """Run both networks once on two images; return the names of what they gave.

    Shapes that do not meet are named by maker.
    """
    if not {"generator", "discriminator"} <= set(built.networks):
        return set()
    made, judge = built.networks["generator"], built.networks["discriminator"]
    labels = told_for(built.env, 2)
    modes = made.training, judge.training
    made.eval()
    judge.eval()
    try:
        with torch.random.fork_rng(devices=[]):
            who = f"generator {built.name('generator')}"
            with _tried(who, "makes no images of z"):
                answer = _unharmed(who, made, torch.zeros(2, built.z_dim), labels)
                images = _images(who, answer)
                _check_values(who, "images", images, made)
            _check_image(images, built)
            if built.algorithm.play.judge is not Play.judge:  # then nobody knows what it takes
                return set(answer) if isinstance(answer, Mapping) else set()
            judged = f"images {list(images.shape[1:])} of {who}"
            who = f"discriminator {built.name('discriminator')}"
            with _tried(who, f"takes no {judged}"):
                out = _unharmed(who, judge, images.detach(), labels)
                logits = out["logits"] if isinstance(out, Mapping) else out
                _check_values(who, "logits", logits, judge)
            _check_loss(built, logits.detach())
    finally:
        made.train(modes[0])
        judge.train(modes[1])
    if logits.shape[:1] != (2,):
        raise FitError(
            f"{who} gives logits {list(logits.shape)} for 2 {judged};"
            " the first dimension must be the image"
        )
    return {name for each in (answer, out) if isinstance(each, Mapping) for name in each}


@contextmanager
def _tried(who: str, what: str) -> Iterator[None]:
    """Name the network at whose first images somebody's code fails."""
    try:
        yield
    except GanzooError:
        raise
    except Exception as error:
        raise FitError(f"{who} {what}: {reason_of(error)}") from error


def _unharmed(who: str, network: nn.Module, given: torch.Tensor, labels: Told | None) -> Any:
    """What a network answers; it must leave its input and the seed of everybody alone."""
    before = given.clone()
    torch.default_generator.manual_seed(_NOBODYS)
    answer = network(given, labels)
    if not torch.equal(before, given):
        raise FitError(f"{who} changes its input in place; let it work on a copy")
    if torch.initial_seed() != _NOBODYS:
        raise FitError(f"{who} calls torch.manual_seed; let it draw from a generator of its own")
    return answer


def _check_loss(built: Outline, logits: torch.Tensor) -> None:
    """Refuse a loss that does not answer with a number a logit."""
    loss, inputs = built.loss, logits.requires_grad_()
    if loss is None:
        return
    who = f"loss {built.name('loss')}"
    with _tried(who, f"cannot judge logits {list(logits.shape)}"):
        sides = {
            "discriminator": loss.discriminator(inputs, inputs),
            "generator": loss.generator(inputs, inputs if loss.paired else None),
        }
    for player, values in sides.items():
        if not isinstance(values, torch.Tensor) or not values.requires_grad:
            raise FitError(
                f"{who} gives the {player} nothing that it could learn from: {values!r}"
            )


def _images(who: str, answer: Any) -> torch.Tensor:
    """The images that a network gave, in whichever form."""
    if isinstance(answer, Mapping) and "image" not in answer:
        raise FitError(f"{who} gives {', '.join(map(str, answer))}; one must be 'image'")
    images = answer["image"] if isinstance(answer, Mapping) else answer
    if not isinstance(images, torch.Tensor):
        raise FitError(f"{who} gives {type(images).__name__} for images; return a tensor")
    return images


def _check_values(who: str, what: str, values: torch.Tensor, network: nn.Module) -> None:
    if values.device.type != "cpu":
        raise FitError(
            f"{who} gives {what} on {values.device} for inputs on the CPU; make every tensor where"
            " the inputs are (device=z.device)"
        )
    if not values.is_floating_point():
        raise FitError(
            f"{who} gives {what} of {values.dtype}; they must be floating-point numbers"
        )
    if not values.isfinite().all():
        raise FitError(f"{who} gives {what} that are not finite before it has learned anything")
    if not values.requires_grad and any(p.requires_grad for p in network.parameters()):
        raise FitError(f"{who} gives {what} from which no gradient comes back; look for detach()")


def _check_image(images: torch.Tensor, built: Outline) -> None:
    if tuple(images.shape[1:]) != built.env.image_shape:
        raise FitError(
            f"generator {built.name('generator')} makes images {list(images.shape[1:])},"
            f" and dataset {built.name('dataset')} has {list(built.env.image_shape)}"
        )


def _warnings(built: Outline) -> list[str]:
    notes = []
    judge = built.networks.get("discriminator")
    mixes, normed = getattr(judge, "mixes_samples", False), _batch_norms(judge)
    for name, part in built.regularizers.items():
        if part.per_sample and normed:
            notes.append(
                f"regularizer {name} is a penalty for each image, and discriminator"
                f" {built.name('discriminator')} mixes images (batch norm);"
                " use --set discriminator.norm=none"
            )
    if built.loss is not None and built.loss.wants_bounded_slope and _unbounded(built):
        notes.append(
            f"loss {built.name('loss')} is unsteady while nothing bounds the discriminator's"
            f" slope at {' and '.join(_unbounded(built))} images;"
            " add --regularizer r1 --regularizer r2"
        )
    if built.loss is not None and (built.loss.paired or built.loss.needs_bounded_slope):
        notes += [
            f"augment {name} reads the sign of logits, and loss {built.name('loss')} only compares"
            f" them, so 0 means nothing; use --set augment.{name}.target=none"
            for name, part in built.augments.items()
            if part.reads_sign
        ]
    if built.env.condition.kind == "image":
        notes += [
            f"augment {name} changes the images, and not what they are made of; use --augment none"
            for name in built.augments
        ]
    notes += _deaf(built)
    mixing = ["discriminator"] if mixes else []
    mixing += ["loss"] if built.loss is not None and built.loss.mixes_samples else []
    mixing += [f"regularizer.{n}" for n, part in built.regularizers.items() if part.mixes_samples]
    if built.plan.training.micro_batch_size is not None:
        notes += [
            f"{slot} ({built.name(slot)}) mixes images, so micro-batches change its answers"
            for slot in mixing
        ]
    return notes


def _batch_norms(network: nn.Module | None) -> bool:
    """Whether a network norms over the batch, so that a slope is of no image alone."""
    modules = () if network is None else network.modules()
    return any(isinstance(each, nn.modules.batchnorm._BatchNorm) for each in modules)


def _deaf(built: Outline) -> list[str]:
    """Sentences about networks that take no note of what they are told: of classes, of images.

    A network that does refuses to work without labels, or answers otherwise for other ones;
    one that names the class itself is told it by a part that needs its answer.
    """
    env = built.env
    same = env.condition.kind == "none" or env.num_classes == 1
    if same or not {"generator", "discriminator"} <= set(built.networks):
        return []
    shapes = {"generator": (built.z_dim,), "discriminator": built.env.image_shape}
    needed = {extra for component in built.components.values() for extra in component.needs}
    named = needed & {"class_logits"}
    classes = env.num_classes
    what = f"class, though this run has {classes} classes" if classes else "image that it is given"
    told = told_for(env, 3)
    assert told is not None
    return [
        f"{slot} {built.name(slot)} takes no note of the {what};"
        " choose another, or --no-conditional"
        for slot, shape in shapes.items()
        if not _listens(built.networks[slot], shape, named, (told[:2], told[1:]))
    ]


def _listens(
    network: nn.Module, shape: tuple[int, ...], named: set[str], told: tuple[Told, Told]
) -> bool:
    """Whether a network refuses to work without labels, changes with them, or names them."""
    mode = network.training
    network.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            inputs = torch.randn(2, *shape)
            network(inputs)
            one, two = (network(inputs, labels) for labels in told)
    except Exception:  # whatever a network of somebody else's raises, it wants the labels
        return True
    finally:
        network.train(mode)
    if isinstance(one, Mapping):
        return bool(named & set(one)) or any(not torch.equal(one[k], two[k]) for k in one)
    return not torch.equal(one, two)

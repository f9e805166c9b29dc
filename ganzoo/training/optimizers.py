"""Optimizers: made from settings, and kept by the names of their parameters.

The rule: a checkpoint knows parameters by name, so that a changed network is noticed.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ganzoo.errors import CheckpointError, FitError
from ganzoo.settings import Optimizer as Settings

_HOW = (
    *("capturable", "foreach", "fused", "differentiable"),
    *("amsgrad", "centered", "maximize", "nesterov"),
)
"""Options that the run has now, whatever it was saved with: how to compute, or never set."""

_MOMENTS = {
    "Adam": frozenset({"step", "exp_avg", "exp_avg_sq"}),
    "RMSprop": frozenset({"step", "square_avg"}),
}
"""What a step of an optimizer takes for granted, once a parameter has a state."""

_ESCAPE = ", or with --weights-only"


def pack_optimizer(optimizer: Optimizer, names: Mapping[int, str]) -> dict[str, Any]:
    """Return an optimizer's state as a tree.

    Args:
        optimizer: Any of torch's.
        names: A name for each parameter, by ``id``.

    Raises:
        CheckpointError: It trains a parameter without a name.
    """
    groups = [
        {**_options(group), "params": [_name(x, names) for x in group["params"]]}
        for group in optimizer.param_groups
    ]
    return {
        "class": type(optimizer).__name__,
        "groups": groups,
        "shapes": {_name(x, names): list(x.shape) for x in _parameters(optimizer)},
        "state": {_name(x, names): dict(state) for x, state in optimizer.state.items()},
    }


def unpack_optimizer(optimizer: Optimizer, names: Mapping[int, str], tree: Any) -> None:
    """Give an optimizer the state of a tree, after everything was found to fit.

    Args:
        optimizer: Built like the one that was packed.
        names: A name for each parameter, by ``id``.
        tree: What :func:`pack_optimizer` returned.

    Raises:
        CheckpointError: Class, names, groups or shapes differ, or the tree is not a state.
    """
    try:
        _check(optimizer, names, tree)
        optimizer.load_state_dict(_torch_state(optimizer, names, tree))
    except (KeyError, TypeError, AttributeError, ValueError, RuntimeError) as error:
        raise CheckpointError(
            f"the checkpoint holds no state of an optimizer ({type(error).__name__}:"
            f" {error!s:.200}); choose another one{_ESCAPE}"
        ) from error


def _check(optimizer: Optimizer, names: Mapping[int, str], tree: Any) -> None:
    kind = type(optimizer).__name__
    if tree["class"] != kind:
        raise CheckpointError(
            f"the checkpoint was made with the optimizer {tree['class']!s:.40}, the run now has"
            f" {kind}; resume with the settings it was started with{_ESCAPE}"
        )
    shapes = {_name(x, names): list(x.shape) for x in _parameters(optimizer)}
    lost, new = (
        sorted(set(tree["shapes"]) - set(shapes)),
        sorted(set(shapes) - set(tree["shapes"])),
    )
    if lost or new:
        raise CheckpointError(
            f"parameters differ: only in the checkpoint {lost[:5]}, only in the network"
            f" {new[:5]}; resume with the network it was made with"
        )
    for name, shape in shapes.items():
        if tree["shapes"][name] != shape:
            raise CheckpointError(
                f"{name}: has shape {tree['shapes'][name]!s:.40} in the checkpoint and {shape} in"
                " the network; resume with the network it was made with"
            )
    _check_groups(optimizer, names, tree)
    _check_state(optimizer, names, tree)


def _check_groups(optimizer: Optimizer, names: Mapping[int, str], tree: Any) -> None:
    have = [{_name(x, names) for x in group["params"]} for group in optimizer.param_groups]
    if [set(group["params"]) for group in tree["groups"]] != have:
        raise CheckpointError(
            f"the optimizer's parameters were grouped otherwise in the checkpoint"
            f" ({len(tree['groups'])} groups, now {len(have)});"
            f" resume with the settings it was started with{_ESCAPE}"
        )
    for group, saved in zip(optimizer.param_groups, tree["groups"], strict=True):
        for key, own in _options(group).items():
            if key not in _HOW and key in saved and _kind(saved[key]) != _kind(own):
                raise ValueError(f"{key} is {saved[key]!r:.40}")


def _check_state(optimizer: Optimizer, names: Mapping[int, str], tree: Any) -> None:
    """Refuse moments that would only fail in the next step."""
    shapes = {_name(x, names): x.shape for x in _parameters(optimizer)}
    needed = _MOMENTS.get(type(optimizer).__name__, frozenset())
    for name, saved in tree["state"].items():
        if missing := needed - set(saved):
            raise ValueError(f"{name} lacks {min(missing)}")
        for key, value in saved.items():
            wanted = torch.Size() if key == "step" else shapes[name]
            if (value is not None or key in needed) and value.shape != wanted:
                raise CheckpointError(
                    f"{name}: its {key} has shape {list(value.shape)} in the checkpoint, and"
                    f" {list(wanted)} is needed; choose another one{_ESCAPE}"
                )


def _kind(value: Any) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(map(_kind, value))})"
    number = type(value) in (int, float) or (isinstance(value, Tensor) and value.ndim == 0)
    return "number" if number else type(value).__name__


def _torch_state(optimizer: Optimizer, names: Mapping[int, str], tree: Any) -> dict[str, Any]:
    """Return what ``load_state_dict`` takes: parameters by position."""
    position = {_name(x, names): i for i, x in enumerate(_parameters(optimizer))}
    parameters = {_name(x, names): x for x in _parameters(optimizer)}
    groups = [
        {
            **_options(group),
            **_options(saved),
            **{key: group[key] for key in _HOW if key in group},
            "lr": _like_own(saved["lr"], group["lr"]),
            "params": [position[_name(x, names)] for x in group["params"]],
        }
        for group, saved in zip(optimizer.param_groups, tree["groups"], strict=True)
    ]
    state = {
        position[name]: {key: _like(value, parameters[name]) for key, value in saved.items()}
        for name, saved in tree["state"].items()
    }
    return {"state": state, "param_groups": groups}


def _like(value: Any, parameter: Tensor) -> Any:
    """Copy a saved value, laid out in memory as its parameter is: sums then round alike."""
    if not isinstance(value, Tensor):
        return value
    if value.shape != parameter.shape:
        return value.clone()
    return torch.empty_like(parameter, dtype=value.dtype, device="cpu").copy_(value)


def _like_own(saved: float | Tensor, own: float | Tensor) -> float | Tensor:
    """Return a saved rate as the tensor that a CUDA graph reads, or as a number."""
    if isinstance(own, Tensor):
        return torch.full_like(own, float(saved))
    return float(saved)


def _options(group: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in group.items() if key != "params"}


def _parameters(optimizer: Optimizer) -> Iterator[Tensor]:
    for group in optimizer.param_groups:
        yield from group["params"]


def _name(parameter: Tensor, names: Mapping[int, str]) -> str:
    if id(parameter) not in names:
        raise CheckpointError(
            f"the optimizer trains a parameter of shape {list(parameter.shape)} that no network"
            " owns; train parameters of the networks only"
        )
    return names[id(parameter)]


def change_betas(optimizer: Optimizer, betas: tuple[float, float]) -> None:
    """Change the decay of both moments, where an optimizer keeps what it was made with."""
    named = {"betas": betas, "alpha": betas[1], "momentum": betas[0]}
    for group in optimizer.param_groups:
        name = next(name for name in named if name in group)
        group[name] = named[name]


def set_learning_rate(optimizer: Optimizer, rate: float) -> None:
    """Change the learning rate; a tensor, which a CUDA graph reads, stays where it is."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


_Kind = TypeVar("_Kind", bound=Optimizer)


def _plain(kind: type[_Kind]) -> type[_Kind]:
    """Return an optimizer of torch's that imports no compiler.

    Torch wraps some of its methods so that ``torch.compile`` leaves them alone. The first call of
    any imports the compiler for it, 1 to 2 CPU-seconds; nothing here compiles an optimizer. Should
    torch wrap them otherwise one day, they only take that time again.
    """
    step: Callable[..., Any] = inspect.unwrap(kind.step)

    def plain_step(self: Optimizer, closure: Callable[[], float] | None = None) -> Any:
        with torch.no_grad():
            return step(self, closure)

    names = ("add_param_group", "load_state_dict", "state_dict", "zero_grad")
    methods = {name: inspect.unwrap(getattr(kind, name)) for name in names}
    made = type(kind.__name__, (kind,), {**methods, "step": plain_step})
    return cast("type[_Kind]", made)


_Adam, _RMSprop, _SGD = (
    _plain(torch.optim.Adam),
    _plain(torch.optim.RMSprop),
    _plain(torch.optim.SGD),
)


def check_trains_all(
    optimizer: Optimizer, parameters: Sequence[nn.Parameter], networks: Mapping[str, nn.Module]
) -> None:
    """Refuse to leave a parameter out because it is younger than its optimizer.

    Args:
        optimizer: Of the player.
        parameters: All that the player trains now.
        networks: By role, to tell its name.

    Raises:
        FitError: The optimizer knows nothing of one.
    """
    held = {id(each) for group in optimizer.param_groups for each in group["params"]}
    if held.issuperset(map(id, parameters)):
        return
    young = next(each for each in parameters if id(each) not in held)
    names = (
        f"{r}.{n}" for r, net in networks.items() for n, p in net.named_parameters() if p is young
    )
    raise FitError(
        f"{next(names)} was made after its optimizer, which does not train it; change values in"
        " place (with torch.no_grad()), or call run.reset_optimizer(player) after it is replaced"
    )


def make_optimizer(
    settings: Settings,
    parameters: Sequence[nn.Parameter],
    device: torch.device,
    *,
    recorded: bool = False,
) -> Optimizer:
    """Return the optimizer of one player, in its fastest exact form.

    Args:
        settings: Which, and how it learns.
        parameters: What it trains.
        device: Where they are.
        recorded: It steps inside of a CUDA graph, so its rate is a tensor where torch reads one.
    """
    fused, decay = device.type in ("cpu", "cuda"), settings.weight_decay
    rate: Any = settings.learning_rate
    if settings.use == "rmsprop":  # it asks the device for a rate that is a tensor
        return _RMSprop(
            parameters,
            lr=rate,
            alpha=settings.betas[1],
            eps=settings.eps,
            weight_decay=decay,
            capturable=recorded and device.type == "cuda",
        )
    if recorded:
        rate = torch.tensor(rate, device=device)
    if settings.use == "sgd":
        return _SGD(
            parameters,
            lr=rate,
            momentum=settings.betas[0],
            weight_decay=decay,
            fused=recorded and fused,
        )
    return _Adam(
        parameters,
        lr=rate,
        betas=settings.betas,
        eps=settings.eps,
        weight_decay=decay,
        fused=fused,
        capturable=recorded,
    )

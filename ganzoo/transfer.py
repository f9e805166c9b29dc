"""Transfer: a run begins with the networks of another, for a new domain or a longer road.

What fits by name and shape is taken; the rest begins as in any run, and is said. Optimizers begin
anew. Layers may rest: ``training.frozen`` names parameters that keep what they began with.

References: Transferring GANs: generating images from limited data (Wang et al., 2018),
https://arxiv.org/abs/1805.01677; Freeze the Discriminator: a Simple Baseline for Fine-Tuning GANs
(Mo et al., 2020), https://arxiv.org/abs/2002.10964
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from torch import Tensor, nn

from ganzoo.errors import FitError, RecipeError
from ganzoo.outline import Outline
from ganzoo.rundir import find
from ganzoo.training import checkpoint


def begun(built: Outline, root: Path) -> Outline:
    """Give the networks of a new run the weights of the one that ``training.init_from`` names.

    The generator begins as that run's averaged generator, which is the better one; the other
    networks begin as they were.

    Args:
        built: The new run; its networks are changed in place.
        root: Where runs are kept.

    Returns:
        The run, which now names that checkpoint for good (``0007-dcgan-digits@300000``), and
        notes what was taken.

    Raises:
        RecipeError: There is no such run.
        CheckpointError: It has no such checkpoint, or a damaged one.
        FitError: Nothing of a network fits.
    """
    training = built.plan.training
    if training.init_from is None:
        return built
    word, _, moment = training.init_from.partition("@")
    if moment and not moment.isdecimal():
        raise RecipeError(f"--init-from {word}@{moment}: after the @ stands a number of images")
    run = find(root, word)
    loaded = checkpoint.load(run.checkpoints, int(moment) if moment else None)
    name = run.path.name if run.path.parent == root else str(run.path)
    words = f"{name}@{loaded.nimg}"
    notes = [f"begins with the networks of {words}"]
    for role, network in built.networks.items():
        group = f"{role}_ema" if role == built.algorithm.samples_from else role
        if group not in loaded.groups:
            notes.append(f"{words} has no {role}; it begins anew")
            continue
        strange = _take(network, loaded.groups[group])
        if len(strange) == len(network.state_dict()):
            raise FitError(
                f"nothing of the {role} of {name} fits this run's ({strange[0]});"
                " train the same network, with the same settings"
            )
        if strange:
            notes.append(f"{role}: {len(strange)} tensors begin anew: {'; '.join(strange[:3])}")
    plan = replace(built.plan, training=replace(training, init_from=words))
    return replace(built, plan=plan, notes=(*built.notes, *notes))


def _take(network: nn.Module, group: Mapping[str, Tensor]) -> list[str]:
    """Copy what fits by name and shape; return what does not, with the reason."""
    fits, strange = {}, []
    for name, ours in network.state_dict().items():
        if name not in group:
            strange.append(f"{name} is new")
        elif group[name].shape != ours.shape:
            strange.append(f"{name} is {list(ours.shape)}, was {list(group[name].shape)}")
        else:
            fits[name] = group[name]
    network.load_state_dict(fits, strict=False)
    return strange

"""Which device trains: asked for, or the best one that gives the same answers as the CPU."""

import copy
import shutil
import subprocess
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ganzoo.algorithm import D, Draw, G
from ganzoo.errors import MachineError, did_you_mean
from ganzoo.interfaces import Env
from ganzoo.sampling import told_for
from ganzoo.training.precision import Precision

TOLERANCE = 1e-3
"""Largest relative difference between a device and the CPU at which the device is trusted."""

_KNOWN = ("auto", "cpu", "cuda", "mps")


def candidates(name: str | None) -> list[torch.device]:
    """Return the devices to try, best first.

    Args:
        name: ``cpu``, ``cuda``, ``cuda:1``, ``mps``; None or ``auto`` for the best there is.

    Raises:
        MachineError: The device that was asked for is not there; says why and the cure.
    """
    word = (name or "auto").split(":")[0]
    if word not in _KNOWN:
        raise MachineError(f"no device called {name!r}.{did_you_mean(word, _KNOWN)}")
    if word == "cuda" and not torch.cuda.is_available():
        raise MachineError(
            f"PyTorch sees no CUDA device ({why_no_cuda()})",
            hint="ganzoo doctor   or   --device cpu",
        )
    if word == "mps" and not torch.backends.mps.is_available():
        raise MachineError("PyTorch sees no Apple GPU (MPS)", hint="--device cpu")
    if word != "auto":
        return [torch.device(str(name))]
    found = [torch.device("cuda", 0)] if torch.cuda.is_available() else []
    found += [torch.device("mps")] if torch.backends.mps.is_available() else []
    return [*found, torch.device("cpu")]


def why_no_cuda() -> str:
    """Return one clause that says why torch cannot use an NVIDIA card, and the cure."""
    build = torch.version.cuda
    if build is None:
        return f"torch {torch.__version__} is a build without CUDA; install a CUDA build of torch"
    if not card_present():
        return f"torch {torch.__version__}, no NVIDIA driver found"
    return (
        f"torch {torch.__version__} wants CUDA {build} and the driver is older;"
        " update the driver or install a build of torch for it"
    )


def card_present() -> bool:
    """Return whether the machine has an NVIDIA card, whatever torch thinks."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return False
    try:
        listed = subprocess.run([tool, "-L"], capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return listed.returncode == 0 and b"GPU" in listed.stdout


def choose(
    networks: Mapping[str, nn.Module], env: Env, z_dim: int, name: str | None
) -> tuple[torch.device, list[str]]:
    """Return the device to train on, and what to say about the ones that were passed over.

    Raises:
        MachineError: As :func:`candidates`.
    """
    notes: list[str] = []
    for candidate in candidates(name):
        if candidate.type == "cpu" or name not in (None, "auto"):
            if name in (None, "auto") and not notes and card_present():
                notes.append(f"an NVIDIA card is here, but {why_no_cuda()}")
            return candidate, notes
        off = disagreement(networks, env, z_dim, candidate)
        if off <= TOLERANCE:
            return candidate, notes
        notes.append(
            f"{in_words(candidate)} is not used: its gradients differ from the CPU's by"
            f" {off:.1e} (--device {candidate} uses it all the same)"
        )
    return torch.device("cpu"), notes


def in_words(device: torch.device) -> str:
    """Return a device for people: ``cuda:0 NVIDIA H200``, ``cpu (2 threads)``."""
    if device.type == "cuda":
        return f"{device} {torch.cuda.get_device_name(device)}"
    return f"cpu ({torch.get_num_threads()} threads)" if device.type == "cpu" else str(device)


def disagreement(
    networks: Mapping[str, nn.Module], env: Env, z_dim: int, device: torch.device
) -> float:
    """Return how far a device's gradients are from the CPU's on one step of the recipe.

    Networks are copied and put in evaluation mode, so that nothing random differs; arithmetic is
    full float32, because tf32 alone differs by more than the tolerance.
    """
    here = _slopes(networks, env, z_dim, torch.device("cpu"))
    with Precision("fp32", device).matmul():
        there = _slopes(networks, env, z_dim, device)
    worst = 0.0
    for name, slope in here.items():
        scale = slope.abs().max().clamp(min=1e-6)
        worst = max(worst, float((there[name].cpu() - slope).abs().max() / scale))
    return worst


def _slopes(
    networks: Mapping[str, nn.Module], env: Env, z_dim: int, device: torch.device
) -> Mapping[str, Tensor]:
    """Return d logits / d parameters of both networks on a small fixed batch."""
    if not {G, D} <= set(networks):
        return {}
    rng = torch.Generator().manual_seed(0)
    real = (torch.rand(4, *env.image_shape, generator=rng) * 2 - 1).to(device)
    z = torch.randn(4, z_dim, generator=rng).to(device)
    told = told_for(env, 4)
    labels = None if told is None else told.to(device)
    nets = {role: copy.deepcopy(net).to(device).eval() for role, net in networks.items()}
    image = Draw(nets[G], real, labels, z).made(graph=True)["image"]
    twice = None if labels is None else torch.cat([labels, labels])
    out = nets[D](torch.cat([image, real]), twice)
    logits = out["logits"] if isinstance(out, Mapping) else out
    logits.float().mean().backward()
    return {
        f"{role}.{name}": p.grad.float().cpu()
        for role, net in nets.items()
        for name, p in net.named_parameters()
        if p.grad is not None
    }

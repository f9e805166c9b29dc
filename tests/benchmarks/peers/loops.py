"""Loops that people write by hand, from the plainest to the quickest."""

import copy
from collections.abc import Callable

import torch
from peers.games import Game, endless, loader, sampler
from torch import Tensor, nn

from ganzoo.algorithm import images_of
from ganzoo.training.memory import keep_memory

Step = Callable[[], object]


def plain(
    game: Game,
    pixels: Tensor,
    batch: int,
    device: torch.device,
    precision: str = "fp32",
    *,
    workers: int = 0,
    anew: bool = True,
    reads: bool = False,
    watched: Callable[[nn.Module], object] = id,
) -> Step:
    """Return steps of a loop without care for speed: NCHW, Adam as it comes, D never frozen.

    Args:
        game: What is trained.
        pixels: Real images, uint8.
        batch: Real images a move of the discriminator.
        device: Where.
        precision: ``bf16`` for autocast.
        workers: Processes of the loader.
        anew: Make the fakes of the generator's move anew, from other latents; otherwise they are
            those of the discriminator's last move, as in pytorch/examples.
        reads: Ask for five readings in every step, as pytorch/examples does.
        watched: Is given the discriminator.
    """
    made, judge = (network.to(device).train() for network in game.networks())
    watched(judge)
    of_made, of_judge = game.adam(made), game.adam(judge)
    images = endless(loader(pixels, batch, workers))

    def step() -> list[float]:
        for _ in range(game.d_steps):
            real = next(images).to(device)
            with _autocast(device, precision):
                fake = images_of(made(torch.randn(batch, made.z_dim, device=device)))
                real_logits, fake_logits = judge(real), judge(fake.detach())
                d_loss = game.d_loss(real_logits.float(), fake_logits.float())
            of_judge.zero_grad()
            d_loss.backward()
            of_judge.step()
        with _autocast(device, precision):
            if anew:
                fake = images_of(made(torch.randn(batch, made.z_dim, device=device)))
            fooled = judge(fake)
            g_loss = game.g_loss(fooled.float())
        of_made.zero_grad()
        g_loss.backward()
        of_made.step()
        seen = (d_loss, g_loss, real_logits.mean(), fake_logits.mean(), fooled.mean())
        return [each.item() for each in seen] if reads else []

    return step


def limit(
    game: Game,
    pixels: Tensor,
    batch: int,
    device: torch.device,
    precision: str = "fp32",
    *,
    graph: bool = False,
    watched: Callable[[nn.Module], object] = id,
) -> Step:
    """Return steps of a loop with every exact lever, and an average of the generator as ganzoo's.

    Channels last; the discriminator frozen in the generator's move; one generator pass for both
    players; fused Adam; batches gathered from uint8 on the device; on a CPU, memory that a step
    frees is kept, which holds for the whole process.

    Args:
        game: What is trained.
        pixels: Real images, uint8.
        batch: Real images a move of the discriminator.
        device: Where.
        precision: ``bf16`` for autocast.
        graph: Record the step as one CUDA graph.
        watched: Is given the discriminator.
    """
    if device.type == "cpu":
        keep_memory()
    made, judge = (
        network.to(device).to(memory_format=torch.channels_last).train()
        for network in game.networks()
    )
    watched(judge)
    of_made, of_judge = (game.adam(net, fused=True, capturable=graph) for net in (made, judge))
    average = copy.deepcopy(made).requires_grad_(False)
    ours, theirs = list(average.parameters()), list(made.parameters())
    buffers, followed = list(average.buffers()), list(made.buffers())
    real_images = sampler(pixels, batch, device)

    def step() -> None:
        for left in reversed(range(game.d_steps)):
            with _autocast(device, precision):
                with torch.set_grad_enabled(left == 0):
                    fake = images_of(made(torch.randn(batch, made.z_dim, device=device)))
                real_logits, fake_logits = judge(real_images()), judge(fake.detach())
                d_loss = game.d_loss(real_logits.float(), fake_logits.float())
            of_judge.zero_grad()
            d_loss.backward()
            of_judge.step()
        _require(judge, wanted=False)
        of_made.zero_grad()
        with _autocast(device, precision):
            g_loss = game.g_loss(judge(fake).float())
        g_loss.backward()
        of_made.step()
        _require(judge, wanted=True)
        with torch.no_grad():
            torch._foreach_lerp_(ours, theirs, 0.005)
            torch._foreach_copy_(buffers, followed)

    return _recorded(step) if graph else step


def _autocast(device: torch.device, precision: str) -> torch.autocast:
    wanted = precision == "bf16"  # a graph refuses the cache
    return torch.autocast(device.type, torch.bfloat16, enabled=wanted, cache_enabled=False)


def _require(network: nn.Module, *, wanted: bool) -> None:
    for parameter in network.parameters():
        parameter.requires_grad_(wanted)


def _recorded(step: Step) -> Step:
    """Return the replay of a step, recorded after three that are played on a stream beside."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay

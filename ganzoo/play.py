"""One move: the terms of a phase read a :class:`Play`, whose nodes are computed on first use.

A node (real, fake, logits ...) is kept for the phase; a :class:`Draw` (images, labels, latents,
what the generator made of them) lives from one new batch to the next. No GAN is named here.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from ganzoo.env import Env
from ganzoo.errors import FitError
from ganzoo.types import Images, Latents, Logits, Told, Values

G, D = "generator", "discriminator"
"""The two roles of an adversarial game."""


@dataclass(frozen=True)
class Term:
    """One summand of what a player minimizes.

    Attributes:
        name: For logs.
        value: From a play to numbers, which the trainer averages.
        weight: Factor.
        interval: Due every so many steps, and then that much stronger (lazy regularization).
        input_grads: Images that must carry a gradient before the networks see them.
        second_order: Differentiates a gradient; the phase then runs uncompiled.
    """

    name: str
    value: Callable[["Play"], Values]
    weight: float = 1.0
    interval: int = 1
    input_grads: tuple[str, ...] = ()
    second_order: bool = False

    def due(self, step: int) -> bool:
        """Return whether the term acts in this step."""
        return step % self.interval == 0


@dataclass(frozen=True)
class Phase:
    """One move of one player.

    Attributes:
        player: Whose optimizer steps.
        trains: Roles whose parameters it owns.
        terms: What is summed.
        frozen: Roles the terms pass through without training them.
        new_batch: Take the next real batch before the phase.
        shares_fakes: The next phase trains the generator on the same draw, so its pass is made
            once, with its graph.
    """

    player: str
    trains: tuple[str, ...]
    terms: tuple[Term, ...]
    frozen: tuple[str, ...] = ()
    new_batch: bool = False
    shares_fakes: bool = False


class Draw:
    """Real images, their labels, latents, and the generator's answer to them.

    Args:
        generator: The network that answers.
        real: Real images, [n, c, h, w].
        labels: What both players are told of them; None when unconditional. Fakes take the same.
        z: Latents, [n, z].
        share_fakes: Keep the graph of a generator pass, when a phase asks, for the next phase.
    """

    def __init__(
        self,
        generator: nn.Module,
        real: Images,
        labels: Told | None,
        z: Latents,
        *,
        share_fakes: bool = True,
    ) -> None:
        self._generator = generator
        self.real, self.labels, self.z = real, labels, z
        self._share_fakes = share_fakes
        self._made: Mapping[str, Tensor] | None = None
        self._with_graph = False

    def made(self, *, graph: bool, shares: bool = False) -> Mapping[str, Tensor]:
        """Return the generator's output for ``z``: ``image`` and extras.

        Args:
            graph: The caller differentiates it with respect to the generator.
            shares: A later phase will; run once now, with the graph.
        """
        with_graph = graph or (shares and self._share_fakes)
        if self._made is None or (graph and not self._with_graph):
            with torch.set_grad_enabled(with_graph):
                out = self._generator(self.z, self.labels)
            self._made = out if isinstance(out, Mapping) else {"image": out}
            self._with_graph = with_graph
        made = self._made
        if graph:
            self._made = None  # a graph is differentiated once
        return made


@dataclass
class Play:
    """One phase on one draw; nodes are computed on first use. Subclass it to add nodes.

    Attributes:
        phase: The phase that is played.
        draw: Its images, labels and latents.
        networks: Modules by role.
        wants: Images that must carry a gradient (of the due terms).
        augment: What the discriminator's images pass through; None for nothing.
        first_order: The networks are compiled; nobody can differentiate them twice.
    """

    phase: Phase
    draw: Draw
    networks: Mapping[str, nn.Module]
    wants: frozenset[str] = frozenset()
    augment: Callable[[Images], Images] | None = None
    first_order: bool = False
    readings: dict[str, Tensor] = field(default_factory=dict)

    def trains(self, role: str) -> bool:
        """Return whether the phase trains a role."""
        return role in self.phase.trains

    def log(self, readings: Mapping[str, Tensor]) -> None:
        """Note scalars for the trace, by the name of their column."""
        self.readings.update({name: value.detach() for name, value in readings.items()})

    def gradient(self, outputs: Tensor, inputs: Tensor) -> Tensor:
        """Return d sum(outputs) / d inputs, itself differentiable, in float32 or wider.

        Raises:
            FitError: The inputs carry no gradient; the term must declare ``input_grads``. Or the
                networks are compiled; it must declare ``second_order``.
        """
        if self.first_order:
            raise FitError(
                "a term differentiates a gradient, which compiled networks cannot;"
                " say second_order = True in its regularizer"
            )
        if not inputs.requires_grad:
            raise FitError(
                "a term asks for the gradient of images that carry none;"
                " name them in the regularizer's input_grads"
            )
        wide = outputs if outputs.dtype == torch.float64 else outputs.float()
        with torch.autocast(inputs.device.type, enabled=False):
            (slope,) = torch.autograd.grad(wide.sum(), inputs, create_graph=True)
        return slope

    def judge(self, images: Images, labels: Told | None) -> Mapping[str, Tensor]:
        """Return the discriminator's output for images: ``logits`` and extras."""
        seen = self.augment(images) if self.augment is not None else images
        out = self.networks[D](seen, labels)
        return out if isinstance(out, Mapping) else {"logits": out}

    def extra(self, key: str) -> Tensor:
        """Return an extra output of the generator.

        Raises:
            FitError: The generator gives no such output.
        """
        if key not in self.made:
            given = ", ".join(sorted(self.made))
            raise FitError(f"a term needs {key!r} from the generator, which gives {given}")
        return self.made[key]

    @property
    def labels(self) -> Told | None:
        """What both players are told of real and fake alike: classes, or images."""
        return self.draw.labels

    @cached_property
    def real(self) -> Images:
        """Real images."""
        return self._leaf("real", self.draw.real)

    @cached_property
    def made(self) -> Mapping[str, Tensor]:
        """Everything the generator returns."""
        return self.draw.made(graph=self.trains(G), shares=self.phase.shares_fakes)

    @cached_property
    def fake(self) -> Images:
        """Generated images; they carry the generator's graph only where the phase trains it."""
        image = self.made["image"]
        return image if self.trains(G) else self._leaf("fake", image.detach())

    @cached_property
    def real_out(self) -> Mapping[str, Tensor]:
        """The discriminator's output for real images."""
        return self.judge(self.real, self.labels)

    @cached_property
    def fake_out(self) -> Mapping[str, Tensor]:
        """The discriminator's output for fake images."""
        return self.judge(self.fake, self.labels)

    @property
    def real_logits(self) -> Logits:
        """Logits of real images."""
        return widened(self.real_out["logits"])

    @property
    def fake_logits(self) -> Logits:
        """Logits of fake images."""
        return widened(self.fake_out["logits"])

    def _leaf(self, name: str, images: Images) -> Images:
        return images.detach().requires_grad_() if name in self.wants else images


def widened(logits: Logits) -> Logits:
    """Losses and penalties are computed in float32 at least, also under bf16."""
    return logits.float() if logits.dtype in (torch.bfloat16, torch.float16) else logits


@runtime_checkable
class RunView(Protocol):
    """What run hooks see of a run, and the services they may use. Nothing else."""

    @property
    def step(self) -> int:
        """Steps completed."""

    @property
    def nimg(self) -> int:
        """Real images shown to the discriminator so far."""

    @property
    def total_nimg(self) -> int | None:
        """Images after which the run ends; None when it is bounded by time."""

    @property
    def batch_size(self) -> int:
        """Real images of the next step, of all processes together."""

    @property
    def env(self) -> Env:
        """What the run was built for."""

    @property
    def device(self) -> torch.device:
        """Where it trains."""

    def network(self, role: str) -> nn.Module:
        """Return the network of a role."""

    def rng(self, name: str) -> torch.Generator:
        """Return a named random stream, saved and restored with the run."""

    def set_batch_size(self, batch_size: int) -> None:
        """Change the global batch size from the next step on."""

    def reset_optimizer(self, player: str) -> None:
        """Forget a player's moments."""

    def set_rate(self, player: str, factor: float) -> None:
        """Set a player's learning rate to its setting times ``factor``."""

    def betas(self, player: str) -> tuple[float, float]:
        """Return the decay of both moments of a player's optimizer, as its settings say."""

    def set_betas(self, player: str, betas: tuple[float, float]) -> None:
        """Set the decay of both moments of a player's optimizer."""

    @property
    def penalties(self) -> Collection[str]:
        """Names of the regularizers."""

    def set_weight(self, penalty: str, factor: float) -> None:
        """Set the weight of a regularizer's penalty to its setting times ``factor``."""

    def set_ema_halflife(self, kimg: float) -> None:
        """Set the half-life of the averaged generator; 0 copies."""

    def add_real_transform(self, transform: Callable[[Images], Images]) -> None:
        """Pass every later real batch through ``transform``."""

    def log(self, name: str, value: Tensor) -> None:
        """Note a scalar for the trace."""

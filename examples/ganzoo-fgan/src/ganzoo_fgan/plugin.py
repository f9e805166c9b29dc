"""What this plugin offers; light: it says where the code is, and imports no torch."""

from collections.abc import Iterable

from ganzoo import Component, Recipe, hookimpl

_PAPER = (
    "f-GAN: Training Generative Neural Samplers using Variational Divergence Minimization"
    " (Nowozin et al., 2016), https://arxiv.org/abs/1606.00709"
)


@hookimpl
def ganzoo_register() -> Iterable[Component | Recipe]:
    """Return a loss, and a model that uses it."""
    return (
        Component(
            "loss",
            "fgan",
            "ganzoo_fgan.losses:FGAN",
            "any of five f-divergences; Pearson's chi squared by default",
            paper=_PAPER,
        ),
        Recipe(
            name="fgan",
            summary="dcgan's networks with the loss fgan",
            parts={
                "generator": "dcgan",
                "discriminator": "dcgan",
                "loss": "fgan",
                "regularizer": ["r1", "r2"],
            },
            set={
                "generator.width": 16,
                "discriminator.width": 16,
                "discriminator.norm": "none",
                "regularizer.r1.interval": 4,
                "regularizer.r2.interval": 4,
                "optimizer.generator.learning_rate": 1e-3,
                "optimizer.discriminator.learning_rate": 1e-3,
                "training.batch_size": 32,
                "training.kimg": 200,
            },
            presets={"quick": {"training.kimg": 20}},
            sizes=(32, 28, 64, 128, 256),
            year=2016,
            paper=_PAPER,
        ),
    )

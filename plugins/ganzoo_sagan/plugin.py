"""What this plugin offers; light, so that listing it imports no torch."""

from collections.abc import Iterable

from ganzoo import Component, Recipe, hookimpl

_SIZES = (32, 28, 64, 128)
_PAPER = (
    "Self-Attention Generative Adversarial Networks (Zhang et al., 2019),"
    " https://arxiv.org/abs/1805.08318"
)


@hookimpl
def ganzoo_register() -> Iterable[Component | Recipe]:
    """Return two networks that attend to themselves and the recipe that joins them."""
    return (
        Component(
            "generator",
            "sagan",
            "ganzoo_sagan.networks:SAGANGenerator",
            "residual blocks, of which one map attends to itself; spectral norm",
            sizes=_SIZES,
            paper=_PAPER,
        ),
        Component(
            "discriminator",
            "sagan",
            "ganzoo_sagan.networks:SAGANDiscriminator",
            "residual blocks with self-attention and spectral norm, projected on the class",
            sizes=_SIZES,
            paper=_PAPER,
        ),
        _SAGAN,
    )


_SAGAN = Recipe(
    name="sagan",
    summary="self-attention joins what is far apart; spectral norm in both players",
    parts={
        "generator": "sagan",
        "discriminator": "sagan",
        "loss": "hinge",
        "schedule": ["decay"],
    },
    set={
        "generator.width": 16,
        "generator.z_dim": 64,
        "discriminator.width": 16,
        "optimizer.generator.learning_rate": 1e-3,
        "optimizer.generator.betas": [0.0, 0.9],
        "optimizer.discriminator.learning_rate": 4e-3,
        "optimizer.discriminator.betas": [0.0, 0.9],
        "training.batch_size": 64,
        "training.kimg": 300,
        "training.resolution": 32,
        "training.ema_halflife_kimg": 10,
    },
    presets={
        "quick": {"schedule": [], "training.kimg": 120},
        "paper": {
            "generator.width": "none",
            "generator.z_dim": 128,
            "discriminator.width": "none",
            "schedule": [],
            "optimizer.generator.learning_rate": 1e-4,
            "optimizer.discriminator.learning_rate": 4e-4,
            "training.batch_size": 256,
            "training.ema_halflife_kimg": 177,
            "training.kimg": 256000,
            "training.resolution": 128,
        },
    },
    sizes=_SIZES,
    year=2019,
    paper=_PAPER,
    reported="CIFAR-10 FID 10.35 (StudioGAN), 9.43 (mmgeneration), with classes",
    step="ganzoo_sagan.step:step",
    pretrained="ganzoo_sagan:sagan.safetensors",
    reading=(
        "C(real) and C(fake) are raw logits; the hinge stops teaching at 1 and -1, so D loss"
        " starts at 2 and hangs between 1 and 2; near 0 for long means that the discriminator"
        " wins: lower its learning rate. Attention starts without a say and gains one as it"
        " learns; ganzoo sample RUN --attention draws what it looks at. Losses do not fall: they"
        " are a game, so look at the pictures."
    ),
)

"""What this plugin offers; light, so that listing it imports no torch."""

from collections.abc import Iterable

from ganzoo import Component, Recipe, hookimpl

_SIZES = (32, 28, 64, 128)
_PAPER = (
    "Spectral Normalization for Generative Adversarial Networks (Miyato et al., 2018),"
    " https://arxiv.org/abs/1802.05957"
)


@hookimpl
def ganzoo_register() -> Iterable[Component | Recipe]:
    """Return two residual networks and the recipe that joins them."""
    return (
        Component(
            "generator",
            "resnet",
            "ganzoo_sngan.networks:ResNetGenerator",
            "residual blocks with batch norm, of the class where there are classes",
            sizes=_SIZES,
            paper=_PAPER,
        ),
        Component(
            "discriminator",
            "resnet",
            "ganzoo_sngan.networks:ResNetDiscriminator",
            "residual blocks with spectral norm or without, projected on the class",
            sizes=_SIZES,
            paper=_PAPER,
        ),
        _SNGAN,
    )


_SNGAN = Recipe(
    name="sngan",
    summary="spectral norm bounds the slope, without penalty",
    parts={
        "generator": "resnet",
        "discriminator": "resnet",
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
            "schedule.decay.start": 0.0,
            "algorithm.d_steps": 5,
            "optimizer.generator.learning_rate": 2e-4,
            "optimizer.discriminator.learning_rate": 2e-4,
            "training.kimg": 32000,
        },
    },
    sizes=_SIZES,
    year=2018,
    paper=_PAPER,
    reported="CIFAR-10 FID 16.77 (mimicry), 8.12 with classes (mmgeneration)",
    step="ganzoo_sngan.step:step",
    pretrained="ganzoo_sngan:sngan.safetensors",
    reading=(
        "C(real) and C(fake) are raw logits; the hinge stops teaching at 1 and -1, so a healthy"
        " run keeps C(real) below about 1 and C(fake) above about -1. D loss starts at 2 and hangs"
        " between 1 and 2; near 0 for long means that the discriminator wins: lower its learning"
        " rate. Losses do not fall: they are a game, so look at the pictures."
    ),
)

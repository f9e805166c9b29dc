"""What this plugin offers; light, so that listing it imports no torch."""

from collections.abc import Iterable

from ganzoo import Component, Recipe, hookimpl

_SIZES = (28, 32, 64, 1)
_PAPER = "Generative Adversarial Nets (Goodfellow et al., 2014), https://arxiv.org/abs/1406.2661"


@hookimpl
def ganzoo_register() -> Iterable[Component | Recipe]:
    """Return two networks and the recipe of the first GAN."""
    return (
        Component(
            "generator",
            "mlp",
            "ganzoo_gan.networks:MLPGenerator",
            "four linear layers; pixels know no neighbours",
            sizes=_SIZES,
            paper=_PAPER,
        ),
        Component(
            "discriminator",
            "mlp",
            "ganzoo_gan.networks:MLPDiscriminator",
            "four linear layers with dropout",
            sizes=_SIZES,
            paper=_PAPER,
        ),
        _GAN,
    )


_GAN = Recipe(
    name="gan",
    summary="the first GAN: two multilayer perceptrons",
    parts={"generator": "mlp", "discriminator": "mlp", "loss": "ns"},
    set={
        "generator.width": 128,
        "generator.z_dim": 64,
        "discriminator.width": 128,
        "optimizer.generator.learning_rate": 1e-3,
        "optimizer.generator.betas": [0.5, 0.999],
        "optimizer.discriminator.learning_rate": 1e-3,
        "optimizer.discriminator.betas": [0.5, 0.999],
        "training.batch_size": 64,
        "training.kimg": 600,
        "training.ema_halflife_kimg": 10,
    },
    presets={
        "quick": {"training.kimg": 200},
        "points": {
            "dataset": "grid2d",
            "generator.width": 32,
            "generator.z_dim": 8,
            "discriminator.width": 32,
            "discriminator.dropout": 0.0,
            "regularizer": ["r1"],
            "regularizer.r1.weight": 0.003,
            "schedule": ["decay"],
            "schedule.decay.start": 0.5,
            "optimizer.generator.learning_rate": 2e-3,
            "optimizer.generator.betas": [0.0, 0.99],
            "optimizer.discriminator.learning_rate": 2e-3,
            "optimizer.discriminator.betas": [0.0, 0.99],
            "training.batch_size": 512,
            "training.kimg": 3500,
            "training.resolution": 1,
            "training.tick_kimg": 500,
        },
        "paper": {
            "generator.width": 256,
            "generator.z_dim": 100,
            "discriminator.width": 256,
            "optimizer.generator.learning_rate": 2e-4,
            "optimizer.discriminator.learning_rate": 2e-4,
            "training.batch_size": 128,
            "training.kimg": 12000,
        },
    },
    sizes=_SIZES,
    year=2014,
    paper=_PAPER,
    aliases=("vanilla",),
    step="ganzoo_gan.step:step",
    pretrained="ganzoo_gan:gan.safetensors",
    reading=(
        "D(real) and D(fake) start at 0.5 and part; a healthy run keeps D(real) near 0.5 to 0.7"
        " and D(fake) near 0.3 to 0.5, without settling. D acc near 1 for long means that the"
        " discriminator wins and the generator learns little; all three at 0.5 means that it sees"
        " nothing. Losses do not fall: they are a game, so look at the pictures. Speckled strokes"
        " are normal here: nothing tells a pixel about its neighbours."
    ),
)

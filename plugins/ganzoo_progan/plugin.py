"""What this plugin offers; light, so that listing it imports no torch."""

from collections.abc import Iterable

from ganzoo import Component, Recipe, hookimpl

_SIZES = (64, 32, 128, 256)
_PAPER = (
    "Progressive Growing of GANs for Improved Quality, Stability, and Variation (Karras et al.,"
    " 2018), https://arxiv.org/abs/1710.10196"
)
_RESTING = {"gradients": "colours of earlier stages rest at the last one"}


@hookimpl
def ganzoo_register() -> Iterable[Component | Recipe]:
    """Return two networks that grow, the schedule that makes them grow, and their recipe."""
    return (
        Component(
            "generator",
            "progan",
            "ganzoo_progan.networks:ProgressiveGenerator",
            "grows from stage to stage; equalized learning rate, pixel norm",
            sizes=_SIZES,
            paper=_PAPER,
            expected_failures={**_RESTING, "range": "its colours are linear, as in the paper"},
        ),
        Component(
            "discriminator",
            "progan",
            "ganzoo_progan.networks:ProgressiveDiscriminator",
            "grows alike; equalized learning rate, minibatch stddev, no norm",
            sizes=_SIZES,
            paper=_PAPER,
            expected_failures=_RESTING,
        ),
        Component(
            "schedule",
            "progressive",
            "ganzoo_progan.schedule:Progressive",
            "stages with fade-in: resolution, batch and optimizers of each",
            paper=_PAPER,
        ),
        _PROGAN,
    )


_PROGAN = Recipe(
    name="progan",
    summary="both networks grow, from coarse pictures to fine ones",
    parts={
        "dataset": "critters",
        "generator": "progan",
        "discriminator": "progan",
        "loss": "ns",
        "regularizer": ["r1"],
        "schedule": ["progressive", "decay"],
    },
    set={
        "generator.z_dim": 64,
        "generator.width": 8,
        "generator.max_width": 64,
        "discriminator.width": 8,
        "discriminator.max_width": 64,
        "regularizer.r1.weight": 2.0,
        "regularizer.r1.interval": 8,
        "schedule.progressive.start": 16,
        "schedule.progressive.stage_kimg": 15,
        "schedule.progressive.fade_kimg": 10,
        "optimizer.generator.learning_rate": 3e-3,
        "optimizer.generator.betas": [0.0, 0.99],
        "optimizer.discriminator.learning_rate": 3e-3,
        "optimizer.discriminator.betas": [0.0, 0.99],
        "training.batch_size": 16,
        "training.kimg": 150,
        "training.ema_halflife_kimg": 10,
    },
    presets={
        "quick": {"training.resolution": 32},
        "paper": {
            "loss": "wgan",
            "regularizer": ["gp", "drift"],
            "schedule": ["progressive"],
            "generator.z_dim": 512,
            "generator.width": 64,
            "generator.max_width": 512,
            "discriminator.width": 64,
            "discriminator.max_width": 512,
            "schedule.progressive.start": 4,
            "schedule.progressive.stage_kimg": 600,
            "schedule.progressive.fade_kimg": 600,
            "optimizer.generator.learning_rate": 1e-3,
            "optimizer.discriminator.learning_rate": 1e-3,
            "training.batch_size": 64,
            "training.kimg": 12000,
        },
    },
    sizes=_SIZES,
    year=2018,
    paper=_PAPER,
    aliases=("pggan",),
    step="ganzoo_progan.step:step",
    pretrained="ganzoo_progan:progan.safetensors",
    reading=(
        "D(real) starts at 0.5 and rises to about 0.65, D(fake) mirrors it. Both jump where a"
        " stage or a fade begins: networks and images change, and optimizers begin anew. Pictures"
        " are mosaics at first; a new stage looks worse than the one before until its fade is"
        " over. D acc near 100 % for long: raise regularizer.r1.weight."
    ),
)

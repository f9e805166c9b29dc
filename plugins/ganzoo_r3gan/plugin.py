"""What this plugin offers; light, so that listing it imports no torch."""

from collections.abc import Iterable

from ganzoo import Component, Recipe, hookimpl

_SIZES = (32, 64, 128, 256)
_PAPER = (
    "The GAN is dead; long live the GAN! A Modern Baseline GAN (Huang et al., 2024),"
    " https://arxiv.org/abs/2501.05441"
)


@hookimpl
def ganzoo_register() -> Iterable[Component | Recipe]:
    """Return both networks and the recipe that joins them."""
    return (
        Component(
            "generator",
            "r3gan",
            "ganzoo_r3gan.networks:R3Generator",
            "residual blocks that begin as the identity, blurred doublings; no norm",
            sizes=_SIZES,
            paper=_PAPER,
            expected_failures={"range": "its colours are linear, as in the paper"},
        ),
        Component(
            "discriminator",
            "r3gan",
            "ganzoo_r3gan.networks:R3Discriminator",
            "the same blocks the other way round, compared with a vector of the class",
            sizes=_SIZES,
            paper=_PAPER,
        ),
        _R3GAN,
    )


_R3GAN = Recipe(
    name="r3gan",
    summary="each real image against its fake, flat around both; no tricks besides",
    parts={
        "generator": "r3gan",
        "discriminator": "r3gan",
        "loss": "rpgan",
        "regularizer": ["r1", "r2"],
        "schedule": ["cosine"],
    },
    set={
        "generator.width": 8,
        "generator.max_width": 64,
        "discriminator.width": 8,
        "discriminator.max_width": 64,
        "regularizer.r1.weight": 0.3,
        "regularizer.r2.weight": 0.3,
        "schedule.cosine.final": 0.1,
        "schedule.cosine.beta2": 0.99,
        "schedule.cosine.ema_halflife_kimg": 10,
        "optimizer.generator.learning_rate": 4e-3,
        "optimizer.generator.betas": [0.0, 0.9],
        "optimizer.discriminator.learning_rate": 4e-3,
        "optimizer.discriminator.betas": [0.0, 0.9],
        "training.batch_size": 32,
        "training.kimg": 150,
        "training.resolution": 32,
    },
    presets={
        "quick": {"training.kimg": 100, "schedule.cosine.ema_halflife_kimg": 5},
        "lite": {
            "generator.width": 64,
            "generator.max_width": 256,
            "discriminator.width": 64,
            "discriminator.max_width": 256,
            "schedule.cosine.ema_halflife_kimg": 250,
            "optimizer.generator.learning_rate": 5e-4,
            "optimizer.discriminator.learning_rate": 5e-4,
            "training.batch_size": 256,
            "training.kimg": 5000,
        },
        "paper": {
            "generator.width": 768,
            "generator.max_width": 768,
            "generator.blocks": 2,
            "discriminator.width": 768,
            "discriminator.max_width": 768,
            "discriminator.blocks": 2,
            "regularizer.r1.weight": 0.05,
            "regularizer.r2.weight": 0.05,
            "schedule.cosine.final": 0.25,
            "schedule.cosine.penalty": 0.1,
            "schedule.cosine.ema_halflife_kimg": 5000,
            "optimizer.generator.learning_rate": 2e-4,
            "optimizer.discriminator.learning_rate": 2e-4,
            "training.batch_size": 512,
            "augment": ["ada"],
            "augment.ada.target": "none",
            "augment.ada.final": 0.55,
            "augment.ada.pipe": ["blit", "geometric", "color", "cutout"],
            "augment.ada.color_share": 0.5,
            "training.ema_ramp": "none",
            "training.kimg": 20000,
        },
    },
    sizes=_SIZES,
    year=2024,
    paper=_PAPER,
    reported="CIFAR-10 FID 1.96 (its paper)",
    step="ganzoo_r3gan.step:step",
    pretrained="ganzoo_r3gan:r3gan.safetensors",
    reading=(
        "Only differences of logits count, so C(real) and C(fake) may drift together; the gap"
        " between them tells. D loss starts at 0.69, where it cannot tell real from fake, falls"
        " at once and then rises slowly towards 0.69 as fakes improve; near 0 for long means that"
        " the discriminator wins: raise the weights of r1 and r2 together. D r1 and D r2 are of"
        " one size in a healthy run."
    ),
)

"""What this plugin offers; light, so that listing it imports no torch."""

from collections.abc import Iterable

from ganzoo import Component, Recipe, hookimpl

_SIZES = (32, 28, 64, 128, 256)
_PAPER = (
    "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial Networks"
    " (Radford et al., 2015), https://arxiv.org/abs/1511.06434"
)


@hookimpl
def ganzoo_register() -> Iterable[Component | Recipe]:
    """Return two networks and the recipe that joins them."""
    return (
        Component(
            "generator",
            "dcgan",
            "ganzoo_dcgan.networks:DCGANGenerator",
            "transposed convolutions with batch norm",
            sizes=_SIZES,
            paper=_PAPER,
        ),
        Component(
            "discriminator",
            "dcgan",
            "ganzoo_dcgan.networks:DCGANDiscriminator",
            "strided convolutions, with batch norm or without",
            sizes=_SIZES,
            paper=_PAPER,
        ),
        _DCGAN,
    )


_DCGAN = Recipe(
    name="dcgan",
    summary="convolutions all the way; quick and steady",
    parts={
        "generator": "dcgan",
        "discriminator": "dcgan",
        "loss": "ns",
        "regularizer": ["r1"],
        "schedule": ["decay"],
    },
    set={
        "generator.width": 16,
        "generator.z_dim": 64,
        "generator.codes": 20,
        "discriminator.width": 16,
        "discriminator.norm": "none",
        "regularizer.r1.weight": 0.1,
        "regularizer.r1.interval": 4,
        "optimizer.generator.learning_rate": 2e-3,
        "optimizer.generator.betas": [0.0, 0.99],
        "optimizer.discriminator.learning_rate": 2e-3,
        "optimizer.discriminator.betas": [0.0, 0.99],
        "training.batch_size": 32,
        "training.kimg": 300,
        "training.resolution": 32,
        "training.ema_halflife_kimg": 10,
    },
    presets={
        "quick": {"training.kimg": 100},
        "paper": {
            "generator.codes": 0,
            "generator.width": 64,
            "generator.z_dim": 100,
            "discriminator.width": 64,
            "discriminator.norm": "batch",
            "regularizer": [],
            "schedule": [],
            "optimizer.generator.learning_rate": 2e-4,
            "optimizer.generator.betas": [0.5, 0.999],
            "optimizer.discriminator.learning_rate": 2e-4,
            "optimizer.discriminator.betas": [0.5, 0.999],
            "training.batch_size": 128,
            "training.kimg": 1500,
        },
    },
    sizes=_SIZES,
    year=2015,
    paper=_PAPER,
    reported="CIFAR-10 FID 48.29 (StudioGAN), 28.95 with ResNets (mimicry)",
    step="ganzoo_dcgan.step:step",
    pretrained="ganzoo_dcgan:dcgan.safetensors",
    reading=(
        "D(real) and D(fake) start at 0.5 and part; a healthy run keeps D(real) near 0.5 to 0.7"
        " and D(fake) near 0.3 to 0.5, and r1 small and steady. D acc near 1 for long means that"
        " the discriminator wins: raise regularizer.r1.weight. All three at 0.5 means that it"
        " sees nothing: lower the weight or the learning rates. Losses do not fall: they are a"
        " game, so look at the pictures. Strokes appear first, then whole shapes."
    ),
)

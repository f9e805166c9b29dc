"""What this plugin offers; light, so that listing it imports no torch."""

from collections.abc import Iterable, Mapping
from typing import Any

from ganzoo import Component, Recipe, hookimpl

_SIZES = (32, 28, 64, 128, 256)
_MIRZA = (
    "Conditional Generative Adversarial Nets (Mirza and Osindero, 2014),"
    " https://arxiv.org/abs/1411.1784"
)
_MIYATO = (
    "cGANs with Projection Discriminator (Miyato and Koyama, 2018),"
    " https://arxiv.org/abs/1802.05637"
)
_ODENA = (
    "Conditional Image Synthesis with Auxiliary Classifier GANs (Odena et al., 2017),"
    " https://arxiv.org/abs/1610.09585"
)


@hookimpl
def ganzoo_register() -> Iterable[Component | Recipe]:
    """Return a generator, two discriminators, a regularizer and the recipes that join them."""
    return (*_PARTS, _CGAN, _ACGAN)


_PARTS = (
    Component(
        "generator",
        "cgan",
        "ganzoo_cgan.networks:ConditionalGenerator",
        "transposed convolutions, told the class beside z or in their norms",
        sizes=_SIZES,
        paper=_MIRZA,
    ),
    Component(
        "discriminator",
        "projection",
        "ganzoo_cgan.networks:ProjectionDiscriminator",
        "strided convolutions; the logit is also an inner product with the class",
        sizes=_SIZES,
        paper=_MIYATO,
    ),
    Component(
        "discriminator",
        "acgan",
        "ganzoo_cgan.networks:AuxiliaryClassifierDiscriminator",
        "strided convolutions; it is not told the class, it names it",
        sizes=_SIZES,
        provides=("class_logits",),
        paper=_ODENA,
    ),
    Component(
        "regularizer",
        "auxiliary",
        "ganzoo_cgan.regularizers:AuxiliaryClassifier",
        "both players gain when the discriminator names the right class",
        needs=("class_logits",),
        paper=_ODENA,
    ),
)

_SETTINGS: Mapping[str, Any] = {
    "generator.width": 16,
    "generator.z_dim": 64,
    "discriminator.width": 16,
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
}

_READING = (
    "D(real) and D(fake) start at 0.5 and part; a healthy run keeps D(real) near 0.5 to 0.7 and"
    " D(fake) near 0.3 to 0.5. In the grid of samples each column is one class: columns become"
    " pure before the strokes become clean."
)

_CGAN = Recipe(
    name="cgan",
    summary="both players are told the class",
    parts={
        "generator": "cgan",
        "discriminator": "projection",
        "loss": "ns",
        "regularizer": ["r1"],
        "schedule": ["decay"],
    },
    set=_SETTINGS,
    presets={
        "quick": {"training.kimg": 100},
        "paper": {
            "generator": "mlp",
            "generator.width": 256,
            "generator.z_dim": 100,
            "discriminator": "mlp",
            "discriminator.width": 256,
            "regularizer": [],
            "schedule": [],
            "optimizer.generator.learning_rate": 2e-4,
            "optimizer.generator.betas": [0.5, 0.999],
            "optimizer.discriminator.learning_rate": 2e-4,
            "optimizer.discriminator.betas": [0.5, 0.999],
            "training.batch_size": 100,
            "training.resolution": 28,
            "training.kimg": 12000,
        },
    },
    conditional=True,
    sizes=_SIZES,
    year=2014,
    paper=_MIRZA,
    reported="CIFAR-10 FID 10.84 with a projection discriminator (mimicry)",
    step="ganzoo_cgan.step:cgan",
    pretrained="ganzoo_cgan:cgan.safetensors",
    reading=_READING,
)

_ACGAN = Recipe(
    name="acgan",
    summary="the discriminator names the class",
    parts={
        "generator": "cgan",
        "discriminator": "acgan",
        "loss": "ns",
        "regularizer": ["r1", "auxiliary"],
        "schedule": ["decay"],
    },
    set=_SETTINGS,
    presets={
        "quick": {"training.kimg": 100},
        "paper": {
            "generator.width": 64,
            "generator.z_dim": 100,
            "discriminator.width": 64,
            "regularizer": ["auxiliary"],
            "regularizer.auxiliary.generator_share": 1.0,
            "regularizer.auxiliary.fakes": True,
            "schedule": [],
            "optimizer.generator.learning_rate": 2e-4,
            "optimizer.generator.betas": [0.5, 0.999],
            "optimizer.discriminator.learning_rate": 2e-4,
            "optimizer.discriminator.betas": [0.5, 0.999],
            "training.batch_size": 100,
            "training.kimg": 3000,
        },
    },
    conditional=True,
    sizes=_SIZES,
    year=2016,
    paper=_ODENA,
    step="ganzoo_cgan.step:acgan",
    pretrained="ganzoo_cgan:acgan.safetensors",
    reading=_READING + " D auxiliary falls quickly from ln(classes), 2.3 for ten, towards 0: the"
    " discriminator can read. G auxiliary follows when the generator can write.",
)

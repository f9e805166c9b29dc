"""What this plugin offers; light, so that listing it imports no torch."""

from collections.abc import Iterable

from ganzoo import Component, Recipe, hookimpl

_SIZES = (64, 32, 128, 256)
_PAPER = (
    "Analyzing and Improving the Image Quality of StyleGAN (Karras et al., 2020),"
    " https://arxiv.org/abs/1912.04958"
)


@hookimpl
def ganzoo_register() -> Iterable[Component | Recipe]:
    """Return both networks, path length, and the recipe that joins them."""
    return (
        Component(
            "generator",
            "stylegan",
            "ganzoo_stylegan.networks:StyleGenerator",
            "z to w, and every layer in the style of w; noise for every pixel",
            sizes=_SIZES,
            provides=("w",),
            paper=_PAPER,
            expected_failures={"range": "its colours are linear, as in the paper"},
        ),
        Component(
            "discriminator",
            "stylegan",
            "ganzoo_stylegan.networks:StyleDiscriminator",
            "residual and blurred, minibatch stddev, compared with a mapped label",
            sizes=_SIZES,
            paper=_PAPER,
        ),
        Component(
            "regularizer",
            "path-length",
            "ganzoo_stylegan.regularizers:PathLength",
            "a step in w is a step of one size in the picture",
            needs=("w",),
            paper=_PAPER,
        ),
        _STYLEGAN,
    )


_STYLEGAN = Recipe(
    name="stylegan-lite",
    summary="styles from a mapped latent, noise for detail; StyleGAN2 made small",
    parts={
        "dataset": "critters",
        "generator": "stylegan",
        "discriminator": "stylegan",
        "loss": "ns",
        "regularizer": ["r1", "path-length"],
        "schedule": ["decay"],
    },
    set={
        "generator.z_dim": 64,
        "generator.width": 8,
        "generator.max_width": 64,
        "discriminator.width": 8,
        "discriminator.max_width": 64,
        "discriminator.label_layers": 2,
        "regularizer.r1.weight": 1.0,
        "regularizer.r1.interval": 8,
        "optimizer.generator.learning_rate": 5e-3,
        "optimizer.generator.betas": [0.0, 0.99],
        "optimizer.discriminator.learning_rate": 5e-3,
        "optimizer.discriminator.betas": [0.0, 0.99],
        "training.batch_size": 16,
        "training.kimg": 150,
        "training.ema_halflife_kimg": 10,
    },
    presets={
        "quick": {
            "optimizer.generator.learning_rate": 3e-3,
            "optimizer.discriminator.learning_rate": 3e-3,
            "training.resolution": 32,
        },
        "lite": {
            "generator.z_dim": 256,
            "generator.width": 64,
            "generator.max_width": 256,
            "discriminator.width": 64,
            "discriminator.max_width": 256,
            "schedule": [],
            "regularizer.r1.weight": "none",
            "regularizer.r1.interval": 16,
            "optimizer.generator.learning_rate": 2.5e-3,
            "optimizer.discriminator.learning_rate": 2.5e-3,
            "training.batch_size": 32,
            "training.ema_halflife_kimg": 100,
            "training.kimg": 5000,
        },
        "paper": {
            "generator.z_dim": 512,
            "generator.width": 64,
            "generator.max_width": 512,
            "generator.mapping_layers": 8,
            "discriminator.width": 64,
            "discriminator.max_width": 512,
            "discriminator.group": 8,
            "discriminator.label_layers": 8,
            "schedule": [],
            "regularizer.r1.weight": "none",
            "regularizer.r1.interval": 16,
            "optimizer.generator.learning_rate": 2.5e-3,
            "optimizer.discriminator.learning_rate": 2.5e-3,
            "training.batch_size": 32,
            "training.ema_halflife_kimg": 10,
            "training.kimg": 25000,
        },
    },
    sizes=_SIZES,
    year=2020,
    paper=_PAPER,
    reported="CIFAR-10 FID 2.31 as StyleGAN2-ADA with classes (StudioGAN)",
    aliases=("stylegan2",),
    step="ganzoo_stylegan.step:step",
    pretrained="ganzoo_stylegan:stylegan-lite.safetensors",
    reading=(
        "D(real) starts at 0.5 and rises to about 0.7, D(fake) mirrors it; both near 0.5 for long"
        " after the first minutes means that the discriminator learns too little, D(fake) near 0"
        " that it wins: raise regularizer.r1.weight. D r1 is small and noisy. Look at the"
        " pictures: shapes come first, faces after some 50 kimg, fine parts last."
    ),
)

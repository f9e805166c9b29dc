"""What this plugin offers; light, so that listing it imports no torch."""

from collections.abc import Iterable, Mapping
from typing import Any

from ganzoo import Component, Recipe, hookimpl

_SIZES = (32, 28, 64, 128)


@hookimpl
def ganzoo_register() -> Iterable[Component | Recipe]:
    """Return the two recipes, and two networks of 28 px; all others are other plugins'."""
    return (*_PARTS, _WGAN, _WGAN_GP)


_GULRAJANI = (
    "Improved Training of Wasserstein GANs (Gulrajani et al., 2017),"
    " https://arxiv.org/abs/1704.00028"
)

_PARTS = (
    Component(
        "generator",
        "mnist28",
        "ganzoo_wgan.networks:MnistGenerator",
        "transposed convolutions of 5x5 without norm, as WGAN-GP drew digits",
        sizes=(28,),
        paper=_GULRAJANI,
    ),
    Component(
        "discriminator",
        "mnist28",
        "ganzoo_wgan.networks:MnistDiscriminator",
        "strided convolutions of 5x5 without norm, as WGAN-GP judged digits",
        sizes=(28,),
        paper=_GULRAJANI,
    ),
)


_NETWORKS: Mapping[str, Any] = {
    "generator.width": 16,
    "generator.z_dim": 64,
    "discriminator.width": 16,
    "training.batch_size": 64,
    "training.resolution": 32,
    "training.ema_halflife_kimg": 10,
}

_WGAN = Recipe(
    name="wgan",
    summary="scores, not verdicts; the weights are clipped",
    parts={
        "generator": "dcgan",
        "discriminator": "dcgan",
        "loss": "wgan",
        "regularizer": ["clip"],
    },
    set={
        **_NETWORKS,
        "discriminator.norm": "batch",
        "regularizer.clip.limit": 0.03,
        "algorithm.d_steps": 2,
        "optimizer.generator.use": "rmsprop",
        "optimizer.generator.learning_rate": 5e-4,
        "optimizer.discriminator.use": "rmsprop",
        "optimizer.discriminator.learning_rate": 5e-4,
        "training.kimg": 900,
    },
    presets={
        "quick": {"training.kimg": 480},
        "paper": {
            "generator.width": 64,
            "generator.z_dim": 100,
            "discriminator.width": 64,
            "regularizer.clip.limit": 0.01,
            "algorithm.d_steps": 5,
            "optimizer.generator.learning_rate": 5e-5,
            "optimizer.discriminator.learning_rate": 5e-5,
            "training.kimg": 32000,
        },
    },
    sizes=_SIZES,
    year=2017,
    paper="Wasserstein GAN (Arjovsky et al., 2017), https://arxiv.org/abs/1701.07875",
    step="ganzoo_wgan.step:wgan",
    pretrained="ganzoo_wgan:wgan.safetensors",
    reading=(
        "C(real) and C(fake) are scores without a scale; only their gap says something: how far"
        " the discriminator still tells fakes from real images. A healthy gap rises at once and"
        " then falls slowly while the pictures get better. A gap that stays near 0 from the start"
        " means that the weights are too small to see anything: raise regularizer.clip.limit."
    ),
)

_WGAN_GP = Recipe(
    name="wgan-gp",
    summary="scores, and a penalty holds the slope at 1",
    parts={
        "generator": "dcgan",
        "discriminator": "dcgan",
        "loss": "wgan",
        "regularizer": ["gp"],
        "schedule": ["decay"],
    },
    set={
        **_NETWORKS,
        "discriminator.norm": "none",
        "optimizer.generator.learning_rate": 1e-3,
        "optimizer.generator.betas": [0.0, 0.9],
        "optimizer.discriminator.learning_rate": 4e-3,
        "optimizer.discriminator.betas": [0.0, 0.9],
        "training.kimg": 400,
    },
    presets={
        "quick": {"schedule": [], "training.kimg": 240},
        "paper": {
            "generator": "resnet",
            "discriminator": "resnet",
            "discriminator.norm": "none",
            "discriminator.pool": "mean",
            "schedule.decay.start": 0.0,
            "algorithm.d_steps": 5,
            "optimizer.generator.learning_rate": 2e-4,
            "optimizer.discriminator.learning_rate": 2e-4,
            "training.kimg": 32000,
        },
        "mnist28": {
            "generator": "mnist28",
            "generator.z_dim": 128,
            "discriminator": "mnist28",
            "schedule": [],
            "algorithm.d_steps": 5,
            "optimizer.generator.learning_rate": 1e-4,
            "optimizer.generator.betas": [0.5, 0.9],
            "optimizer.discriminator.learning_rate": 1e-4,
            "optimizer.discriminator.betas": [0.5, 0.9],
            "training.batch_size": 50,
            "training.resolution": 28,
            "training.kimg": 50000,
        },
    },
    sizes=_SIZES,
    year=2017,
    paper=_GULRAJANI,
    reported="CIFAR-10 FID 22.29 (mimicry)",
    aliases=("wgangp",),
    step="ganzoo_wgan.step:wgan_gp",
    pretrained="ganzoo_wgan:wgan-gp.safetensors",
    reading=(
        "C(real) and C(fake) are scores without a scale; their gap is an estimate of the distance"
        " between real and made images. It rises in the first thousands of images and then falls"
        " slowly while the pictures get better; D loss is minus the gap, so a negative one is"
        " normal. gp near 0 means that the slope is near 1; gp that grows means that D's"
        " learning rate is too large."
    ),
)

"""What this package offers; light, so that listing it imports no torch."""

from collections.abc import Iterable

from ganzoo import Component, Recipe, hookimpl

_SIZES = (32, 64, 128, 256)
_PAPER = (
    "Image-to-Image Translation with Conditional Adversarial Networks (Isola et al., 2017),"
    " https://arxiv.org/abs/1611.07004"
)
_SRGAN = (
    "Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network"
    " (Ledig et al., 2017), https://arxiv.org/abs/1609.04802"
)


@hookimpl
def ganzoo_register() -> Iterable[Component | Recipe]:
    """Return two networks, a penalty, an algorithm, two data sets and two recipes."""
    return (
        Component(
            "generator",
            "unet",
            "ganzoo_translation.networks:UNet",
            "an image down to 4 px and up again, with connections across",
            sizes=_SIZES,
            paper=_PAPER,
        ),
        Component(
            "discriminator",
            "patch",
            "ganzoo_translation.networks:Patch",
            "judges each patch of an image beside what it was made of",
            sizes=_SIZES,
            paper=_PAPER,
        ),
        Component(
            "regularizer",
            "l1",
            "ganzoo_translation.games:L1",
            "how far a made image is from the one that it should be",
            paper=_PAPER,
        ),
        Component(
            "algorithm",
            "warm-up",
            "ganzoo_translation.games:WarmUp",
            "the generator learns by its penalties alone before the game begins",
            paper=_SRGAN,
        ),
        Component(
            "dataset",
            "outlines",
            "ganzoo_translation.pairs:Outlines",
            "pictures of another data set, and their outlines",
            extractors=("colour", "pca"),
        ),
        Component(
            "dataset",
            "halved",
            "ganzoo_translation.pairs:Halved",
            "pictures of another data set, and the same at half the resolution",
            extractors=("colour", "pca"),
        ),
        _PIX2PIX,
        _SUPER_RESOLUTION,
    )


_PIX2PIX = Recipe(
    name="pix2pix",
    summary="outlines become pictures: a U-Net against a judge of patches",
    parts={
        "dataset": "outlines",
        "generator": "unet",
        "discriminator": "patch",
        "loss": "ns",
        "regularizer": ["l1"],
    },
    set={
        "regularizer.l1.weight": 10.0,  # colours cannot be known: more of it only blurs them
        "optimizer.generator.learning_rate": 5e-4,
        "optimizer.generator.betas": [0.5, 0.999],
        "optimizer.discriminator.learning_rate": 5e-4,
        "optimizer.discriminator.betas": [0.5, 0.999],
        "training.resolution": 32,
        "training.batch_size": 16,
        "training.kimg": 200,
    },
    presets={"quick": {"training.kimg": 40}},
    conditional=True,
    sizes=_SIZES,
    year=2017,
    paper=_PAPER,
    reading="G l1 falls a little and levels off, as nothing tells the colours; D acc near 0.6 is a"
    " good game, and 1.0 a judge that teaches nothing.",
)

_SUPER_RESOLUTION = Recipe(
    name="super-resolution",
    summary="small pictures become pictures of twice the side",
    parts={
        "dataset": "halved",
        "algorithm": "warm-up",
        "generator": "unet",
        "discriminator": "patch",
        "loss": "ns",
        "regularizer": ["l1"],
    },
    set={
        **_PIX2PIX.set,
        "algorithm.kimg": 20,
        "regularizer.l1.weight": 50.0,
        "optimizer.generator.learning_rate": 2e-4,
        "optimizer.discriminator.learning_rate": 2e-4,
    },
    presets={"quick": {"training.kimg": 40, "algorithm.kimg": 10}},
    conditional=True,
    sizes=_SIZES,
    year=2017,
    paper=_SRGAN,
    expected_failures={"two steps": "the discriminator rests while the generator learns alone"},
    reading="Until the game begins there is nothing but G l1; then it rises a little, as sharp"
    " pictures miss by more than blurred ones.",
)

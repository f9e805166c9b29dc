"""What this plugin offers; light: it says where the code is, and imports no torch."""

from collections.abc import Iterable

from ganzoo import Component, Recipe, hookimpl

_SIZES = (32, 16, 64, 128, 256)
_PAPER = (
    "Towards Faster and Stabilized GAN Training for High-fidelity Few-shot Image Synthesis"
    " (Liu et al., 2021), https://arxiv.org/abs/2101.04775"
)


@hookimpl
def ganzoo_register() -> Iterable[Component | Recipe]:
    """Return two networks, a penalty and the model that joins them."""
    return (
        Component(
            "generator",
            "fastgan",
            "ganzoo_fastgan.networks:FastGANGenerator",
            "coarse maps scale the channels of fine ones",
            sizes=_SIZES,
            paper=_PAPER,
        ),
        Component(
            "discriminator",
            "fastgan",
            "ganzoo_fastgan.networks:FastGANDiscriminator",
            "judges patches, and draws each image again from what it saw",
            sizes=_SIZES,
            provides=("reconstruction_error",),
            paper=_PAPER,
        ),
        Component(
            "regularizer",
            "reconstruction",
            "ganzoo_fastgan.networks:Reconstruction",
            "what the discriminator sees of a real image must do to draw it again",
            needs=("reconstruction_error",),
            paper=_PAPER,
        ),
        Recipe(
            name="fastgan",
            summary="a small generator with shortcuts, and a judge that must remember",
            parts={
                "generator": "fastgan",
                "discriminator": "fastgan",
                "loss": "hinge",
                "regularizer": ["reconstruction"],
            },
            set={
                "optimizer.generator.learning_rate": 1e-3,
                "optimizer.discriminator.learning_rate": 1e-3,
                "training.batch_size": 32,
                "training.kimg": 200,
            },
            presets={"quick": {"training.kimg": 20}},
            sizes=_SIZES,
            year=2021,
            paper=_PAPER,
            reading=(
                "D loss starts near 2, falls at first, and comes back to a little below 2; D"
                " reconstruction falls to a few hundredths. D loss near 0 for long: the"
                " discriminator is winning."
            ),
        ),
    )

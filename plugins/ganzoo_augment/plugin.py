"""What this plugin offers; light, so that listing it imports no torch."""

from collections.abc import Iterable

from ganzoo import Component, Recipe, component, hookimpl


@hookimpl
def ganzoo_register() -> Iterable[Component | Recipe]:
    """Return both augmentations."""
    return (
        component(
            "augment",
            "diffaugment",
            "ganzoo_augment.diffaugment:DiffAugment",
            "colour, shift and a hole for every image; a light help for little data",
            paper="Differentiable Augmentation for Data-Efficient GAN Training"
            " (Zhao et al., 2020), https://arxiv.org/abs/2006.10738",
            aliases=("diffaug",),
        ),
        component(
            "augment",
            "ada",
            "ganzoo_augment.ada:Ada",
            "random changes, the more often the more the discriminator overfits",
            paper="Training Generative Adversarial Networks with Limited Data"
            " (Karras et al., 2020), https://arxiv.org/abs/2006.06676",
        ),
    )

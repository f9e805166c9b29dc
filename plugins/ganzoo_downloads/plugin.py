"""What this plugin offers; light, so that listing it imports no torch."""

from collections.abc import Iterable

from ganzoo import Component, Recipe, hookimpl


@hookimpl
def ganzoo_register() -> Iterable[Component | Recipe]:
    """Return four data sets."""
    return (
        Component(
            "dataset",
            "mnist",
            "ganzoo_downloads.torchvision_sets:Mnist",
            "handwritten digits, 28 px, grey, 10 classes; 60,000 images",
            paper="Gradient-based learning applied to document recognition (LeCun et al., 1998)",
            extractors=("lenet", "pca"),
        ),
        Component(
            "dataset",
            "stacked-mnist",
            "ganzoo_downloads.stacked:StackedMnist",
            "three digits of mnist as one colour picture, 28 px, 1,000 classes; 60,000 images",
            paper="Unrolled GANs (Metz et al., 2017), https://arxiv.org/abs/1611.02163",
        ),
        Component(
            "dataset",
            "fashion-mnist",
            "ganzoo_downloads.torchvision_sets:FashionMnist",
            "pieces of clothing, 28 px, grey, 10 classes; 60,000 images",
            paper="Fashion-MNIST (Xiao et al., 2017), https://arxiv.org/abs/1708.07747",
            extractors=("pca",),
        ),
        Component(
            "dataset",
            "cifar10",
            "ganzoo_downloads.torchvision_sets:Cifar10",
            "small photographs, 32 px, colour, 10 classes; 50,000 images",
            paper="Learning Multiple Layers of Features from Tiny Images (Krizhevsky, 2009)",
            aliases=("cifar-10",),
            extractors=("colour", "pca"),
        ),
    )

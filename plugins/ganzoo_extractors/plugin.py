"""What this plugin offers; light, so that listing it imports no torch."""

from collections.abc import Iterable

from ganzoo import Component, Recipe, hookimpl


@hookimpl
def ganzoo_register() -> Iterable[Component | Recipe]:
    """Return four extractors."""
    return (
        Component(
            "extractor",
            "lenet",
            "ganzoo_extractors.classifiers:Lenet",
            "128 features of a classifier of MNIST's digits; its weights are in the package",
        ),
        Component(
            "extractor",
            "lenet-digits",
            "ganzoo_extractors.classifiers:LenetDigits",
            "128 features of a classifier of ganzoo's drawn digits; weights in the package",
        ),
        Component(
            "extractor",
            "colour",
            "ganzoo_extractors.classifiers:Colour",
            "128 features of a classifier of CIFAR-10's photographs; weights in the package",
            aliases=("color",),
        ),
        Component(
            "extractor",
            "pca",
            "ganzoo_extractors.pca:Pca",
            "64 principal components of the reference's pixels; no label shaped them",
        ),
    )

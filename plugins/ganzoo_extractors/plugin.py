"""What this plugin offers; light, so that listing it imports no torch."""

from collections.abc import Iterable

from ganzoo import Component, Recipe, hookimpl

_LENET = (
    "after LeNet-5 of Gradient-Based Learning Applied to Document Recognition, section II.B"
    " (LeCun et al., 1998)"
)


@hookimpl
def ganzoo_register() -> Iterable[Component | Recipe]:
    """Return four extractors."""
    return (
        Component(
            "extractor",
            "lenet",
            "ganzoo_extractors.classifiers:Lenet",
            "128 features of a classifier of MNIST's digits; its weights are in the package",
            paper=_LENET,
        ),
        Component(
            "extractor",
            "lenet-digits",
            "ganzoo_extractors.classifiers:LenetDigits",
            "128 features of a classifier of ganzoo's drawn digits; weights in the package",
            paper=_LENET,
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
            paper="Principal Component Analysis, section 1.1 (Jolliffe, 2002)",
        ),
    )

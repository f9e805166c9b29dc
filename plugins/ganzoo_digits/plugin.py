"""What this plugin offers; light, so that listing it imports no torch."""

from collections.abc import Iterable

from ganzoo import Component, Recipe, hookimpl


@hookimpl
def ganzoo_register() -> Iterable[Component | Recipe]:
    """Return one data set."""
    return (
        Component(
            "dataset",
            "digits",
            "ganzoo_digits.digits:Digits",
            "handwriting drawn from strokes at any resolution, 10 classes; made here, no download",
            extractors=("lenet-digits", "pca"),
        ),
    )

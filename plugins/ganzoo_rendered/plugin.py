"""What this plugin offers; light, so that listing it imports no torch."""

from collections.abc import Iterable

from ganzoo import Component, Recipe, hookimpl


@hookimpl
def ganzoo_register() -> Iterable[Component | Recipe]:
    """Return two data sets."""
    return (
        Component(
            "dataset",
            "critters",
            "ganzoo_rendered.critters:Critters",
            "cartoon animals in colour, 29 known factors, 4 kinds of ears; made here, no download",
            extractors=("colour", "pca"),
        ),
        Component(
            "dataset",
            "scenes",
            "ganzoo_rendered.scenes:Scenes",
            "ray-traced shapes in colour, 8 known factors, 4 shapes; made here, no download",
            extractors=("colour", "pca"),
        ),
    )

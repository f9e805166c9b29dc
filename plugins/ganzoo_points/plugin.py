"""What this plugin offers; light, so that listing it imports no torch."""

from collections.abc import Iterable

from ganzoo import Component, Recipe, hookimpl


@hookimpl
def ganzoo_register() -> Iterable[Component | Recipe]:
    """Return three data sets, and how points are judged."""
    return (
        Component(
            "dataset",
            "ring2d",
            "ganzoo_points.points:Ring2d",
            "points of 8 Gaussians on a circle, a class each; made here, no download",
            paper="Unrolled GANs (Metz et al., 2017), https://arxiv.org/abs/1611.02163",
            extractors=("coordinates",),
            metrics=("modes", "frechet"),
        ),
        Component(
            "dataset",
            "grid2d",
            "ganzoo_points.points:Grid2d",
            "points of 5 x 5 Gaussians, a class each; made here, no download",
            paper="VEEGAN (Srivastava et al., 2017), https://arxiv.org/abs/1705.07761",
            extractors=("coordinates",),
            metrics=("modes", "frechet"),
        ),
        Component(
            "dataset",
            "spiral2d",
            "ganzoo_points.points:Spiral2d",
            "points along two arms that wind around the middle, 2 classes; made here, no download",
            extractors=("coordinates",),
            metrics=("frechet",),
        ),
        Component(
            "extractor",
            "coordinates",
            "ganzoo_points.judged:Coordinates",
            "x and y of a point",
        ),
        Component(
            "metric",
            "modes",
            "ganzoo_points.judged:ModesFound",
            "modes of ring2d or grid2d that were found, and the share of points near one",
            paper="VEEGAN (Srivastava et al., 2017), https://arxiv.org/abs/1705.07761",
        ),
    )

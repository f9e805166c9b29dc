"""What this plugin offers; light, so that listing it imports no torch."""

from collections.abc import Iterable

from ganzoo import Component, Recipe, hookimpl


@hookimpl
def ganzoo_register() -> Iterable[Component | Recipe]:
    """Return five metrics."""
    return (
        Component(
            "metric",
            "frechet",
            "ganzoo_metrics.distances:Frechet",
            "FD: squared distance of two Gaussians with the moments of both sets",
            paper="GANs Trained by a Two Time-Scale Update Rule (Heusel et al., 2017),"
            " https://arxiv.org/abs/1706.08500",
        ),
        Component(
            "metric",
            "kernel",
            "ganzoo_metrics.distances:Kernel",
            "KD: squared discrepancy with a cubic kernel; unbiased, for few images",
            paper="Demystifying MMD GANs (Binkowski et al., 2018),"
            " https://arxiv.org/abs/1801.01401",
        ),
        Component(
            "metric",
            "prdc",
            "ganzoo_metrics.neighbours:Neighbours",
            "precision, recall, density, coverage: who lies within whose neighbourhood",
            paper="Reliable Fidelity and Diversity Metrics for Generative Models"
            " (Naeem et al., 2020), https://arxiv.org/abs/2002.09797",
        ),
        Component(
            "metric",
            "classes",
            "ganzoo_metrics.classes:Classes",
            "classes that are there and how unevenly, and fakes of the class asked for",
            paper="the divergence after Unrolled Generative Adversarial Networks, section 3.3.1"
            " (Metz et al., 2017), https://arxiv.org/abs/1611.02163",
        ),
        Component(
            "metric",
            "copies",
            "ganzoo_metrics.copies:Copies",
            "fakes that repeat the data or each other, in pixels",
            paper="A Non-Parametric Test to Detect Data-Copying in Generative Models"
            " (Meehan et al., 2020), https://arxiv.org/abs/2004.05675",
        ),
    )

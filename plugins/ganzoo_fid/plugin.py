"""What this plugin offers; light, so that listing it imports no torch."""

from collections.abc import Iterable

from ganzoo import Component, Recipe, hookimpl


@hookimpl
def ganzoo_register() -> Iterable[Component | Recipe]:
    """Return one extractor."""
    return (
        Component(
            "extractor",
            "inception",
            "ganzoo_fid.inception:Inception",
            'what published FIDs are measured in; needs pip install "torch-ganzoo[fid]"',
            paper="GANs Trained by a Two Time-Scale Update Rule (Heusel et al., 2017),"
            " https://arxiv.org/abs/1706.08500",
        ),
    )

"""What this plugin offers; light, so that listing it imports no torch."""

from collections.abc import Iterable

from ganzoo import Component, Recipe, hookimpl


@hookimpl
def ganzoo_register() -> Iterable[Component | Recipe]:
    """Return one data set."""
    return (
        Component(
            "dataset",
            "folder",
            "ganzoo_folder.folder:Folder",
            "your own pictures: a folder or a zip, flat or with one folder a class",
        ),
    )

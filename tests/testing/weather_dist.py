"""Forges an installed plugin: a light module and the metadata of a distribution, in a folder."""

from collections.abc import Mapping
from pathlib import Path

PARTS = {
    ("generator", "cloud"): "Cloud",
    ("discriminator", "judge"): "Judge",
    ("loss", "fog"): "Fog",
}
"""What a sound plugin offers, beside its recipe."""

_MODULE = """
from ganzoo import component, hookimpl, recipe
{top}

@hookimpl
def ganzoo_register():
    return [
{components}
    ]
"""
_RECIPE = """        recipe("{name}-gan", "weather", {{"generator": "{name}/cloud",
            "discriminator": "{name}/judge", "loss": "{name}/fog"{parts}}},
            sizes=(16, 32){more}),"""


def install(
    folder: Path,
    name: str,
    parts: Mapping[tuple[str, str], str] = PARTS,
    *,
    group: str = "ganzoo.v1",
    top: str = "",
    recipe: bool = True,
    recipe_parts: str = "",
    more: str = "",
    expected: str = "{}",
) -> str:
    """Write a plugin of this name into a folder of ``sys.path``.

    Args:
        folder: Where.
        name: Of the entry point; the module is called alike.
        parts: Classes of ``weather_parts``, by kind and name.
        group: Of the entry point.
        top: Code at the top of its light module.
        recipe: Whether there is a recipe that joins them.
        recipe_parts: More parts of the recipe, ``, "algorithm": "x/mine"``.
        more: More arguments of the recipe.
        expected: The ``expected_failures`` of all networks.
    """
    lines = []
    for (kind, each), target in parts.items():
        sizes = ""
        if kind in ("generator", "discriminator"):
            sizes = f", sizes=(16, 32), expected_failures={expected}"
        where = f'"weather_parts:{target}"'
        lines.append(f'        component("{kind}", "{each}", {where}, "weather"{sizes}),')
    if recipe:
        lines.append(_RECIPE.format(name=name, parts=recipe_parts, more=more))
    module = name.replace("-", "_")
    code = _MODULE.format(top=top, components="\n".join(lines))
    (folder / f"{module}.py").write_text(code, encoding="utf-8")
    info = folder / f"{module}_dist-1.0.dist-info"
    info.mkdir()
    metadata = f"Metadata-Version: 2.1\nName: {name}-dist\nVersion: 1.0\nLicense: MIT\n"
    (info / "METADATA").write_text(metadata, encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {module}\n", encoding="utf-8")
    return name

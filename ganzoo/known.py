"""Plugins that are known though they may not be installed; ``known.toml`` lists them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final


@final
@dataclass(frozen=True)
class Known:
    """A plugin, as the list describes it.

    Attributes:
        name: Of its entry point.
        distribution: What is installed.
        summary: One line for people.
        install: How to install it.
        offers: Names of its parts by kind; of its models by ``recipe``.
    """

    name: str
    distribution: str
    summary: str
    install: str
    offers: Mapping[str, Sequence[str]]

    def kind_of(self, kind: str, name: str) -> str:
        """Return what it offers by a name: of a kind, else of any; empty if nothing."""
        plugin, _, short = name.rpartition("/")
        if plugin not in ("", self.name):
            return ""
        return next(
            (each for each in (kind, *self.offers) if short in self.offers.get(each, ())), ""
        )


def known_plugins() -> list[Known]:
    """Return every plugin of the list."""
    import tomllib  # it is seldom asked for

    text = Path(__file__).with_name("known.toml").read_text(encoding="utf-8")
    return [Known(**each) for each in tomllib.loads(text)["plugin"]]

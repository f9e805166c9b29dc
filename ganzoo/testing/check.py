"""What a check is, which checks there are, and how the ending of one is told."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import final

from ganzoo.discovery import interrupted, reason_of
from ganzoo.errors import GanzooError, PluginError

CHECKS = {
    "api version": "it is made for the entry-point group that this ganzoo reads",
    "loads": "it answers what it offers, and all that it names can be imported",
    "light": "registering it imports no torch, so that ganzoo list stays quick",
    "describes itself": "summaries of one line, a licence, years with papers, sizes that fit",
    "options": "defaults of settings survive TOML, and presets set what there is",
    "shapes": "the right shape at every declared size (16 and 32 where none is declared)",
    "range": "images stay in [-1, 1] whatever the weights",
    "finite": "finite answers to extreme inputs, such as z at 10 sigma",
    "gradients": "every parameter, or every input, gets a gradient",
    "latents": "two latents make two images",
    "classes": "a network of a conditional recipe takes note of what it is told",
    "raw logits": "logits come before any sigmoid or tanh",
    "second gradients": "the slope at images can itself be differentiated",
    "state": "its state survives safetensors, and no two tensors are one",
    "samples alone": "in evaluation a sample does not depend on its batch mates",
    "directions": "at logits 0 each player is pulled the right way",
    "penalty": "a finite penalty, with a gradient for every player that pays it",
    "randomness": "all randomness comes from the generator that is handed in",
    "data": "what is loaded is what was described: uint8, square, labels in range",
    "scores": "finite numbers by name, the same for the same images",
    "features": "finite features [n, f] on the CPU, of each image alone",
    "two steps": "two steps on the CPU are finite and change every network",
    "memory": "steps leave no tensors behind, which would fill the memory",
    "same seed": "the same seed gives the same state",
    "resume": "a run that was saved and resumed ends in the state of one that never stopped",
}
"""Every check by its fixed name, and what it holds a plugin to."""


class CheckError(PluginError):
    """A promise of the seam that a plugin does not keep: what was found, and what to do."""


class SkippedError(GanzooError):
    """Why something could not be checked here; no fault of anybody."""


@final
@dataclass(frozen=True)
class Check:
    """One promise of one part.

    Attributes:
        what: What is checked: kind and full id of a part, or the plugin.
        name: The check, one of :data:`CHECKS`.
        run: Checks it and returns what was found in a few words. Raises :class:`CheckError` where
            the promise is broken, :class:`SkippedError` where it cannot be checked here.
        expected: Why it is known to fail; empty where it is not.
    """

    what: str
    name: str
    run: Callable[[], str] = field(repr=False)
    expected: str = ""

    @property
    def id(self) -> str:
        """What and name: ``generator weather/cloud: range``."""
        return f"{self.what}: {self.name}"


def ready(test: Callable[[], str]) -> Callable[[], str]:
    """Return a test that leaves everybody's random numbers alone, fetches nothing, and tells.

    Whatever somebody else's code raises becomes a :class:`CheckError`.
    """

    def run() -> str:
        import torch

        threads, offline = torch.get_num_threads(), os.environ.get("GANZOO_OFFLINE", "")
        try:
            torch.set_num_threads(1)  # tensors are small, and threads would only wait
            os.environ["GANZOO_OFFLINE"] = "1"
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                return test()
        except (CheckError, SkippedError):
            raise
        except BaseException as error:
            if interrupted(error):
                raise
            ours, hint = isinstance(error, GanzooError), getattr(error, "hint", None) or ""
            told = f"{error} {hint}".strip() if ours else f"it fails: {reason_of(error)}"
            raise CheckError(told) from error
        finally:
            torch.set_num_threads(threads)
            os.environ["GANZOO_OFFLINE"] = offline

    return run

"""Evaluates the generator of a checkpoint, while a run trains and long after it."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

import ganzoo
from ganzoo import build
from ganzoo.identity import env_of
from ganzoo.made import averaged, load_generator
from ganzoo.plan import Plan
from ganzoo.quality.evaluation import Judge, Reference, Tell
from ganzoo.quality.scores import Scores
from ganzoo.registry import Registry
from ganzoo.rundir import RunDir
from ganzoo.sampling import sample
from ganzoo.settings import Training

SAMPLES = Training.eval_samples
"""Generated images of an evaluation, if nobody says another number."""

_CHUNK = 500


def evaluate(
    run: RunDir,
    registry: Registry,
    *,
    at: int | None = None,
    samples: int = SAMPLES,
    seed: int = 0,
    raw: bool = False,
    extractors: Sequence[str] | None = None,
    metrics: Sequence[str] | None = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    device: str | None = None,
    objects: Mapping[str, Any] | None = None,
    tell: Tell = lambda _: None,
) -> Scores:
    """Judge a checkpoint of a run by the data that it was trained on.

    Args:
        run: The run.
        registry: What names mean.
        at: The checkpoint, in images shown; None for the newest.
        samples: Generated images.
        seed: Of the first of them.
        raw: Judge the generator that was trained, in place of its average.
        extractors: Names, the first for the headline; None for the data set's.
        metrics: Names; None for the data set's, else the standard ones.
        settings: Of extractors and metrics, by slot.
        device: Where the generator works; None for the best there is.
        objects: Parts that were handed in when the run was made, by slot.
        tell: Is told what is being done.

    Raises:
        CheckpointError: There is no such checkpoint.
        DataError: The data cannot be read.
        RecipeError: An unknown name or setting.
    """
    _, nimg = averaged(run, at)
    network = load_generator(run, registry, device=device, at=nimg, raw=raw, objects=objects)
    info = run.read_info()
    plan = Plan.from_file(registry, run.config)
    dataset, component = build.dataset(registry, plan, objects)
    tell(f"opening {info['dataset']}")
    judge = Judge(
        registry,
        env_of(info),
        Reference.of(dataset, info["dataset"], info["resolution"]),
        component,
        extractors=extractors,
        metrics=metrics,
        settings=settings,
        tell=tell,
    )
    rows = [row for row in run.read_metrics() if (row.get("nimg") or 0) <= nimg]
    cpu_sec = rows[-1].get("cpu_sec") if rows else None
    return judged(
        judge,
        network,
        run.path.resolve().name,
        nimg,
        samples=samples,
        seed=seed,
        weights="raw" if raw else "ema",
        cpu_sec=cpu_sec,
        conditional=env_of(info).condition.kind != "none",
        tell=tell,
    )


def judged(
    judge: Judge,
    network: nn.Module,
    run: str,
    nimg: int,
    *,
    samples: int,
    seed: int,
    weights: str,
    cpu_sec: float | None,
    conditional: bool,
    tell: Tell = lambda _: None,
) -> Scores:
    """Sample a generator, with classes in the shares of the data, and judge its images."""
    labels = judge.reference.told_like(samples) if conditional else None
    parts = []
    for i in range(0, samples, _CHUNK):
        tell(f"making pictures: {i:,} of {samples:,}")
        some = range(seed + i, seed + min(i + _CHUNK, samples))
        told = None if labels is None else labels[i : i + _CHUNK]
        parts.append(sample(network, some, told))
    values = judge.score(torch.cat(parts), labels, f"seed {seed}, {weights}")
    return Scores(
        run=run,
        nimg=nimg,
        values=values,
        samples=samples,
        seed=seed,
        weights=weights,
        real=judge.reference.described(),
        extractors=judge.described(),
        cpu_sec=cpu_sec,
        versions={"ganzoo": ganzoo.__version__, "torch": torch.__version__},
    )

"""Settings that every run has: of training itself, and of each player's optimizer.

They are the one home of their defaults; a part's settings live in its constructor.
"""

from dataclasses import dataclass
from typing import Annotated, Literal, final

from ganzoo.options import Opt


@final
@dataclass(frozen=True, kw_only=True)
class Training:
    """How long, how often, how exactly; the one home of these defaults."""

    seed: Annotated[int, Opt("start of every random stream", ge=0)] = 0
    batch_size: Annotated[int, Opt("real images a move of the discriminator", ge=1)] = 64
    micro_batch_size: Annotated[
        int | None, Opt("images a backward pass; none: the whole batch at once", ge=1)
    ] = None
    precision: Annotated[
        Literal["auto", "fp32", "tf32", "bf16"],
        Opt("of the arithmetic; auto: what the device does"),
    ] = "auto"
    cuda_graph: Annotated[
        Literal["auto", "on", "off"],
        Opt("record a step once and replay it; auto: on a CUDA device, where all parts can be"),
    ] = "auto"
    compile: Annotated[
        bool, Opt("compile networks for steps without a second-order term; takes minutes")
    ] = False
    kimg: Annotated[float, Opt("length in thousands of real images shown", gt=0)] = 300.0
    minutes: Annotated[float | None, Opt("length in minutes, in place of kimg", gt=0)] = None
    ema_halflife_kimg: Annotated[
        float | None, Opt("half-life of the averaged generator; none: no average", gt=0)
    ] = 10.0
    ema_ramp: Annotated[
        float | None, Opt("half-life at most this share of the images so far; none: no ramp", gt=0)
    ] = 0.05
    tick_kimg: Annotated[
        float | None, Opt("between readings; none: 20 a run, one an epoch", gt=0)
    ] = None
    sample_kimg: Annotated[float | None, Opt("between sample sheets; none: every tick", gt=0)] = (
        None
    )
    checkpoint_kimg: Annotated[float, Opt("between checkpoints", gt=0)] = 50.0
    keep: Annotated[int, Opt("checkpoints kept beside the best", ge=1)] = 3
    eval_kimg: Annotated[float | None, Opt("between evaluations; none: never", gt=0)] = 100.0
    eval_samples: Annotated[int, Opt("pictures of an evaluation", ge=2)] = 10_000
    eval_metrics: Annotated[
        tuple[str, ...] | None, Opt("what they measure; none: what is quick")
    ] = None
    patience: Annotated[
        int | None, Opt("evaluations without a better one, after which it ends; none: any", ge=1)
    ] = 10
    on_collapse: Annotated[
        Literal["warn", "stop", "rollback"],
        Opt(
            "when the game is lost; rollback: to the last healthy checkpoint, with half the rates"
        ),
    ] = "warn"
    on_nan: Annotated[
        Literal["stop", "rollback"],
        Opt("when a number is no longer finite; rollback: as that of on_collapse"),
    ] = "stop"
    conditional: Annotated[bool, Opt("tell both players the class")] = False
    resolution: Annotated[int | None, Opt("pixels per side; none: what model and data like")] = (
        None
    )
    resident_gib: Annotated[float, Opt("pixels kept in memory; larger data streams", ge=0)] = 2.0
    workers: Annotated[int | None, Opt("read a stream; none: one a core, at most 4", ge=0)] = None
    init_from: Annotated[
        str | None, Opt("run whose networks it begins with, RUN or RUN@NIMG; none: new ones")
    ] = None
    frozen: Annotated[
        tuple[str, ...], Opt("parameters that never change: discriminator.layers.0.*")
    ] = ()
    rehearse: Annotated[bool, Opt("first play steps on a copy, to tell time and memory")] = True


@final
@dataclass(frozen=True, kw_only=True)
class Optimizer:
    """What one player's optimizer is."""

    use: Annotated[Literal["adam", "rmsprop", "sgd"], Opt("which one")] = "adam"
    learning_rate: Annotated[float, Opt("size of a step", ge=0)] = 2e-4
    betas: Annotated[
        tuple[float, float], Opt("decay of both moments; sgd's momentum is the first", ge=0, lt=1)
    ] = (0.0, 0.99)
    eps: Annotated[float, Opt("added to the root of the second moment", gt=0)] = 1e-8
    weight_decay: Annotated[float, Opt("pull of the weights to 0", ge=0)] = 0.0

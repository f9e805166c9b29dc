"""Every recipe goes on exactly where it stopped, with all that its parts remember."""

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from zoo import RESUMED, trainer_of

from ganzoo.sampling import sample
from ganzoo.training.difference import differences
from ganzoo.training.skeleton import digest, pack, unpack
from ganzoo.training.trainer import Trainer


def played(trainer: Trainer) -> dict[str, Any]:
    """Return a copy of what a trainer has played to; the clock of no two runs is equal."""
    copy: dict[str, Any] = unpack(*pack(trainer.state_dict(), "state"))
    del copy["clock"]
    return copy


def state_of(trainer: Trainer) -> str:
    return digest(played(trainer))


@pytest.mark.parametrize("case", RESUMED)
def test_a_resumed_run_ends_in_the_state_of_one_that_never_stopped(case: str) -> None:
    torch.manual_seed(0)
    whole = trainer_of(case)
    for _ in range(6):
        whole.play_step()

    torch.manual_seed(0)
    first, second = trainer_of(case), trainer_of(case)
    for _ in range(3):
        first.play_step()
    saved = unpack(*pack(first.state_dict(), "state"))
    torch.manual_seed(7)  # whatever another process drew
    second.load_state_dict(saved)
    for _ in range(3):
        second.play_step()

    assert list(differences(played(whole), played(second)))[:3] == []
    assert state_of(first) != state_of(whole)


@pytest.mark.parametrize(
    ("case", "group", "ending"),
    [
        ("sngan", "discriminator", "0._v"),  # of which the next pass makes the other vector
        ("cgan", "discriminator", "head.vectors.weight"),
        ("lecam", "extra", "averages"),
    ],
)
def test_what_only_these_parts_remember_is_missed_when_it_is_lost(
    case: str, group: str, ending: str
) -> None:
    torch.manual_seed(0)
    first = trainer_of(case)
    for _ in range(3):
        first.play_step()
    saved = unpack(*pack(first.state_dict(), "state"))
    lost = unpack(*pack(first.state_dict(), "state"))
    holder = lost[group] if group != "extra" else lost["extra"]["parts"]["regularizer.lecam"]
    names = [name for name in holder if name.endswith(ending)]
    for name in names:
        holder[name] = torch.roll(holder[name], 1, 0)

    ends = []
    for state in (saved, lost):
        again = trainer_of(case)
        again.load_state_dict(state)
        for _ in range(3):
            again.play_step()
        ends.append(state_of(again))

    assert names
    assert ends[0] != ends[1]


@pytest.mark.parametrize("case", RESUMED)
def test_the_same_seed_gives_the_same_run_also_with_two_threads(case: str) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        states, rows = set(), list[Mapping[str, float]]()
        for _ in range(2):
            torch.manual_seed(0)
            trainer = trainer_of(case)
            images = 4 * trainer.experiment.algorithm.batches
            ticks = trainer.ticks(images, stop=lambda made=trainer: made.step >= 20)
            rows += [tick.readings for tick in ticks]
            states.add(state_of(trainer))
    finally:
        torch.set_num_threads(threads)

    assert len(rows) == 40
    assert rows[:20] == rows[20:]
    assert len(states) == 1


@pytest.mark.parametrize("case", RESUMED)
def test_looking_at_a_run_leaves_its_state_alone(case: str) -> None:
    trainer = trainer_of(case)
    trainer.play_step()
    before = state_of(trainer)

    env = trainer.experiment.env
    labels = torch.arange(3) % env.num_classes if env.num_classes else None
    sample(trainer.average.network, range(3), labels)
    for network in trainer.networks.values():
        network.eval()
    with torch.no_grad():
        trainer.networks["discriminator"](torch.zeros(3, *env.image_shape), labels)
    for network in trainer.networks.values():
        network.train()

    assert state_of(trainer) == before

"""The averaged generator against its closed form."""

import pytest
import torch
from torch import Tensor, nn

from ganzoo.nn.spectral import spectrally_normalize
from ganzoo.training.ema import Average, half_life_decay


class One(nn.Module):
    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor([value], dtype=torch.float64))
        self.register_buffer("seen", torch.tensor(value))


def followed(halflife_kimg: float | None, steps: int, batch_size: int = 50) -> Tensor:
    """Return the average of a parameter that jumped from 0 to 1 and stayed."""
    average, live = Average(One(0.0), halflife_kimg, None), One(1.0)
    for step in range(steps):
        average.update(live, average.kept(batch_size, nimg=(step + 1) * batch_size))
    found: Tensor = average.network.value.detach()  # type: ignore[assignment]
    return found


def test_after_n_steps_the_old_weight_counts_the_decay_to_the_n() -> None:
    decay = half_life_decay(50, 0.2, 10_000, None)
    assert decay == pytest.approx(0.5 ** (50 / 200), abs=1e-15)
    expected = torch.tensor([1 - decay**7], dtype=torch.float64)
    torch.testing.assert_close(followed(0.2, 7), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("batch_size", [10, 50, 200])
def test_after_its_half_life_half_of_the_gap_is_left_at_any_batch_size(batch_size: int) -> None:
    left = 1 - followed(1.0, 1000 // batch_size, batch_size)
    torch.testing.assert_close(left, torch.full_like(left, 0.5), rtol=0, atol=1e-12)


def test_a_ramp_shortens_the_half_life_while_few_images_were_shown() -> None:
    early, late = (half_life_decay(50, 10.0, nimg, 0.05) for nimg in (1000, 10**6))
    assert early == pytest.approx(0.5 ** (50 / 50))
    assert late == pytest.approx(0.5 ** (50 / 10_000))
    assert half_life_decay(50, 10.0, 0, 0.05) == 0.0


def test_without_a_half_life_it_is_a_copy() -> None:
    assert followed(None, 1).item() == 1.0


@pytest.mark.parametrize("kept", [0.0, 0.25, 1.0])
def test_a_tensor_says_what_is_kept_as_a_number_does(kept: float) -> None:
    averages = [Average(One(3.0), 10.0, None) for _ in range(2)]
    averages[0].update(One(5.0), kept)
    averages[1].update(One(5.0), torch.tensor(kept, dtype=torch.float64))
    values = [average.network.value.item() for average in averages]  # type: ignore[operator]
    assert values == [pytest.approx(5 - 2 * kept, abs=1e-15)] * 2


def test_buffers_are_copied_and_not_averaged() -> None:
    average, live = Average(One(0.0), 10.0, None), One(1.0)
    average.update(live, average.kept(1, nimg=1))
    assert average.network.seen.item() == 1.0
    assert average.network.value.item() < 0.1


def test_vectors_of_spectral_norm_are_copied_with_the_other_buffers() -> None:
    torch.manual_seed(0)
    live = nn.Sequential(nn.Linear(4, 3))
    spectrally_normalize(live)
    average = Average(live, 10.0, None)
    for _ in range(5):
        live(torch.randn(2, 4))
    average.update(live, average.kept(1, nimg=1))
    ours, theirs = dict(average.network.named_buffers()), dict(live.named_buffers())
    assert len(theirs) == 2
    assert all(torch.equal(ours[name], value) for name, value in theirs.items())

import pytest
import torch

from ganzoo.data.order import Order, batch_indices, epoch_order


def test_an_epoch_shows_every_image_once() -> None:
    assert epoch_order(seed=3, epoch=2, count=100).sort().values.tolist() == list(range(100))


def test_the_order_is_a_function_of_seed_and_epoch() -> None:
    first = epoch_order(seed=0, epoch=0, count=50)
    torch.manual_seed(1)
    torch.rand(3)

    assert torch.equal(epoch_order(seed=0, epoch=0, count=50), first)
    assert not torch.equal(epoch_order(seed=1, epoch=0, count=50), first)
    assert not torch.equal(epoch_order(seed=0, epoch=1, count=50), first)


def test_seeds_that_differ_in_high_bits_only_give_other_orders() -> None:
    assert not torch.equal(
        epoch_order(seed=1, epoch=0, count=50), epoch_order(seed=1 + 2**32, epoch=0, count=50)
    )


def test_the_order_of_today_is_the_order_of_tomorrow() -> None:
    assert epoch_order(seed=0, epoch=0, count=8).tolist() == [5, 2, 1, 6, 7, 4, 3, 0]


@pytest.mark.parametrize("size", [1, 3, 7, 10, 24])
def test_batches_cut_the_endless_order_without_a_short_one(size: int) -> None:
    endless = torch.cat([epoch_order(seed=5, epoch=epoch, count=7) for epoch in range(12)])

    for start in range(0, 60, 4):
        expected = endless[start : start + size]
        assert torch.equal(batch_indices(seed=5, start=start, size=size, count=7), expected)


def test_an_order_gives_the_same_whatever_it_was_asked_before() -> None:
    order = Order(seed=9, count=11)
    for start in (0, 5, 10, 40, 3, 100, 99):
        expected = batch_indices(seed=9, start=start, size=6, count=11)
        assert torch.equal(order.indices(start, 6), expected)


def test_an_order_keeps_few_permutations(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def counting(seed: int, epoch: int, count: int) -> torch.Tensor:
        asked.append(epoch)
        return torch.arange(count)

    monkeypatch.setattr("ganzoo.data.order.epoch_order", counting)
    order = Order(seed=0, count=10)
    for start in range(0, 90, 3):
        order.indices(start, 3)

    assert asked == list(range(9))
    assert len(order._epochs) <= 2


def test_an_empty_batch_is_empty() -> None:
    assert batch_indices(seed=0, start=4, size=0, count=3).tolist() == []


@pytest.mark.parametrize(("start", "size", "count"), [(-1, 2, 3), (0, -1, 3), (0, 1, 0)])
def test_impossible_batches_are_refused(start: int, size: int, count: int) -> None:
    with pytest.raises(ValueError, match=r"batch|at least one"):
        batch_indices(seed=0, start=start, size=size, count=count)

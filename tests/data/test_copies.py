import torch

from ganzoo.data.copies import copies


def _strangers(count: int) -> torch.Tensor:
    rng = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, 3, 8, 8), dtype=torch.uint8, generator=rng)


def test_strangers_are_no_copies() -> None:
    assert not copies(_strangers(500)).any()


def test_the_second_of_two_that_look_alike_is_a_copy() -> None:
    pictures = _strangers(300)
    pictures[200:250] = pictures[:50].int().add(1).clamp(max=255).byte()

    assert copies(pictures).nonzero().flatten().tolist() == [*range(200, 250)]


def test_what_differs_by_more_than_two_levels_is_no_copy() -> None:
    pictures = _strangers(300)
    pictures[200:250] = pictures[:50].int().add(4).clamp(max=255).byte()

    assert not copies(pictures).any()


def test_of_many_alike_all_but_the_first_are_copies() -> None:
    assert copies(torch.zeros(9, 1, 8, 8, dtype=torch.uint8)).tolist() == [False] + [True] * 8

"""A port is the GAN that it says: a value of each, worked out by hand from its paper."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from ports.test_ports import module, trainer_of
from torch import Tensor, nn
from torch.nn.functional import one_hot, softplus
from torch.testing import assert_close

from ganzoo.interfaces import Env
from ganzoo.play import D, Draw, G, Phase, Play

ENV, SIDE = Env((1, 4, 4)), 16
SOME = torch.arange(4 * SIDE).float().view(4, 1, 4, 4) / 64
"""Four pictures."""


class Fixed(nn.Module):
    """A network that answers what it is told to, of whatever comes first."""

    def __init__(self, answer: Callable[..., Any]) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, first: Tensor, *others: Any) -> Any:
        return self.answer(first)


class Slope(nn.Module):
    """A discriminator whose slope is everywhere the same."""

    def __init__(self, length: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((SIDE,), length / 4))

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        return images.flatten(1) @ self.weight


def total(images: Tensor) -> Tensor:
    return images.sum((1, 2, 3))


def play_of(
    made: Any = -SOME,
    judged: Callable[..., Any] = total,
    *,
    trains: str = D,
    labels: Tensor | None = None,
    z: Tensor | None = None,
    networks: Mapping[str, nn.Module] | None = None,
    wants: frozenset[str] = frozenset(),
    kind: type[Play] = Play,
) -> Play:
    """Return a play on four pictures, of a generator that makes ``made`` whatever z is."""
    found = {G: Fixed(lambda z: made), D: Fixed(judged), **(networks or {})}
    draw = Draw(found[G], SOME, labels, torch.zeros(4, 3) if z is None else z)
    return kind(Phase(trains, (trains,), ()), draw, found, wants=wants)


def of(*logits: float) -> Tensor:
    return torch.tensor(logits)


def four(value: float) -> Tensor:
    return torch.full((4,), value)


def test_lsgan_is_half_a_square_towards_one_and_zero() -> None:
    cls = module("lsgan").LeastSquares
    assert_close(cls(ENV).discriminator(of(3.0), of(1.0)), of(0.5 * 2**2 + 0.5 * 1**2))
    assert_close(cls(ENV).generator(of(3.0)), of(0.5 * 2**2))
    assert_close(cls(ENV, c=0.0).generator(of(3.0)), of(0.5 * 3**2))


def test_bgan_makes_the_odds_even() -> None:
    fake = of(-1.5, 0.0, 2.0)
    p = fake.sigmoid()
    expected = 0.5 * (p.log() - (1 - p).log()).square()
    assert_close(module("bgan").BoundarySeeking().generator(fake), expected)


def test_softmax_gan_divides_one_among_the_batch() -> None:
    real, fake, loss = of(1.0, 2.0), of(0.0, -1.0), module("softmax_gan").Softmax()
    z = sum(math.exp(each) for each in (1, 2, 0, -1))
    assert loss.discriminator(real, fake).item() == pytest.approx(math.log(z) - (1 + 2) / 2)
    assert loss.generator(fake, real).item() == pytest.approx(math.log(z) - (1 + 2 + 0 - 1) / 4)
    least = loss.generator(of(3.0, 3.0), of(3.0, 3.0))  # all are as likely
    assert least.item() == pytest.approx(math.log(4))


def test_relativistic_gan_compares_with_the_average_of_the_others() -> None:
    real, fake, loss = of(1.0, 3.0), of(0.0, -2.0), module("relativistic").Average()
    assert_close(loss.discriminator(real, fake), softplus(of(-2.0, -4.0)).mean())
    assert_close(loss.generator(fake, real), softplus(of(2.0, 4.0)).mean())


@pytest.mark.parametrize("length", [1.0, 3.0])
def test_dragan_pulls_the_slope_to_one(length: float) -> None:
    penalty = module("dragan").AroundReal(ENV)
    assert penalty.weight == 10
    assert_close(
        penalty.penalty(play_of(networks={D: Slope(length)})),
        four((length - 1) ** 2),
        atol=1e-5,
        rtol=1e-5,
    )


def test_wgan_div_is_the_sixth_power_of_the_slope() -> None:
    play = play_of(networks={D: Slope(2.0)}, wants=frozenset({"real", "fake"}))
    penalty = module("wgan_div").Divergence(ENV)
    assert_close(penalty.penalty(play), four(2.0**6))
    assert penalty.weight == 2


def test_wgan_sn_has_a_critic_that_no_two_images_find_steeper_than_one() -> None:
    torch.manual_seed(0)
    critic = module("wgan_sn").Critic(ENV, width=8)
    for _ in range(50):  # its power iteration
        critic(SOME)
    critic.eval()
    for layer in critic.layers:
        assert torch.linalg.matrix_norm(layer.weight, 2).item() == pytest.approx(1, abs=1e-3)
    here, there = torch.randn(2, 500, 1, 4, 4)
    rise = (critic(here) - critic(there)).abs() / (here - there).flatten(1).norm(dim=1)
    assert 0 < rise.max() <= 1.001


def test_began_moves_its_balance_as_a_hand_would_and_keeps_it() -> None:
    cls = module("began").Equilibrium
    loss = cls(ENV, gamma=0.5, rate=0.1)
    play = play_of(judged=lambda x: of(-0.8) if x is SOME else of(-0.2))
    assert loss.readings(of(-0.8), of(-0.2))["M"].item() == pytest.approx(0.8 + abs(0.4 - 0.2))
    loss.phase_end(None, play.phase, play)
    assert loss.k.item() == pytest.approx(0.1 * (0.5 * 0.8 - 0.2))
    loss.phase_end(None, play_of(trains=G).phase, play)  # a move of the other player
    assert loss.k.item() == pytest.approx(0.02)
    assert_close(loss.discriminator(of(-0.8), of(-0.2)), of(0.8 - 0.02 * 0.2))
    again = cls(ENV)
    again.load_state_dict(loss.state_dict())
    assert again.k.item() == pytest.approx(0.02)


def test_began_has_its_balance_in_a_checkpoint() -> None:
    trainer = trainer_of("began", ["loss.rate=0.5", "loss.gamma=1.0"])
    trainer.play_step()
    trainer.play_step()
    kept = trainer.state_dict()["extra"]["parts"]["loss"]["k"]
    assert kept.item() == trainer.experiment.loss.k.item() > 0


def test_ebgan_has_a_margin_and_pulls_codes_apart() -> None:
    ports = module("ebgan")
    loss = ports.Energy(ENV, margin=1.0)
    assert_close(loss.discriminator(of(-0.2, -0.2), of(-0.3, -1.5)), of(0.2 + 0.7, 0.2))
    for codes, expected in ((torch.eye(4), 0.0), (torch.ones(4, 4), 1.0)):
        play = play_of(judged=lambda x, c=codes: {"logits": total(x), "features": c})
        assert ports.PullingAway(ENV).penalty(play).item() == pytest.approx(expected, abs=1e-6)


def test_infogan_is_surprised_by_a_code_that_the_image_does_not_tell() -> None:
    made = {"image": SOME, "code": torch.zeros(4).long(), "numbers": torch.zeros(4, 2)}
    q = torch.zeros(4, 12)
    q[:, 10] = 2.0
    play = play_of(made, lambda x: {"logits": total(x), "q": q})
    expected = math.log(10) + 0.5 * 2**2
    assert_close(module("infogan").Information(ENV).penalty(play), four(expected))


def test_infogan_s_images_tell_more_of_the_code_the_longer_it_plays() -> None:
    torch.manual_seed(0)
    faster = [f"optimizer.{player}.learning_rate=2e-3" for player in (D, G)]
    trainer, surprises = trainer_of("infogan", faster), []
    for _ in range(5):
        for _ in range(40):
            trainer.play_step()
        surprises.append(trainer.readings.means()["G info"])
        trainer.readings.clear()
    assert surprises[-1] < 0.75 * surprises[0]


def test_acgan_pays_ln_k_where_nothing_is_known_and_nothing_where_all_is() -> None:
    labels = torch.tensor([0, 1, 2, 0])
    sure = 50 * one_hot(labels, 3).float()
    for logits, expected in ((torch.zeros(4, 3), math.log(3)), (sure, 0.0)):
        judged = {"logits": four(0.0), "class_logits": logits}
        for player in (D, G):
            play = play_of(judged=lambda x, j=judged: j, labels=labels, trains=player)
            assert_close(module("acgan").Named().penalty(play), four(expected))


def test_sgan_says_real_where_the_last_class_is_not_likely() -> None:
    torch.manual_seed(0)
    classifier = module("sgan").Classifier(Env.classes((1, 4, 4), 3))
    out, every = classifier(SOME), classifier.layers(SOME)
    assert every.shape == (4, 4)
    assert_close(out["logits"].sigmoid(), 1 - every.softmax(1)[:, 3])
    assert_close(out["class_logits"], every[:, :3])


def test_cluster_gan_draws_a_kind_and_little_noise_and_asks_for_both() -> None:
    ports = module("cluster_gan")
    network = ports.GeneratorAndEncoder(ENV, kinds=3, noise=2)
    z = torch.tensor([[0.1, 2.0, 0.3, 5.0, -1.0], [1.0, 0.0, 0.0, 0.0, 0.0]])
    z = z.repeat(2, 1)  # [4, 3 + 2]
    made = network(z)
    assert made["kind"].tolist() == [1, 0, 1, 0]
    assert_close(made["noise"][:2], torch.tensor([[0.5, -0.1], [0.0, 0.0]]))
    network.encode = lambda images: (torch.zeros(4, 3), torch.ones(4, 2))
    play = play_of(networks={G: network}, trains=G, z=z)
    noise = of((0.5**2 + 1.1**2) / 2, 1.0).repeat(2)
    assert_close(ports.FoundAgain(ENV).penalty(play), 10 * noise + 10 * math.log(3))


def test_bigan_judges_pairs_and_trains_generator_and_encoder_as_one() -> None:
    ports, z = module("bigan"), torch.randn(4, 16)
    networks = {G: ports.BothWays(ENV), D: ports.PairDiscriminator(ENV)}
    play = play_of(networks=networks, trains=G, kind=ports.Pairs, z=z)
    assert_close(play.real_logits, networks[D](SOME, None, networks[G].encoder(SOME)))
    assert_close(play.fake_logits, networks[D](networks[G](z), None, z))
    assert not networks[D](SOME, None, z).equal(networks[D](SOME, None, -z))
    ports.fooling(play).mean().backward()
    assert all(parameter.grad is not None for parameter in networks[G].parameters())
    networks[G].zero_grad()
    ports.judging(play_of(networks=networks, kind=ports.Pairs, z=z)).mean().backward()
    assert all(parameter.grad is None for parameter in networks[G].parameters())


def test_a_context_encoder_keeps_what_it_is_given_and_is_judged_in_the_middle() -> None:
    ports = module("context_encoder")
    pixels, given = ports.Discs(count=3).load(16)
    inside = torch.zeros(16, 16, dtype=torch.bool)
    inside[4:12, 4:12] = True
    assert (given[..., inside] == 127).all()
    assert given[..., ~inside].equal(pixels[..., ~inside])
    env, told = Env((1, 16, 16)), given / 127.5 - 1
    made = ports.Inpainter(env)(torch.zeros(3, 0), told)
    assert made[..., ~inside].equal(told[..., ~inside])
    judge = ports.MiddleJudge(env)
    assert judge(made + (~inside).float()).equal(judge(made))
    assert not judge(made + inside.float()).equal(judge(made))


def test_cogan_plays_two_games_that_share_the_layers_of_meaning() -> None:
    ports, z = module("cogan"), torch.randn(4, 16)
    made, judge = ports.Generator(ENV), ports.Discriminator(ENV)
    made_2, judge_2 = ports.SecondGenerator(ENV), ports.SecondDiscriminator(ENV)
    networks = {G: made, D: judge, ports.G2: made_2, ports.D2: judge_2}
    play = play_of(networks=networks, trains=G, z=z)
    first = softplus(-judge(made(z)["image"]))
    second = softplus(-judge.shared(judge_2(made_2(made.shared(z)))))
    assert_close(ports.fooling(play), first + second)
    second.mean().backward()
    shared = [*made.shared.parameters(), *judge.shared.parameters()]
    assert all(parameter.grad is not None for parameter in shared)


def test_aae_takes_latents_for_real_codes() -> None:
    ports = module("aae")
    networks = {"encoder": Fixed(lambda x: torch.ones(4, 3)), "code-judge": Fixed(lambda z: z)}
    play = play_of(networks=networks)  # whose latents are 0
    told = softplus(of(0.0)) + softplus(of(1.0))
    assert_close(ports.judging(play), told.expand(4, 3))
    assert_close(ports.fooling(play), softplus(of(-1.0)).expand(4, 3))
    assert_close(ports.rebuilding(play), total((2 * SOME).square()) / SIDE)


@pytest.mark.parametrize(
    ("answer", "expected"), [([0.0, 0.0], 0.0), ([2.0, 0.0], 2.0), ([0.0, 1.0], (math.e - 2) / 2)]
)
def test_vae_gan_knows_how_far_a_posterior_is_from_the_prior(
    answer: list[float], expected: float
) -> None:
    ports = module("vae_gan")
    encoder = {"encoder": Fixed(lambda x: torch.tensor(answer).expand(4, 2))}
    seen = {"judged": lambda x: {"logits": total(x), "features": x.flatten(1)}}
    play = play_of(**seen, networks=encoder, kind=ports.Rebuilding)
    assert_close(ports.divergence(play), four(expected))
    assert_close(ports.unlike(play), 0.5 * total((2 * SOME).square()))

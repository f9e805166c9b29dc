"""What is checked of a network alone, in the settings of the first recipe that uses it."""

import copy
from collections.abc import Iterator, Mapping
from itertools import product

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from ganzoo.discovery import reason_of
from ganzoo.interfaces import Env
from ganzoo.sampling import at_rest, told_for
from ganzoo.testing.check import CheckError, SkippedError
from ganzoo.testing.subject import MANY, Subject
from ganzoo.training.skeleton import pack

_SIGMA, _SCALES = 10.0, (1.0, 3.0, 30.0)


def shapes(subject: Subject) -> str:
    """Build it for every size, and let it answer twice."""
    refused: dict[str, None] = {}
    for env in (env for size in subject.sizes for env in subject.worlds(size)):
        try:
            _check_shape(subject, env)
        except CheckError:
            raise
        except Exception as error:
            if env in subject.needed(env.resolution):
                if subject.private:
                    raise SkippedError("only its own algorithm knows how to call it") from error
                told = f"at {_world(env)} it gives no answer: {reason_of(error)}"
                raise CheckError(f"{told}; build it from env") from error
            refused[env.condition.kind] = None
    told = f"; refuses {' and '.join(refused)}" if refused else ""
    return f"{', '.join(map(str, subject.sizes))}{told}"


def bounded(subject: Subject) -> str:
    """Draw wild weights, and look for images that leave [-1, 1]."""
    network, env = subject.home()
    most = float(torch.cat(list(_wild(subject, network, env))).abs().max())
    if most > 1 + 1e-4:
        raise CheckError(f"images reach {most:.3g}, and pictures lie in [-1, 1]; end in tanh")
    return ""


def raw(subject: Subject) -> str:
    """Draw wild weights, and look for logits beyond what a sigmoid or tanh gives."""
    network, env = subject.home()
    answers = torch.cat(list(_wild(subject, network, env)))
    if answers.abs().max() <= 1:
        ends = f"{float(answers.min()):.2f} and {float(answers.max()):.2f} whatever the weights"
        raise CheckError(f"logits stay within {ends}; return them before any sigmoid or tanh")
    return ""


def finite(subject: Subject) -> str:
    """Give it what is far out: latents at 10 sigma, pictures of one colour."""
    network, env = subject.home()
    given = subject.inputs(network, env)
    extremes = {f"z at {_SIGMA:g} sigma": given * _SIGMA}
    if not subject.makes:
        extremes = {f"pictures of {v}": torch.full_like(given, v) for v in (-1.0, 0.0, 1.0)}
    for training, (name, inputs) in product((True, False), extremes.items()):
        out = subject.answer(network.train(training), inputs, told_for(env, MANY))
        if not out.isfinite().all():
            raise CheckError(f"its answer to {name} is not finite; look for exp, log or /")
    return ""


def gradients(subject: Subject) -> str:
    """Ask for the slope of an answer, where no weight is 0."""
    network, env = subject.home()
    out = _awake(network).train()(subject.inputs(network, env), told_for(env, MANY))
    answers = out.values() if isinstance(out, Mapping) else [out]
    sum((torch.randn_like(x) * x).sum() for x in answers if x.is_floating_point()).backward()
    dead = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    if dead:
        told = f"{', '.join(dead[:3])}{' and more' * (len(dead) > 3)} get no gradient"
        raise CheckError(f"{told}; use them in forward without detach(), or take them out")
    return ""


def latents(subject: Subject) -> str:
    """Make two images of one class."""
    network, env = subject.home()
    told = told_for(env, 1)
    told = None if told is None else torch.cat([told, told])
    with torch.no_grad():
        one, two = subject.answer(_awake(network).eval(), subject.inputs(network, env, 2), told)
    if torch.equal(one, two):
        raise CheckError("two latents make the same image; let z reach the first layer")
    return ""


def classes(subject: Subject) -> str:
    """Tell it one thing and another; or nothing, which it may refuse."""
    if "class_logits" in subject.entry.component.provides:
        return "it names the class"
    network, env = subject.home(told=True)
    inputs, told = subject.inputs(network, env, 2), told_for(env, 3)
    assert told is not None
    with torch.no_grad():
        asked = _awake(network).eval()
        one, two = (subject.answer(asked, inputs, each) for each in (told[:2], told[1:]))
    if torch.equal(one, two):
        same = f"its answer is the same whatever it is told ({env.condition.kind})"
        raise CheckError(f"{same}; use labels in forward, or say conditional=False")
    return ""


def second_gradients(subject: Subject) -> str:
    """Differentiate the length of the slope at images, as penalties do."""
    network, env = subject.home()
    images = subject.inputs(network, env).requires_grad_()
    logits = subject.answer(_awake(network).train(), images, told_for(env, MANY))
    (slope,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    weights = [p for p in network.parameters() if p.requires_grad]
    length = slope.square().sum() + 0 * logits.sum()  # a slope that is constant has no graph
    found = torch.autograd.grad(length, weights, allow_unused=True)
    if not any(each is not None and each.any() and each.isfinite().all() for each in found):
        raise CheckError("the slope at images has no gradient, as r1 needs; use smooth operations")
    return ""


def state(subject: Subject) -> str:
    """Write its state as safetensors, and give it to another one."""
    network, env = subject.home()
    own = network.state_dict()
    pack(own, subject.entry.name)
    tensors = {n: x for n, x in own.items() if isinstance(x, Tensor) and x.numel()}
    owners: dict[int, str] = {}
    for name, each in tensors.items():
        first = owners.setdefault(each.data_ptr(), name)
        if first != name:
            told = f"{first} and {name} are one tensor, which safetensors refuses"
            raise CheckError(f"{told}; keep it in one module, and hand it to the other in forward")
    saved = load(save({name: x.contiguous() for name, x in tensors.items()}))
    subject.made(env, seed=1).load_state_dict({**own, **saved})
    return f"{len(saved)} tensors"


def samples_alone(subject: Subject) -> str:
    """Make pictures together, and the first one alone."""
    network, env = subject.home()
    told = told_for(env, MANY)
    z = subject.inputs(network, env)
    with torch.no_grad():
        subject.answer(_awake(network).train(), z, told)  # running statistics begin to run
    with at_rest(network, 0):
        together = subject.answer(network, z, told)[:1]
    with at_rest(network, 0):
        alone = subject.answer(network, z[:1], None if told is None else told[:1])
    difference = float((alone - together).abs().max())
    if difference > 1e-3 * max(1.0, float(together.abs().max())):
        raise CheckError(f"a picture made alone differs by {difference:.2g}; heed eval() in it")
    return ""


def _check_shape(subject: Subject, env: Env) -> None:
    network, count = subject.made(env), 3
    if subject.makes and not isinstance(getattr(network, "z_dim", None), int):
        raise CheckError("it has no z_dim; set self.z_dim, the length of its latents")
    with torch.no_grad():
        found = subject.answer(network, subject.inputs(network, env, count), told_for(env, count))
    shape = list(found.shape)
    if subject.makes and shape != [count, *env.image_shape]:
        made = f"at {_world(env)} it makes {shape} of {count} latents"
        raise CheckError(f"{made}; build it from env.image_shape, or declare its sizes")
    if shape[:1] != [count]:
        given = f"at {_world(env)} it gives logits {shape} for {count} images"
        raise CheckError(f"{given}; the first dimension must be the image")


def _wild(subject: Subject, network: nn.Module, env: Env) -> Iterator[Tensor]:
    """Finite answers of networks with all kinds of weights, so that only an ending bounds them."""
    given = subject.inputs(network, env)
    for scale, power in product(_SCALES, (0.5, 0.0)):
        drawn = copy.deepcopy(network).train()
        for each in drawn.parameters():
            fan_in = each[0].numel() if each.dim() > 1 else 1
            nn.init.normal_(each, std=scale / fan_in**power)
        with torch.no_grad():
            out = subject.answer(drawn, given * scale, told_for(env, MANY))
        yield torch.cat([torch.zeros(1), out[out.isfinite()]])


def _awake(network: nn.Module) -> nn.Module:
    """Draw its zeros anew: behind a factor of 0 nothing has a slope."""
    for each in network.parameters():
        if not each.any():
            nn.init.normal_(each, std=0.5)
    return network


def _world(env: Env) -> str:
    told = {"none": "", "classes": " with classes"}.get(env.condition.kind, " with images given")
    return f"{env.resolution} px{told}"

"""How the head of an animal is drawn, part by part, as a batch of torch tensors."""

import math
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from ganzoo.types import Images
from ganzoo_rendered.canvas import Box, Canvas, blank
from ganzoo_rendered.factors import Factors, hsv

_DROP = 0.1
"""How far the head hangs below the middle of the picture."""

_PINK, _MOUTH, _TONGUE, _BLUSH = (
    hsv(torch.tensor([hue]), saturation, value)
    for hue, saturation, value in (
        (0.98, 0.35, 0.92),
        (0.985, 0.55, 0.35),
        (0.97, 0.50, 0.90),
        (0.98, 0.55, 1.00),
    )
)
_WHITE, _INK, _PUPIL = (torch.full((1, 3), value) for value in (1.0, 0.12, 0.05))
_SIDES = (-1, 1)


@dataclass(frozen=True)
class Animal:
    """The measures of n animals, [n, 1, 1] each; colours are [n, 3], ``ears`` [n]."""

    ears: Tensor
    fur: Tensor
    muzzle_fur: Tensor
    iris: Tensor
    yaw: Tensor
    light: Tensor
    width: Tensor
    height: Tensor
    power: Tensor
    ear_size: Tensor
    ear_angle: Tensor
    eye_size: Tensor
    eye_gap: Tensor
    eye_y: Tensor
    gaze_x: Tensor
    gaze_y: Tensor
    lid: Tensor
    glasses: Tensor
    spots: Tensor
    nose: Tensor
    mouth_width: Tensor
    mouth_open: Tensor
    smile: Tensor
    muzzle: Tensor
    blush: Tensor

    def __getitem__(self, rows: Tensor) -> "Animal":
        return Animal(*(getattr(self, field.name)[rows] for field in fields(self)))

    def eye_x(self, hand: int) -> Tensor:
        """Return where the middle of an eye is; the farther eye is nearer to the nose."""
        return hand * self.eye_gap + (0.20 - 0.10 * self.eye_gap) * self.yaw

    def outline(self, angle: Tensor) -> tuple[Tensor, Tensor]:
        """Return how far right and up the edge of the head is at an angle to the right."""
        right, up = angle.cos(), angle.sin()
        power = self.power
        radius = ((right / self.width) ** power + (up / self.height) ** power) ** (-1 / power)
        return right * radius, up * radius


def drawn(factors: Factors, side: int) -> Images:
    """Return pictures [n, 3, side, side]; values near 0...1."""
    animal = _measured(factors)
    canvas = _background(factors, side)
    _ears(canvas, animal)
    _head(canvas, animal)
    _spots(canvas, animal)
    _muzzle(canvas, animal)
    for hand in _SIDES:
        _eye(canvas, animal, hand)
    _glasses(canvas, animal)
    _mouth(canvas, animal)
    _nose(canvas, animal)
    for hand in _SIDES:
        _blush(canvas, animal, hand)
    return canvas.colours


def _measured(factors: Factors) -> Animal:
    """Return the lengths, angles and colours that factors stand for."""

    def between(name: str, low: float, high: float) -> Tensor:
        return (low + (high - low) * factors[name]).view(-1, 1, 1)

    saturation = between("fur_saturation", 0.30, 0.85).flatten()
    value = between("fur_brightness", 0.55, 0.98).flatten()
    eye_size = between("eye_size", 0.11, 0.205)
    return Animal(
        ears=factors["ears"],
        fur=hsv(factors["fur_hue"], saturation, value),
        muzzle_fur=hsv(factors["fur_hue"], saturation * 0.35, value),
        iris=hsv(factors["iris_hue"], 0.75, 1.0),
        yaw=between("yaw", -1.0, 1.0),
        light=between("light", -1.0, 1.0),
        width=between("head_width", 0.58, 0.80),
        height=between("head_height", 0.56, 0.76),
        power=between("head_squareness", 2.0, 3.6),
        ear_size=between("ear_size", 0.17, 0.30),
        ear_angle=between("ear_angle", 0.45, 0.95),
        eye_size=eye_size,
        eye_gap=between("eye_gap", 0.24, 0.36),
        eye_y=-between("eye_height", 0.02, 0.20),
        gaze_x=between("gaze_x", -0.30, 0.30) * eye_size,
        gaze_y=between("gaze_y", -0.22, 0.22) * eye_size,
        lid=between("lid", -0.25, 1.05),
        glasses=factors["glasses"],
        spots=factors["spots"],
        nose=between("nose", 0.045, 0.10),
        mouth_width=between("mouth_width", 0.13, 0.27),
        mouth_open=between("mouth_open", -0.06, 0.13).clamp_min(0),
        smile=between("smile", -0.16, 0.24),
        muzzle=between("muzzle", 0.35, 0.95),
        blush=between("blush", 0.0, 0.75),
    )


def _background(factors: Factors, side: int) -> Canvas:
    hue, angle = factors["background_hue"], math.tau * factors["background_angle"]
    return blank(
        hsv(hue, 0.35, 0.62),
        hsv(hue + 0.06, 0.35, 0.96),
        angle.view(-1, 1, 1),
        (0.44 * factors["tilt"] - 0.22).view(-1, 1, 1),
        side=side,
        drop=_DROP,
    )


def _ears(canvas: Canvas, animal: Animal) -> None:
    for kind, draw in enumerate((_round_ear, _pointed_ear, _floppy_ear), start=1):
        rows = (animal.ears == kind).nonzero().flatten()
        if len(rows):
            some = animal[rows]
            for hand in _SIDES:
                draw(canvas, some, hand, rows)


def _round_ear(canvas: Canvas, animal: Animal, hand: int, rows: Tensor) -> None:
    right, up = animal.outline(animal.ear_angle)
    x, y, size = hand * right - 0.05 * animal.yaw, -up, animal.ear_size
    with canvas.window(Box.around(x, y, size, size), rows) as part:
        distance = torch.hypot(part.x - x, part.y - y) - size
        _furry(part, animal, distance)


def _pointed_ear(canvas: Canvas, animal: Animal, hand: int, rows: Tensor) -> None:
    """A triangle whose foot is hidden behind the head."""
    right, up = animal.outline(0.8 * animal.ear_angle + 0.35)
    size, turn = animal.ear_size, 0.05 * animal.yaw
    foot_x, foot_y = hand * 0.66 * right - turn, -0.45 * up
    tip_x, tip_y = hand * 1.12 * right - turn, -up - 1.1 * size
    length = torch.hypot(tip_x - foot_x, tip_y - foot_y)
    along_x, along_y = (tip_x - foot_x) / length, (tip_y - foot_y) / length
    half = torch.minimum(1.3 * size, 0.86 * animal.width - 0.66 * right)
    box = Box(
        torch.minimum(foot_x - half, tip_x),
        tip_y,
        torch.maximum(foot_x + half, tip_x),
        foot_y + half,
    )
    with canvas.window(box, rows) as part:
        x, y = part.x - foot_x, part.y - foot_y
        along = x * along_x + y * along_y
        across = (x * along_y - y * along_x).abs_()
        cosine = length / torch.hypot(length, half)
        distance = ((across - half) + along * (half / length)) * cosine
        _furry(part, animal, torch.maximum(distance, -along))


def _floppy_ear(canvas: Canvas, animal: Animal, hand: int, rows: Tensor) -> None:
    """A long ellipse that hangs down and a little outwards."""
    x, y = hand * 0.97 * animal.width - 0.05 * animal.yaw, -0.04 * animal.height
    wide, high = 0.62 * animal.ear_size, 1.6 * animal.ear_size
    splay = 0.6 * (animal.ear_angle - 0.45)
    with canvas.window(Box.around(x, y, high, high), rows) as part:
        out, down = hand * (part.x - x), part.y - y
        across = (out * splay.cos() - down * splay.sin()) / wide
        along = (out * splay.sin() + down * splay.cos()) / high
        distance = torch.hypot(across, along).sub_(1).mul_(wide)
        part.paint(animal.fur, part.inside(distance), 0.80 - 0.10 * along)


def _furry(part: Canvas, animal: Animal, distance: Tensor) -> None:
    """Paint an ear with a pink inside."""
    inner = part.inside(distance + 0.34 * animal.ear_size)
    light = 0.78 - 0.2 * distance / animal.ear_size
    part.paint(animal.fur, part.inside(distance), light)
    part.paint(_PINK, inner.mul_(0.75))


def _head(canvas: Canvas, animal: Animal) -> None:
    """A super-ellipse, shaded like a ball."""
    wide, high, power = animal.width, animal.height, animal.power
    nothing = torch.zeros_like(wide)
    with canvas.window(Box.around(nothing, nothing, wide, high)) as part:
        right, down = part.x / wide, part.y / high
        radius = (right.abs() ** power).add_(down.abs() ** power).pow_(1 / power)
        front = radius.square().neg_().add_(1).clamp_min_(0).sqrt_()
        length = (animal.light**2 + 0.75**2 + 0.9**2).sqrt()
        facing = right.mul_(0.8 * animal.light / length)
        facing.add_(down.mul_(-0.6 / length)).add_(front.mul_(0.9 / length))
        part.light.copy_(facing.clamp_min_(0).mul_(0.62).add_(0.52))
        part.body.copy_(part.inside(radius.sub_(1).mul_(torch.minimum(wide, high))))
        part.paint(animal.fur, part.body, part.light)


def _spots(canvas: Canvas, animal: Animal) -> None:
    rows = animal.spots.nonzero().flatten()
    if not len(rows):
        return
    some = animal[rows]
    x, y = 0.36 * some.width + 0.18 * some.yaw, -0.30 * some.height
    wide, high = 0.224, 0.187
    size = torch.ones_like(x)
    with canvas.window(Box.around(x, y, wide * size, high * size), rows) as part:
        distance = torch.hypot((part.x - x) / wide, (part.y - y) / high).sub_(1).mul_(0.2)
        part.paint(some.fur, part.inside(distance) * part.body, part.light * 0.62)


def _muzzle(canvas: Canvas, animal: Animal) -> None:
    x, y = 0.20 * animal.yaw, 0.42 * animal.height
    wide, high = 0.52 * animal.width, 0.46 * animal.height
    with canvas.window(Box.around(x, y, wide, high)) as part:
        distance = torch.hypot((part.x - x) / wide, (part.y - y) / high).sub_(1).mul_(0.3)
        cover = part.inside(distance).mul_(part.body).mul_(animal.muzzle)
        part.paint(animal.muzzle_fur, cover, part.light * 1.12)


def _eye(canvas: Canvas, animal: Animal, hand: int) -> None:
    middle, size = animal.eye_x(hand), animal.eye_size
    with canvas.window(Box.around(middle, animal.eye_y, 1.15 * size, 1.27 * size)) as part:
        x, y = part.x - middle, part.y - animal.eye_y
        distance = torch.hypot(x, y / 1.12).sub_(size)
        rim = part.inside(distance - 0.016).mul_(part.body)
        part.paint(animal.fur, rim, part.light * 0.55)
        cover = part.inside(distance).mul_(part.body)
        part.paint(_WHITE, cover, (0.19 * part.light).add_(0.78))
        _iris(part, animal, x - animal.gaze_x, y - animal.gaze_y, cover)
        lid = y + (1.25 - animal.lid) * size + x.square_() * (0.25 / size)
        part.paint(animal.fur, part.inside(lid).mul_(rim), part.light * 0.86)


def _iris(part: Canvas, animal: Animal, x: Tensor, y: Tensor, cover: Tensor) -> None:
    size = animal.eye_size
    radius = torch.hypot(x, y)
    light = y.mul(0.25 / size).add_(0.55).clamp_min_(0)
    part.paint(animal.iris, part.inside(radius - 0.66 * size).mul_(cover), light)
    part.paint(_PUPIL, part.inside(radius - 0.36 * size).mul_(cover))
    glint = torch.hypot(x - 0.22 * size * animal.light.sign(), y + 0.26 * size) - 0.15 * size
    part.paint(_WHITE, part.inside(glint).mul_(cover))


def _glasses(canvas: Canvas, animal: Animal) -> None:
    rows = animal.glasses.nonzero().flatten()
    if not len(rows):
        return
    some = animal[rows]
    y, left, right = some.eye_y, some.eye_x(-1), some.eye_x(1)
    lens = torch.minimum(1.35 * some.eye_size, 0.97 * some.eye_gap)
    wire = 0.022
    box = Box(left - lens - wire, y - lens - wire, right + lens + wire, y + lens + wire)
    with canvas.window(box, rows) as part:
        down = part.y - y
        rings = torch.minimum(
            *(torch.hypot(part.x - x, down).sub_(lens).abs_() for x in (left, right))
        )
        middle, half = (left + right) / 2, (some.eye_gap - lens).clamp_min(0.01)
        bridge = torch.maximum(down.abs() - 0.018, (part.x - middle).abs_() - half)
        part.paint(_INK, part.inside(torch.minimum(rings.sub_(wire), bridge)))


def _mouth(canvas: Canvas, animal: Animal) -> None:
    """A lens bent into a smile, with a tongue when it is open."""
    middle, line, wide = 0.24 * animal.yaw, 0.47 * animal.height, animal.mouth_width
    smile, gape = 0.9 * animal.smile, animal.mouth_open
    with canvas.window(Box.around(middle, line, wide, smile.abs() + gape + 0.03)) as part:
        x = (part.x - middle) / wide
        bend = x.square()
        y = (part.y - line) + smile * (bend - 0.4)
        half = (1 - bend).clamp_min_(0).mul_(gape + 0.024)
        slope = torch.hypot(torch.ones_like(smile), x * (2 * smile / wide))
        edge = torch.maximum((y.abs() - half) / slope, (x.abs() - 1) * wide)
        cover = part.inside(edge).mul_(part.body)
        part.paint(_MOUTH, cover)
        tongue = torch.hypot(x / 0.55, (y - 0.55 * gape) / (0.6 * gape + 1e-3)).sub_(1).mul_(0.05)
        part.paint(_TONGUE, part.inside(tongue).mul_(cover).mul_((gape / 0.04).clamp_max(1)))


def _nose(canvas: Canvas, animal: Animal) -> None:
    middle, line, size = 0.26 * animal.yaw, 0.20 * animal.height, animal.nose
    with canvas.window(Box.around(middle, line, 1.35 * size, size)) as part:
        x, y = part.x - middle, part.y - line
        part.paint(_INK, part.inside(torch.hypot(x / 1.35, y) - size))
        glint = torch.hypot(x + 0.35 * size, y + 0.3 * size) - 0.25 * size
        part.paint(_WHITE, part.inside(glint).mul_(0.8))


def _blush(canvas: Canvas, animal: Animal, hand: int) -> None:
    x, y = hand * 0.56 * animal.width + 0.16 * animal.yaw, 0.30 * animal.height
    wide, high = 0.26, 0.175
    size = torch.ones_like(x)
    with canvas.window(Box.around(x, y, wide * size, high * size)) as part:
        far = ((part.x - x) / wide).square_().add_(((part.y - y) / high).square_())
        part.paint(_BLUSH, (1 - far).clamp_min_(0).square_().mul_(part.body).mul_(animal.blush))

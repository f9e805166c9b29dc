"""Ray-traced shapes: one stands on a checkered floor before a wall, 8 factors, any resolution."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, TypeAlias, final

import torch
from torch import Tensor

from ganzoo.types import Images
from ganzoo_rendered.factors import Factors, Rendered, hsv, uniform

FLOATS = ("scale", "yaw", "object_hue", "floor_hue", "wall_hue", "light", "camera")
"""The factors that are uniform in 0...1."""

_AWAY, _WALL, _LOOKED_AT = 4.2, 2.2, 0.75
"""How far the camera is before the shape, the wall behind it, and how high the camera looks."""

_ZOOM = 0.36
"""Half of what is seen, one unit before the camera."""

_DARK, _BRIGHT, _SHADOW, _GLOSS = 0.34, 0.76, 0.35, 0.55
_TILES, _TILE_STEP = 1.6, 0.10
"""Tiles per unit of floor, and how much darker every other is."""


class Vector(NamedTuple):
    """Points or directions, one tensor an axis; the three broadcast with each other."""

    x: Tensor
    y: Tensor
    z: Tensor

    def dot(self, other: "Vector") -> Tensor:
        """Return the inner product."""
        return self.x * other.x + self.y * other.y + self.z * other.z

    def at(self, way: "Vector", time: Tensor) -> "Vector":
        """Return where one is that sets out from here."""
        return Vector(*(here + there * time for here, there in zip(self, way, strict=True)))

    def over(self, length: Tensor) -> "Vector":
        """Return this divided by a length."""
        return Vector(self.x / length, self.y / length, self.z / length)

    def unit(self) -> "Vector":
        """Return this at length 1."""
        return self.over(self.dot(self).sqrt())

    def turned(self, angle: Tensor) -> "Vector":
        """Return this turned about the upright axis."""
        cos, sin = angle.cos(), angle.sin()
        return Vector(cos * self.x + sin * self.z, self.y, cos * self.z - sin * self.x)


Span: TypeAlias = tuple[Tensor, Tensor]
"""When a ray enters a shape and leaves it; it misses where it would leave first."""


@dataclass(frozen=True)
class Shape:
    """A convex shape.

    Attributes:
        span: From the start of rays, their direction and the size of the shapes [n, 1, 1].
        normal: The direction out of the shape [any length], from points on it and the size.
    """

    span: Callable[[Vector, Vector, Tensor], Span]
    normal: Callable[[Vector, Tensor], Vector]


def ellipsoid(wide: float, high: float, deep: float) -> Shape:
    """Return an ellipsoid with these half axes at size 1."""

    def centred(point: Vector, size: Tensor) -> Vector:
        return Vector(point.x / wide, (point.y - high * size) / high, point.z / deep)

    def span(start: Vector, way: Vector, size: Tensor) -> Span:
        here, there = centred(start, size), Vector(way.x / wide, way.y / high, way.z / deep)
        return _roots(there.dot(there), here.dot(there), here.dot(here) - size * size)

    def normal(point: Vector, size: Tensor) -> Vector:
        out = centred(point, size)
        return Vector(out.x / wide, out.y / high, out.z / deep)

    return Shape(span, normal)


def cube(half: float) -> Shape:
    """Return a cube; ``half`` is half of its side at size 1."""

    def span(start: Vector, way: Vector, size: Tensor) -> Span:
        edge = half * size
        middle = torch.zeros_like(edge), edge, torch.zeros_like(edge)
        sides = [_between(s - m, w, edge) for s, w, m in zip(start, way, middle, strict=True)]
        return _common(_common(sides[0], sides[1]), sides[2])

    def normal(point: Vector, size: Tensor) -> Vector:
        x, y, z = point.x, point.y - half * size, point.z
        most = torch.maximum(torch.maximum(x.abs(), y.abs()), z.abs())
        return Vector(*(axis.sign() * (axis.abs() == most) for axis in (x, y, z)))

    return Shape(span, normal)


def cylinder(radius: float, high: float) -> Shape:
    """Return an upright cylinder of this radius and height at size 1."""

    def span(start: Vector, way: Vector, size: Tensor) -> Span:
        round_ = _roots(
            way.x.square() + way.z.square(),
            start.x * way.x + start.z * way.z,
            start.x.square() + start.z.square() - (radius * size) ** 2,
        )
        half = high / 2 * size
        return _common(round_, _between(start.y - half, way.y, half))

    def normal(point: Vector, size: Tensor) -> Vector:
        top = point.y > high * size - 1e-3
        return Vector(point.x * ~top, top.to(point.x.dtype), point.z * ~top)

    return Shape(span, normal)


def _roots(square: Tensor, half: Tensor, rest: Tensor) -> Span:
    """Return where ``square * t**2 + 2 * half * t + rest`` is 0; twice the same if nowhere."""
    spread = (half * half - square * rest).clamp_min_(0).sqrt_()
    return (-half - spread) / square, (spread - half) / square


def _between(start: Tensor, way: Tensor, edge: Tensor) -> Span:
    """Return when a ray is between -edge and edge on one axis."""
    slow = torch.where(way.abs() < 1e-6, 1e-6, way)
    first, second = (-edge - start) / slow, (edge - start) / slow
    return torch.minimum(first, second), torch.maximum(first, second)


def _common(one: Span, other: Span) -> Span:
    return torch.maximum(one[0], other[0]), torch.minimum(one[1], other[1])


SHAPES = {
    "ball": ellipsoid(1.0, 1.0, 1.0),
    "cube": cube(0.82),
    "cylinder": cylinder(0.8, 1.7),
    "ellipsoid": ellipsoid(1.25, 0.8, 0.75),
}
"""Each stands with the middle of its foot at 0; x and z along the floor, y up."""


@final
class Scenes(Rendered):
    """A shape in colour on a floor of tiles, with its shadow.

    The class is the shape. :meth:`factors` tells all that decides a picture.
    """

    name: ClassVar[str] = "scenes"
    version: ClassVar[int] = 1
    class_factor: ClassVar[str] = "shape"
    class_names: ClassVar[tuple[str, ...]] = tuple(SHAPES)
    fine_from: ClassVar[int] = 512

    def _drawn(self, count: int, rng: torch.Generator) -> dict[str, Tensor]:
        return uniform(FLOATS, count, rng)

    def _pictures(self, factors: Factors, side: int) -> Images:
        kinds = factors["shape"]
        pictures = torch.empty(len(kinds), 3, side, side)
        for kind, shape in enumerate(SHAPES.values()):
            rows = (kinds == kind).nonzero().flatten()
            if len(rows):
                pictures[rows] = _traced(shape, {n: f[rows] for n, f in factors.items()}, side)
        return pictures


@dataclass(frozen=True)
class _View:
    """What is seen, in the frame of the shape, which is turned by its yaw.

    Attributes:
        camera: Where rays start; parts are [n, 1, 1].
        way: Where they go: one unit before the camera, parts broadcast to [n, side, side].
        back: When they reach floor or wall [n, side, 1].
        wall: Which of the two it is [n, side, 1].
        sun: Direction to the light, of length 1; parts are [n, 1, 1].
        upright: How much of the light falls on the wall [n, 1, 1].
        size: Of the shape [n, 1, 1].
    """

    camera: Vector
    way: Vector
    back: Tensor
    wall: Tensor
    sun: Vector
    upright: Tensor
    size: Tensor


def _traced(shape: Shape, factors: Factors, side: int) -> Images:
    """Return pictures [n, 3, side, side] of one shape; values near 0...1."""
    view = _view(factors, side)
    pictures = _room(view, shape, factors)
    enter, leave = shape.span(view.camera, view.way, view.size)
    seen = enter < leave
    # Only the pixels that show the shape, in one line.
    image, row, column = seen.nonzero(as_tuple=True)
    way = Vector(*(part.expand_as(seen)[seen] for part in view.way))
    camera, sun = (Vector(*(part.flatten()[image] for part in v)) for v in (view.camera, view.sun))
    point = camera.at(way, enter[seen])
    normal = shape.normal(point, view.size.flatten()[image]).unit()
    toward = way.over(-way.dot(way).sqrt())
    half = Vector(*(a + b for a, b in zip(sun, toward, strict=True))).unit()
    light = normal.dot(sun).clamp_min_(0).mul_(_BRIGHT).add_(_DARK)
    gloss = normal.dot(half).clamp_min_(0).pow_(40).mul_(_GLOSS)
    colour = hsv(factors["object_hue"], 0.75, 0.95)[image]
    pictures[image, :, row, column] = colour * light.unsqueeze(1) + gloss.unsqueeze(1)
    return pictures


def _view(factors: Factors, side: int) -> _View:
    def between(name: str, low: float, high: float) -> Tensor:
        return (low + (high - low) * factors[name]).view(-1, 1, 1)

    line = (torch.arange(side) + 0.5) / side * 2 - 1
    height = between("camera", 1.2, 2.1)
    pitch = torch.atan2(height - _LOOKED_AT, torch.tensor(_AWAY))
    up = -_ZOOM * line.unsqueeze(1)
    nothing = torch.zeros_like(height)
    camera = Vector(nothing, height, nothing - _AWAY)
    way = Vector(
        _ZOOM * line.view(1, 1, -1),
        up * pitch.cos() - pitch.sin(),
        up * pitch.sin() + pitch.cos(),
    )
    azimuth = between("light", -1.2, 1.2)
    sun = Vector(1.1 * azimuth.sin(), nothing + 1.25, -0.9 * azimuth.cos()).unit()
    to_floor = torch.where(way.y < -1e-4, -height / way.y.clamp_max(-1e-4), 1e4)
    to_wall = (_AWAY + _WALL) / way.z
    yaw = between("yaw", 0.0, math.pi / 2)
    return _View(
        camera=camera.turned(yaw),
        way=way.turned(yaw),
        back=torch.minimum(to_floor, to_wall),
        wall=to_wall < to_floor,
        sun=sun.turned(yaw),
        upright=-sun.z,
        size=between("scale", 0.55, 0.85),
    )


def _room(view: _View, shape: Shape, factors: Factors) -> Images:
    """Return pictures of floor and wall with the shadow of the shape, but not the shape."""
    point = view.camera.at(view.way, view.back)
    enter, leave = shape.span(point, view.sun, view.size)
    lit = torch.where((enter < leave) & (leave > 0), _SHADOW, 1.0)
    facing = torch.where(view.wall, view.upright, view.sun.y).clamp_min(0)
    light = lit.mul_(_BRIGHT * facing).add_(_DARK)
    near = (point.x.square() + point.z.square()).div_(-1.6 * view.size**2).exp_()
    light.mul_(1 - near.mul_(0.45 * ~view.wall))
    odd = ((point.x * _TILES).floor_() + (point.z * _TILES).floor_()).remainder_(2)
    step = odd.mul_(_TILE_STEP * ~view.wall).unsqueeze(1)
    wall, floor = (
        hsv(factors[f"{name}_hue"], saturation, value)[:, :, None, None]
        for name, saturation, value in (("wall", 0.38, 0.9), ("floor", 0.45, 0.85))
    )
    colours = torch.where(view.wall.unsqueeze(1), wall, floor)  # [n, 3, side, 1]
    return (colours - step).mul_(light.unsqueeze(1))

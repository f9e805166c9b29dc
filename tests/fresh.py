"""A fresh environment, and wheels in a folder: what somebody has who installs ganzoo and plugins.

What is real: wheels are built by hatchling as for an index, pip installs them by name and resolves
what they need from the folder alone, and nothing sees the source tree. What is borrowed: torch and
everything else that ganzoo needs is linked from the running environment, for it takes minutes to
download. The links leave ganzoo out, so that it has to come from a wheel.
"""

import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

_OURS = ("ganzoo", "torch_ganzoo", "_torch_ganzoo", "__editable__")


@final
@dataclass(frozen=True)
class Fresh:
    """An environment and the folder of wheels that its pip installs from.

    Attributes:
        folder: Holds both, and the caches of ganzoo.
    """

    folder: Path

    @property
    def wheels(self) -> Path:
        """Where pip finds what it installs."""
        return self.folder / "wheels"

    def build(self, *sources: Path) -> None:
        """Build a wheel of each source tree, without what it needs."""
        self.run(["python", "-m", "pip", "wheel", "-q", "--no-deps", "-w", self.wheels, *sources])

    def run(
        self, words: Sequence[str | Path], cwd: Path | None = None, *, fails: bool = False
    ) -> str:
        """Run a command of the environment and return what it printed.

        Args:
            words: The command.
            cwd: Where.
            fails: Whether it may fail.
        """
        done = subprocess.run(
            list(map(str, words)),
            cwd=cwd or self.folder,
            env=self._environ(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert fails or done.returncode == 0, f"{' '.join(map(str, words))}\n{done.stdout}"
        return done.stdout

    def _environ(self) -> dict[str, str]:
        """The variables of a shell in which the environment is active."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "PYTHON"))}
        return kept | {
            "PATH": os.pathsep.join([str(self.folder / "venv" / "bin"), os.environ["PATH"]]),
            "VIRTUAL_ENV": str(self.folder / "venv"),
            "GANZOO_HOME": str(self.folder / "home"),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.wheels),
            "PIP_NO_BUILD_ISOLATION": "0",  # sic: false is its way to switch isolation off
        }


def fresh(folder: Path) -> Fresh:
    """Make an environment in a folder, with nothing of ganzoo's."""
    made = Fresh(folder)
    made.wheels.mkdir(parents=True)
    venv.create(folder / "venv")
    borrowed = folder / "borrowed"
    borrowed.mkdir()
    for there in Path(sysconfig.get_path("purelib")).iterdir():
        if not there.name.startswith(_OURS) and there.suffix != ".pth":
            (borrowed / there.name).symlink_to(there)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    inside = folder / "venv" / "lib" / version / "site-packages"
    (inside / "borrowed.pth").write_text(f"{borrowed}\n")
    pip = folder / "venv" / "bin" / "pip"  # borrowed too
    pip.write_text(
        f"#!{pip.with_name('python')}\nimport sys\nfrom pip._internal.cli.main import main\n"
        "sys.exit(main())\n"
    )
    pip.chmod(0o755)
    return made

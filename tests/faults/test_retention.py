"""Whatever is saved, damaged, protected and resumed: what a run could go on from stays."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ganzoo.rundir import moment, moment_of
from ganzoo.training import checkpoint

pytestmark = pytest.mark.faults


class Story:
    """A folder of checkpoints without contents, and what happens to it."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.folder, self.chance = folder, chance
        self.sound = set[int]()  # the moments whose checkpoint could be read
        self.nimg, self.best, self.saved = 0, 0, 0
        self.keep = chance.randint(1, 4)

    def write(self, path: Path, *_: Any) -> None:
        path.parent.mkdir(exist_ok=True)
        path.touch()  # a file is deleted as a folder is, and sooner
        self.sound.add(int(path.name))

    def verify(self, path: Path) -> list[str]:
        return [] if int(path.name) in self.sound else ["damaged"]

    def play(self) -> None:
        """Do one of all that can happen."""
        there = checkpoint.moments(self.folder)
        word = self.chance.choice(["save", "save", "save", "damage", "best", "resume", "kill"])
        if word == "save" or not there:
            self.save()
        elif word == "damage":
            self.sound -= {self.chance.choice(there)}
        elif word == "best":
            self.best = self.chance.choice(there)
        elif word == "resume":  # from the newest that is sound, after some newer were damaged
            self.sound -= set(there[len(there) - self.chance.randint(0, 3) :])
            self.nimg = max(self.sound, default=self.nimg)
        else:  # while an old one was deleted
            victim = self.chance.choice(there)
            if victim != max(self.sound, default=victim):
                (self.folder / moment(victim)).rename(self.folder / f".trash-{victim}-1")
                self.sound -= {victim}

    def save(self) -> None:
        """Save, and check what is left."""
        before = set(checkpoint.moments(self.folder))
        self.nimg += self.chance.choice([1, 2, 5])
        checkpoint.save(self.folder, self.nimg, {}, keep=self.keep, protect={self.best})
        there = set(checkpoint.moments(self.folder))
        self.sound &= there
        self.saved += 1
        past = sorted(nimg for nimg in before | {self.nimg} if nimg <= self.nimg)
        wanted = {*past[-self.keep :], *({self.best} & before)}
        later = {nimg for nimg in before if nimg > self.nimg}
        assert self.nimg in self.sound
        assert there == wanted | later
        assert not [path for path in self.folder.iterdir() if moment_of(path.name) is None]


def test_the_newest_sound_checkpoint_is_never_deleted(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    amount: Callable[[int, int], int],
    measured: Callable[[str, str], None],
) -> None:
    count, saved = amount(300, 10_000), 0
    for seed in range(count):
        story = Story(tmp_path / str(seed), random.Random(seed))
        monkeypatch.setattr(checkpoint, "_save", story.write)
        monkeypatch.setattr(checkpoint, "verify", story.verify)
        for _ in range(story.chance.randint(3, 16)):
            story.play()
        shutil.rmtree(story.folder)
        saved += story.saved

    measured("B8", f"{count} of {count} random sequences, {saved} saves: none lost, none too many")

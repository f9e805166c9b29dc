"""``ganzoo explain``: every term, and what is told of one that there is not."""

import pytest

from ganzoo.cli.main import main
from ganzoo.quality.health import WORDS
from ganzoo.quality.terms import TERMS

Said = pytest.CaptureFixture[str]


def test_without_a_term_all_are_listed(capsys: Said) -> None:
    assert main(["explain"]) == 0

    out = capsys.readouterr().out
    assert all(f"  {name} " in out for name in TERMS)


@pytest.mark.parametrize(
    "words", [["D acc"], ["d_acc"], ["d-acc"], ["D", "acc"], ["D-ACC"]], ids=" ".join
)
def test_a_term_is_found_however_it_is_written(words: list[str], capsys: Said) -> None:
    assert main(["explain", *words]) == 0
    assert capsys.readouterr().out.startswith("D acc\n")


def test_an_unknown_term_names_a_near_one(capsys: Said) -> None:
    assert main(["explain", "mode-colapse"]) == 2
    assert "Did you mean mode-collapse" in capsys.readouterr().err


@pytest.mark.parametrize("word", [*WORDS, "nan", "patience", "evaluation"])
def test_every_word_that_a_run_remarks_with_is_explained(word: str) -> None:
    assert main(["explain", word]) == 0

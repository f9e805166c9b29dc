"""The words that the program prints, each explained in a few lines."""

import re
import textwrap

from ganzoo.errors import RecipeError, did_you_mean
from ganzoo.quality import health
from ganzoo.quality.watchdog import MOST


def _tried(word: str) -> str:
    return f"Try {' or '.join(health.CURES[word])}."


_WRITTEN = {
    "balanced": """Neither player has lost and the pictures differ. It is what you want to see, but
        says nothing of how good pictures are: look at them, and at FD.""",
    "d-winning": f"""D tells nearly every fake, so G gets little to learn from. The loss says
        what that looks like; for the usual ones D acc above 0.98 with D(fake) below 0.02, or a D
        loss below 0.02, for {health.LASTING:,} steps. {_tried("winning")}""",
    "d-blind": f"""D does no better than a coin, and not because pictures are good: D acc is below
        0.55 for {health.LASTING:,} steps while variety is below {health.FEW}. D learns too slowly,
        or a penalty holds it down. {_tried("blind")}""",
    "mode-collapse": f"""G draws few different pictures, because those fool D. After
        {health.LASTING:,} steps, {health.CHECKS} rows in turn have a variety below
        {health.VERY_FEW}, or below {health.FEW} and {1 - health.FALLEN:.0%} below its peak, or
        distinct has fallen as much and is below {health.REPEATED}. It sometimes recovers.
        {_tried("few-different")}""",
    "diverging": f"""A loss runs away: it is more than {health.JUMP:g} times its median of late and
        above {health.LARGE:g}, or above {health.ABSURD:,.0f}. The next stop is nan.
        {_tried("diverging")}""",
    "nan": f"""Not a number: a loss, a gradient or a weight was no longer finite. The run ended
        with exit code 5, before anything of it was saved; crash/ names the images of the step.
        Rates were too high, or nothing bounded the slope of D. With --on-nan rollback a run goes
        back by itself; see rollback. {_tried("diverging")}""",
    "copying": f"""Generated pictures are training images: at an evaluation their nn-ratio was
        below {health.COPIED}. It happens with little data and long training; more pictures help
        most. {_tried("copying")}""",
    "health": f"""One word on how the game goes. It is the most urgent of
        {", ".join(health.WORDS)}; each is explained here. A remark is made once, and again only
        after {health.CALM:,} steps in which nothing was found.""",
    "variety": """How different pictures are: the mean distance between 64 of them, averaged to 8x8
        pixels, over that between 64 real ones. 1: as different as real ones; 0: all the same. It
        sees a collapse at no cost, but not a missing class.""",
    "distinct": f"""How far 256 pictures lie from the one most like them, averaged to 8x8 pixels,
        over that of real ones. Near 0: the same pictures are made again and again, however
        different they are. It begins low: below {health.REPEATED} after a fall it is bad.""",
    "rollback": f"""Going back when the game is lost. With --on-collapse rollback a run that is
        diverging, d-winning or in mode-collapse goes back to its last healthy checkpoint with half
        the learning rates, at most {MOST} times, and then stops. stop: it ends at once; warn, the
        default: it says so and goes on. --on-nan rollback does the same for nan, where the default
        is to stop. Of d-blind and copying people are only told.""",
    "unsaved": """A checkpoint could not be written: the disk is full, or fails. Training goes on
        and tries again at the next one; the third in turn, or one at the end, ends the run with
        exit code 4. The checkpoints before it are untouched.""",
    "unwritten": """Something beside checkpoints could not be written: a row of the trace, a sheet
        of samples, an evaluation. Training goes on; rows are kept and written later. It is said
        once, and again only after it has worked.""",
    "evaluation": """Judging the averaged generator by features of its pictures and of real ones,
        every training.eval_kimg and by ganzoo eval. One that fails, as where an optional package
        is missing, is said once and ends no run.""",
    "patience": """Evaluations in a row without a better one, after which a run ends. The best
        checkpoint is kept: ganzoo sample RUN --checkpoint best. --set training.patience=none goes
        on to the end.""",
    "cuda_graph": """On a CUDA device a step is recorded once and then replayed as a whole, so that
        no kernel waits for Python. A part that asks the device for a number, or that changes in
        every step, keeps its run from it: it trains as well, but slower. training.cuda_graph=off
        never records; on makes it an error where a step cannot be recorded.""",
    "D loss": """What the discriminator minimizes, without penalties. Near 0: it has won. With the
        usual loss 1.386 means that it only guesses. It says nothing of how good pictures are.""",
    "G loss": """What the generator minimizes. It moves against D, so it need not fall while
        pictures get better; compare pictures or FD, never this.""",
    "D(real)": """The probability that D gives real images on average. In a fair game above 0.5
        and below 1; D(fake) is its counterpart.""",
    "D(fake)": """The probability that D gives generated images to be real, on average. Near 0: D
        knows every fake. 0.5 together with D(real): it cannot tell them apart.""",
    "D acc": """The share of images, real and generated, that D judges rightly. 0.5 is a coin, 1
        means that D has won. With relativistic losses: the share of pairs in which the real image
        has the higher logit.""",
    "C(real)": """The mean output of D for real images, where it is a critic whose answers are no
        probabilities. Only the gap to C(fake), the same for generated images, has a meaning.""",
    "gap": """C(real) minus C(fake). With wgan and a bounded slope it estimates a distance between
        real and generated images, so it shrinks as they get alike.""",
    "kimg": """A thousand real images shown to D, the unit of length here, whatever the batch
        size: steps = kimg x 1000 / batch size, epochs = kimg x 1000 / images.""",
    "step": """One move of D, or as many as algorithm.d_steps says, and one of G.""",
    "tick": """A point at which numbers are averaged and a row is written: 20 times a run,
        and at least once an epoch; every 10 kimg where minutes bound the run.
        training.tick_kimg sets it.""",
    "EMA": """The averaged generator: an exponential moving average of G's weights, steadier than G
        itself. Samples, evaluations and exports use it. training.ema_halflife_kimg says how far
        it looks back.""",
    "FD": """Frechet distance: how far the mean and spread of features of generated images are from
        those of real ones. 0 is equal, lower is better. Features of Inception make it the FID;
        with other features it is another number. Compare only equal protocols.""",
    "floor": """What real images that were held out reach in place of generated ones. Nothing
        better can be measured with so many images; a value at its floor is perfect.""",
    "precision": """The share of generated images that lie among real ones in the space of
        features: how real they look. recall is the share of real images that lie among generated
        ones: how much of the data is made. Higher is better.""",
    "density": """Like precision, but it counts in how many neighbourhoods of real images a
        generated one lies, so that outliers weigh less. coverage is the share of real images with
        a generated one nearby. Higher is better.""",
    "nn-ratio": """The distance of generated pictures to their nearest training image, over that
        of unseen real images. Near 1: nothing is learned by heart; towards 0: copying. copied,
        beside it, is the share of pictures that are far nearer than unseen ones.""",
    "truncation": """Pulling w of a style-based generator to its mean: pictures get better and more
        alike. sample --psi 0.7 does it; 1 is none.""",
    "preset": """Settings of a model under one name: --preset quick. ganzoo info NAME lists
        them; what you set yourself goes first.""",
    "seed": """The start of every random stream: same seed, same settings and same machine, same
        run. Results of one seed may be luck; compare several.""",
    "checkpoint": """The whole state of a run on disk, networks, optimizers and random streams.
        ganzoo resume goes on from the newest as if nothing had been.""",
}

TERMS = {
    name: textwrap.fill(" ".join(text.split()), 80, break_on_hyphens=False)
    for name, text in _WRITTEN.items()
}
"""What each term means."""

_ALSO = {
    "winning": "d-winning",
    "blind": "d-blind",
    "few-different": "mode-collapse",
    "C(fake)": "C(real)",
    "copied": "nn-ratio",
    "recall": "precision",
    "coverage": "density",
    "FID": "FD",
    "psi": "truncation",
    "on-collapse": "rollback",
    **{sentence: word for word, sentence in health.WORDS.items()},
}


def find(term: str) -> str:
    """Return the name of a term however it is written: ``d_acc``, ``D acc``, ``d-acc``.

    Raises:
        RecipeError: There is no such term.
    """
    known = {_plain(name): name for name in (*TERMS, *_ALSO)}
    name = known.get(_plain(term))
    if name is None:
        near = did_you_mean(term, known)
        raise RecipeError(f"no term called {term!r}.{near}", hint="ganzoo explain")
    while name not in TERMS:
        name = _ALSO[name]
    return name


def first_sentence(name: str) -> str:
    """Return the beginning of what a term means, on one line."""
    return re.split(r"(?<=[.;]) ", " ".join(TERMS[name].split()))[0].rstrip(".;")


def _plain(term: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", term.lower()).strip("-")

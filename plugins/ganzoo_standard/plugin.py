"""What this plugin offers, entry point ``std``; light, so that listing it imports no torch."""

from collections.abc import Iterable

from ganzoo import Component, Recipe, component, hookimpl

_LOSSES = (
    component(
        "loss",
        "minimax",
        "ganzoo_standard.losses:Minimax",
        "the two-player game as first written; the generator's gradient fades early",
        paper="Generative Adversarial Nets, eq. 1 (Goodfellow et al., 2014),"
        " https://arxiv.org/abs/1406.2661",
    ),
    component(
        "loss",
        "ns",
        "ganzoo_standard.losses:NonSaturating",
        "non-saturating: the generator maximizes log D(fake); the default",
        paper="Generative Adversarial Nets, section 3 (Goodfellow et al., 2014),"
        " https://arxiv.org/abs/1406.2661",
        aliases=("non-saturating", "logistic"),
    ),
    component(
        "loss",
        "lsgan",
        "ganzoo_standard.losses:LeastSquares",
        "least squares towards 1 for real and 0 for fake",
        paper="Least Squares Generative Adversarial Networks (Mao et al., 2017),"
        " https://arxiv.org/abs/1611.04076",
        aliases=("least-squares",),
    ),
    component(
        "loss",
        "hinge",
        "ganzoo_standard.losses:Hinge",
        "only logits inside the margin teach the discriminator",
        paper="Geometric GAN (Lim and Ye, 2017), https://arxiv.org/abs/1705.02894",
    ),
    component(
        "loss",
        "wgan",
        "ganzoo_standard.losses:Wasserstein",
        "difference of mean logits; needs a penalty or layers that bound the slope",
        paper="Wasserstein GAN (Arjovsky et al., 2017), https://arxiv.org/abs/1701.07875",
        aliases=("wasserstein",),
    ),
    component(
        "loss",
        "rpgan",
        "ganzoo_standard.losses:RelativisticPairing",
        "each real image against its fake; needs r1 and r2",
        paper="The relativistic discriminator: a key element missing from standard GAN,"
        " RSGAN (Jolicoeur-Martineau, 2018), https://arxiv.org/abs/1807.00734",
        aliases=("relativistic",),
    ),
    component(
        "loss",
        "ragan",
        "ganzoo_standard.losses:RelativisticAverage",
        "each image against the average of the other kind",
        paper="The relativistic discriminator: a key element missing from standard GAN,"
        " RaSGAN (Jolicoeur-Martineau, 2018), https://arxiv.org/abs/1807.00734",
    ),
    component(
        "loss",
        "rahinge",
        "ganzoo_standard.losses:RelativisticAverageHinge",
        "the hinge, against the average of the other kind",
        paper="The relativistic discriminator: a key element missing from standard GAN,"
        " RaHingeGAN (Jolicoeur-Martineau, 2018), https://arxiv.org/abs/1807.00734",
    ),
)

_REGULARIZERS = (
    component(
        "regularizer",
        "r1",
        "ganzoo_standard.regularizers:R1",
        "half the squared slope of the discriminator at real images",
        paper="Which Training Methods for GANs do actually Converge?, eq. 9"
        " (Mescheder et al., 2018), https://arxiv.org/abs/1801.04406",
    ),
    component(
        "regularizer",
        "r2",
        "ganzoo_standard.regularizers:R2",
        "half the squared slope of the discriminator at fake images",
        paper="Which Training Methods for GANs do actually Converge?, eq. 10"
        " (Mescheder et al., 2018), https://arxiv.org/abs/1801.04406",
    ),
    component(
        "regularizer",
        "gp",
        "ganzoo_standard.regularizers:GradientPenalty",
        "pulls the slope between real and fake images to 1",
        paper="Improved Training of Wasserstein GANs, eq. 3 (Gulrajani et al., 2017),"
        " https://arxiv.org/abs/1704.00028",
        aliases=("gradient-penalty",),
    ),
    component(
        "regularizer",
        "dragan",
        "ganzoo_standard.regularizers:Dragan",
        "pulls the slope around real images to 1",
        paper="On Convergence and Stability of GANs, Algorithm 1 (Kodali et al., 2017),"
        " https://arxiv.org/abs/1705.07215",
    ),
    component(
        "regularizer",
        "lecam",
        "ganzoo_standard.regularizers:LeCam",
        "holds logits near the past average of the other kind, for little data",
        paper="Regularizing Generative Adversarial Networks under Limited Data"
        " (Tseng et al., 2021), https://arxiv.org/abs/2104.03310",
    ),
    component(
        "regularizer",
        "drift",
        "ganzoo_standard.regularizers:Drift",
        "keeps the logits of real images near 0",
        paper="Progressive Growing of GANs, appendix A.1 (Karras et al., 2018),"
        " https://arxiv.org/abs/1710.10196",
    ),
    component(
        "regularizer",
        "clip",
        "ganzoo_standard.regularizers:WeightClip",
        "clips the discriminator's weights after each of its moves",
        paper="Wasserstein GAN, Algorithm 1 (Arjovsky et al., 2017),"
        " https://arxiv.org/abs/1701.07875",
        aliases=("weight-clip",),
    ),
)

_TRAINING = (
    component(
        "schedule",
        "decay",
        "ganzoo_standard.schedules:Decay",
        "learning rates fall in a line to their end value in the last part of the run",
    ),
    component(
        "schedule",
        "cosine",
        "ganzoo_standard.schedules:Cosine",
        "learning rates fall along half a cosine; penalties, moments and average can, too",
        paper="SGDR: Stochastic Gradient Descent with Warm Restarts, eq. 5"
        " (Loshchilov and Hutter, 2017), https://arxiv.org/abs/1608.03983",
    ),
    component(
        "algorithm",
        "adversarial",
        "ganzoo.adversarial:Adversarial",
        "some moves of the discriminator, then one of the generator; the default",
        paper="Generative Adversarial Nets, Algorithm 1 (Goodfellow et al., 2014),"
        " https://arxiv.org/abs/1406.2661",
    ),
)


@hookimpl
def ganzoo_register() -> Iterable[Component | Recipe]:
    """Return the standard losses, regularizers, schedules and algorithm."""
    return (*_LOSSES, *_REGULARIZERS, *_TRAINING)

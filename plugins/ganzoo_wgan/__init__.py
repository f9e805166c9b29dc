"""WGAN and WGAN-GP: a critic of bounded slope in place of a judge (Arjovsky et al., 2017)."""

"""WGAN and WGAN-GP: a discriminator of bounded slope that scores (Arjovsky et al., 2017)."""

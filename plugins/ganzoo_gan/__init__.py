"""The first GAN: two multilayer perceptrons (Goodfellow et al., 2014)."""

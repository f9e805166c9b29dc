"""FastGAN made small for ganzoo."""

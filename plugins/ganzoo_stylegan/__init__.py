"""StyleGAN2 at a size for one small machine (Karras et al., 2020)."""

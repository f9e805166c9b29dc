"""SAGAN: self-attention and spectral norm in both networks (Zhang et al., 2019)."""

"""SNGAN: residual networks with spectral norm (Miyato et al., 2018)."""

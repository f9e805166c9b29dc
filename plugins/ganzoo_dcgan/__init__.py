"""DCGAN: convolutions all the way (Radford et al., 2015)."""

"""R3GAN: a relativistic loss, two penalties, no norms (Huang et al., 2024)."""

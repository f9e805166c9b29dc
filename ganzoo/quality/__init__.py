"""How good, how healthy, which is better: what is measured on runs, and never trains anything."""

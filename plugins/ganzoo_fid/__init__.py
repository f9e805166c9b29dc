"""The feature space of published FIDs, through torch-fidelity."""

"""f-divergences as losses for ganzoo."""

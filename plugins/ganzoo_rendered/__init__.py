"""Pictures drawn by formula, with every factor known: critters and scenes."""

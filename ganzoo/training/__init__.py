"""From an experiment to a trained one: the steps, their memory, and what is kept on disk.

No GAN is named here; what a step does is said by the algorithm and its terms.
"""

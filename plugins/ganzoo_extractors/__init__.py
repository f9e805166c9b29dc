"""Feature spaces of our own: small classifiers with their weights, and a pixel PCA."""

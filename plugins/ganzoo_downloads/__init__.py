"""Downloads: MNIST, Fashion-MNIST and CIFAR-10, fetched once and checked."""

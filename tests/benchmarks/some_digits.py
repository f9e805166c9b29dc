"""Packs some handwritten digits as a zip of pictures, as many of each class, to train on little.

    python tests/benchmarks/some_digits.py 500 -o 500.zip --data-root DIR

They are the first of each class in MNIST's training part.
"""

import argparse
import io
import zipfile
from pathlib import Path

import torch
from PIL import Image

from ganzoo_downloads.torchvision_sets import Mnist


def main() -> None:
    """Write the zip."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("count", type=int, help="pictures in all")
    asked.add_argument("-o", "--output", type=Path, required=True)
    asked.add_argument("--data-root", help="folder with MNIST/raw; the cache if not said")
    said = asked.parse_args()
    pixels, labels = Mnist(root=said.data_root).load(28)
    assert labels is not None
    with zipfile.ZipFile(said.output, "w") as packed:
        for name in range(10):
            for index in torch.nonzero(labels == name).flatten()[: said.count // 10].tolist():
                picture = io.BytesIO()
                Image.fromarray(pixels[index, 0].numpy()).save(picture, "PNG")
                packed.writestr(f"{name}/{index:05d}.png", picture.getvalue())


if __name__ == "__main__":
    main()

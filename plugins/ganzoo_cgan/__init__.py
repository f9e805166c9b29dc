"""cGAN: both players are told the class (Mirza and Osindero, 2014), and two later ways."""

"""Where real images come from, and how they reach the training device.

A data set describes itself without decoding (``describe``) and gives every image at once as pixels
(``load``); :mod:`ganzoo.data.resident` keeps them on the device and hands out batches. What is too
large for that is read while training (:mod:`ganzoo.data.streamed`), in the same order.
"""

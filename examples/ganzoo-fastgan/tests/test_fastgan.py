"""What ganzoo asks of every plugin."""

from ganzoo.testing import checks_for

test_fastgan = checks_for("fastgan")

"""What ganzoo asks of every plugin."""

from ganzoo.testing import checks_for

test_fgan = checks_for("fgan")

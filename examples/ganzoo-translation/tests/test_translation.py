"""What ganzoo asks of every plugin."""

from ganzoo.testing import checks_for

test_translation = checks_for("translation")

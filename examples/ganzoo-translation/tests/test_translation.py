from ganzoo.testing import checks_for

test_translation = checks_for("translation")

"""For authors of plugins: hold a plugin to every promise of the seam.

On the command line ``ganzoo check-plugin weather``; in the tests of a package two lines::

    from ganzoo.testing import checks_for

    test_weather = checks_for("weather")

A part that breaks a promise for a good reason says so in its description,
``expected_failures={"range": "ends in a linear layer, as in the paper"}``.
"""

from ganzoo.testing.check import CHECKS as CHECKS
from ganzoo.testing.check import Check as Check
from ganzoo.testing.check import CheckError as CheckError
from ganzoo.testing.check import SkippedError as SkippedError
from ganzoo.testing.plugin import checks as checks
from ganzoo.testing.suite import checks_for as checks_for

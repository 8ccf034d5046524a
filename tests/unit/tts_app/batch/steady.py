"""Hypothesis without luck."""

from hypothesis import HealthCheck, settings

# The same examples in every run, however slow the machine.
STEADY = settings(
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)

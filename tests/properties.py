"""How the property tests look for examples: the same ones each time, without a memory of them."""

from hypothesis import HealthCheck, settings

FEW = settings(
    max_examples=25,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
MANY = settings(FEW, max_examples=150)

"""The modules agree with the golden vectors ($ORFEAS_GOLDEN, or those beside the Rust tests)."""

import pytest

from check_golden import CHECKS, TOLERANCE, case, default_folder


def test_some_vectors_are_there():
    assert any(case(default_folder(), name) for name in CHECKS)


@pytest.mark.parametrize("name", CHECKS)
def test_golden(name):
    golden = case(default_folder(), name)
    if golden is None:
        pytest.skip(f"{name} is not in {default_folder()}")
    errors = dict(CHECKS[name](golden))
    assert errors
    assert {what: error for what, error in errors.items() if not error <= TOLERANCE} == {}

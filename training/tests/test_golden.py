"""The modules agree with the golden vectors ($ORFEAS_GOLDEN, or those beside the Rust tests)."""

import pytest

from check_golden import CHECKS, TOLERANCE, case, default_folder


# The project keeps a few of the vectors; a folder with all of them checks all.
PRESENT = [name for name in CHECKS if case(default_folder(), name)]


def test_some_vectors_are_there():
    assert PRESENT


@pytest.mark.parametrize("name", PRESENT)
def test_golden(name):
    errors = dict(CHECKS[name](case(default_folder(), name)))
    assert errors
    assert {what: error for what, error in errors.items() if not error <= TOLERANCE} == {}

"""The budget: Chinchilla's twenty tokens per parameter, six FLOPs per parameter and token."""

import pytest

from curate.budget import budget
from curate.errors import CurateError


def test_chinchilla_itself():
    # 70 billion parameters on 1.4 trillion tokens: 5.88e23 FLOPs (Hoffmann et al. 2022, table 3 gives 5.76e23).
    told = budget(1_400_000_000_000)
    assert told.parameters == 70_000_000_000
    assert told.flops == pytest.approx(5.88e23)
    assert told.epochs_needed == 1


def test_a_model_that_is_too_large_needs_epochs():
    told = budget(1_000_000, 1_000_000)
    assert (told.tokens_wanted, told.epochs_needed) == (20_000_000, 20)
    assert len(told.sentences()) == 2
    assert len(budget(10_000_000, 1_000_000).sentences()) == 1


def test_nothing():
    assert budget(0).epochs_needed is None
    assert "no data" in budget(0).sentences()[0]
    for bad in ((-1, None), (1, 0)):
        with pytest.raises(CurateError):
            budget(*bad)

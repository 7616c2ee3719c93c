"""How much model a number of tokens is worth, and the other way round."""

from dataclasses import dataclass
from typing import Any

from curate.errors import CurateError

#: tokens per parameter at which a FLOP is best spent (Hoffmann et al. 2022, "Chinchilla")
TOKENS_PER_PARAMETER = 20
#: passes over the data that teach about as much as new data (Muennighoff et al. 2023)
USEFUL_EPOCHS = 4


@dataclass(frozen=True)
class Budget:
    """Tokens and a model, seen together.

    Attributes:
        tokens: at hand.
        parameters: of the model.
        flops: 6 x parameters x tokens trained on (Kaplan et al. 2020).
        tokens_wanted: that make the model compute-optimal.
        epochs_needed: passes over the tokens at hand to see as many; None if there are none.
    """

    tokens: int
    parameters: int
    flops: float
    tokens_wanted: int
    epochs_needed: float | None

    def sentences(self) -> list[str]:
        """The same in words."""
        epochs = "no data" if self.epochs_needed is None else f"{self.epochs_needed:.2g} epochs"
        told = [
            f"{self.tokens:,} tokens, {self.parameters:,} parameters: {self.flops:.3g} FLOPs for "
            f"{self.tokens_wanted:,} tokens, {epochs}"
        ]
        if self.epochs_needed is not None and self.epochs_needed > USEFUL_EPOCHS:
            told.append(
                f"more than {USEFUL_EPOCHS} epochs teach less each: gather more data, or train a smaller model"
            )
        return told

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        return dict(vars(self))


def budget(tokens: int, parameters: int | None = None) -> Budget:
    """What it takes to train a model on this many tokens.

    Args:
        tokens: at hand, counted once.
        parameters: of the model; None = the compute-optimal number, a twentieth of the tokens.

    Raises:
        CurateError: a negative number, or no parameters.
    """
    if tokens < 0 or (parameters is not None and parameters < 1):
        raise CurateError(f"{tokens} tokens, {parameters} parameters", hint="give positive numbers")
    size = max(tokens // TOKENS_PER_PARAMETER, 1) if parameters is None else parameters
    wanted = TOKENS_PER_PARAMETER * size
    return Budget(tokens, size, 6.0 * size * wanted, wanted, wanted / tokens if tokens else None)

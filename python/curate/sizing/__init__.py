"""How long a run takes, and how much memory, disk and money: measured on a sample, scaled to the whole."""

from curate.errors import PlanError
from curate.pipeline import Pipeline
from curate.sizing.estimate import Estimate, estimate
from curate.sizing.measure import Measured, StepCost, measure, sample


def estimate_run(
    pipeline: Pipeline, *, cores: int, count: int | None = None, price: float | None = None
) -> Estimate:
    """What a run of this pipeline will cost, from a sample of its input.

    Args:
        pipeline: it is run over the sample, in this process, into a temporary folder.
        cores: that work on it.
        count: for so many files like those of the input; None = for those of the input.
        price: of a core for an hour, in any currency.

    Raises:
        FileNotFoundError: an input is missing.
        PlanError: the pipeline cannot run, or names no input.
        CurateError: a stage failed.
    """
    plan, files = pipeline.plan(), pipeline.read.files()
    if not files:
        raise PlanError(f"`{plan.read.name}` names no input file", hint="give at least one path or pattern")
    return estimate(plan, files, measure(pipeline, sample(files)), cores=cores, count=count, price=price)


__all__ = ["Estimate", "Measured", "StepCost", "estimate", "estimate_run", "measure", "sample"]

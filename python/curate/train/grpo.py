"""Group-relative policy optimization (Shao et al. 2024) with programs as judges.

A step samples several answers per prompt, lets the prompt's verifier score them, and makes those above the group's
mean likelier. Every group is used once, by the model that sampled it, so that no importance ratio is needed.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from curate.errors import CurateError
from curate.train import distributed
from curate.train.model import Decoder
from curate.train.rows import RowOrder, copy_of, log_probabilities, padded
from curate.train.sampling import generate
from curate.train.steps import StepConfig, optimize

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def _last_number(text: str) -> float | None:
    found = _NUMBER.findall(text.replace(",", ""))
    return float(found[-1]) if found else None


#: verifier -> score of an answer, given what the prompt's row says is right
VERIFIERS: Mapping[str, Callable[[str, str], float]] = {
    "exact": lambda answer, right: float(answer.strip() == right.strip()),
    "contains": lambda answer, right: float(right.strip() in answer),
    "number": lambda answer, right: float(_last_number(answer) == _last_number(right) is not None),
}


@dataclass(frozen=True)
class Prompt:
    """A task with a verifier.

    Attributes:
        prompt: what the model is given.
        verifier: name of the program that scores an answer.
        answer: what the verifier is told is right.
    """

    prompt: str
    verifier: str
    answer: str


@dataclass(frozen=True)
class GRPOConfig:
    """How to tune.

    Attributes:
        updates: see `StepConfig`.
        prompts_per_step: groups.
        answers_per_prompt: size of a group, at least 2.
        max_new_tokens: longest answer.
        temperature: of sampling.
        kl: weight of the divergence from the initial model (estimator k3, Schulman 2020); 0 = none.
        seed: of the order of prompts and of sampling.
    """

    updates: StepConfig = field(default_factory=lambda: StepConfig(steps=100, lr=1e-4, weight_decay=0.0))
    prompts_per_step: int = 8
    answers_per_prompt: int = 8
    max_new_tokens: int = 64
    temperature: float = 1.0
    kl: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.answers_per_prompt < 2 or self.max_new_tokens < 1 or self.temperature <= 0:
            raise CurateError(
                "a group needs two answers, a token each, and chance", hint="raise answers_per_prompt"
            )


def read_prompts(path: str | Path) -> list[Prompt]:
    """Prompts from JSON lines `{"prompt": ..., "verifier": ..., "answer": ...}`; other keys are left out.

    Raises:
        FileNotFoundError: no such file.
        CurateError: a line is not such an object, or names an unknown verifier.
    """
    prompts = []
    for number, line in enumerate(Path(path).read_text("utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
            prompt = Prompt(*(row[key] for key in ("prompt", "verifier", "answer")))
            if not all(isinstance(value, str) for value in vars(prompt).values()):
                raise TypeError("not text")
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise CurateError(
                f"line {number} of {path} is no prompt: {error!r}", hint="give prompt, verifier and answer"
            ) from error
        _verifier(prompt)
        prompts.append(prompt)
    return prompts


def tune(
    prompts: Sequence[Prompt],
    init: Decoder,
    config: GRPOConfig,
    encode: Callable[[str], Sequence[int]],
    decode: Callable[[Sequence[int]], str],
    stop_id: int | None,
    on_step: Callable[[dict[str, Any]], None] | None = None,
) -> Decoder:
    """Tunes a model on prompts whose answers programs can check.

    Args:
        prompts: see `read_prompts`.
        init: the model to begin with; it stays as it is.
        config: see `GRPOConfig`.
        encode: ids of a prompt, at least one.
        decode: text of an answer's ids, without `stop_id`.
        stop_id: ends an answer.
        on_step: called with the record of each step: loss, pass_rate (mean score), groups_used (share of groups
            whose scores differ), answer_tokens (mean), kl, lr, grad_norm, seconds.

    Returns:
        The tuned model.

    Raises:
        CurateError: no prompts, an unknown verifier, a checkpoint of another run, a loss that is not finite.
    """
    rank, world_size = distributed.join()
    device = init.embedding.weight.device
    reference = copy_of(init, requires_grad=False)
    model = copy_of(init, requires_grad=True)
    replica = distributed.replicate(model)
    verifiers = [_verifier(prompt) for prompt in prompts]
    order = RowOrder(len(prompts), config.prompts_per_step, f"grpo {config.seed}")

    def backward(step: int) -> dict[str, Any]:
        # Sampling depends on the step alone: a checkpoint needs no state of a generator.
        generator = torch.Generator(device).manual_seed((config.seed * 1_000_003 + step) * 4096 + rank)
        rows = order.take()[rank::world_size]
        asked = [list(encode(prompts[row].prompt)) for row in rows for _ in range(config.answers_per_prompt)]
        answers = generate(
            model, asked, config.max_new_tokens, generator, temperature=config.temperature, stop_id=stop_id
        )
        scores = torch.tensor(
            [
                verifiers[rows[k // config.answers_per_prompt]](
                    decode([token for token in answer if token != stop_id]),
                    prompts[rows[k // config.answers_per_prompt]].answer,
                )
                for k, answer in enumerate(answers)
            ]
        ).view(len(rows), -1)
        spread = scores.std(dim=1, keepdim=True)
        advantages = ((scores - scores.mean(dim=1, keepdim=True)) / (spread + 1e-4)).flatten().to(device)
        batch = padded(
            [question + answer for question, answer in zip(asked, answers, strict=True)],
            [[False] * len(q) + [True] * len(a) for q, a in zip(asked, answers, strict=True)],
            device,
        )
        own = log_probabilities(replica, batch)
        # Log-probabilities weighted by advantage: the gradient is that of the ratio at its start, where it is 1.
        terms = -advantages[:, None] * own
        divergence = torch.zeros((), device=device)
        if config.kl:
            with torch.no_grad():
                held = log_probabilities(reference, batch)
            difference = held - own
            each = torch.exp(difference) - difference - 1
            terms = terms + config.kl * each
            divergence = each.detach().sum()
        counted = float(batch["loss_mask"].sum())
        total = distributed.summed([counted], device)[0]
        (terms.sum() * (world_size / max(total, 1.0))).backward()
        sums = [
            float(terms.detach().sum()),
            float(divergence),
            float(scores.sum()),
            float(scores.numel()),
            float((spread > 0).sum()),
            float(len(rows)),
        ]
        loss, kl, passed, n, used, groups = distributed.summed(sums, device)
        return {
            "loss": loss / max(total, 1.0),
            "pass_rate": passed / n,
            "groups_used": used / groups,
            "answer_tokens": total / n,
            "kl": kl / max(total, 1.0),
        }

    optimize(model, config.updates, backward, order, on_step=on_step)
    return model


def pass_rate(
    prompts: Sequence[Prompt],
    model: Decoder,
    encode: Callable[[str], Sequence[int]],
    decode: Callable[[Sequence[int]], str],
    stop_id: int | None,
    max_new_tokens: int = 64,
) -> float:
    """Mean score of the likeliest answers."""
    generator = torch.Generator(model.embedding.weight.device)
    asked = [list(encode(prompt.prompt)) for prompt in prompts]
    answers = generate(model, asked, max_new_tokens, generator, temperature=0, stop_id=stop_id)
    scores = [
        _verifier(prompt)(decode([token for token in answer if token != stop_id]), prompt.answer)
        for prompt, answer in zip(prompts, answers, strict=True)
    ]
    return sum(scores) / len(scores)


def _verifier(prompt: Prompt) -> Callable[[str, str], float]:
    if prompt.verifier not in VERIFIERS:
        raise CurateError(f"unknown verifier {prompt.verifier!r}", hint=f"known: {', '.join(VERIFIERS)}")
    return VERIFIERS[prompt.verifier]

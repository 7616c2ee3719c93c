"""Text from a model, one token at a time."""

from collections.abc import Sequence

import torch

from curate.errors import CurateError
from curate.train.model import Decoder


def sample(
    model: Decoder,
    prompt_ids: Sequence[int],
    max_new_tokens: int,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    seed: int = 0,
    stop_id: int | None = None,
    context_tokens: int = 256,
) -> list[int]:
    """Continues a prompt.

    Args:
        model: a trained decoder.
        prompt_ids: at least one token; the delimiter alone starts a new document.
        max_new_tokens: upper limit of tokens added.
        temperature: divides the logits; 0 = always the most likely token.
        top_k: draw from this many most likely tokens only; None = all.
        seed: the same seed gives the same tokens.
        stop_id: ends the text and is not part of it.
        context_tokens: the model sees this many last tokens; not more than it was trained with.

    Returns:
        The new tokens.

    Raises:
        CurateError: an empty prompt, or a parameter out of range.
    """
    if not prompt_ids or temperature < 0 or (top_k is not None and top_k < 1) or context_tokens < 1:
        raise CurateError(
            "cannot sample with these parameters", hint="give a prompt, temperature >= 0, top_k >= 1"
        )
    generator = torch.Generator(model.embedding.weight.device).manual_seed(seed)
    (found,) = generate(
        model,
        [prompt_ids],
        max_new_tokens,
        generator,
        temperature=temperature,
        top_k=top_k,
        stop_id=stop_id,
        context_tokens=context_tokens,
    )
    return found[:-1] if found and found[-1] == stop_id else found


def generate(
    model: Decoder,
    prompts: Sequence[Sequence[int]],
    max_new_tokens: int,
    generator: torch.Generator,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    stop_id: int | None = None,
    context_tokens: int = 256,
) -> list[list[int]]:
    """Continues several prompts at once; see `sample` for the parameters.

    Shorter prompts are padded on the left; no position sees the padding, and rotary positions are relative.

    Returns:
        The new tokens of each prompt, up to `stop_id` and with it.
    """
    device = model.embedding.weight.device
    longest = max(map(len, prompts))
    ids = torch.tensor([[0] * (longest - len(p)) + list(p) for p in prompts], device=device)
    segments = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in prompts], device=device)
    padded = len({len(p) for p in prompts}) > 1
    going = torch.ones(len(prompts), dtype=torch.bool, device=device)
    new: list[list[int]] = [[] for _ in prompts]
    with torch.inference_mode():
        for _ in range(max_new_tokens):
            seen = ids[:, -context_tokens:]
            logits = model(seen, segments[:, -context_tokens:] if padded else None)[:, -1]
            if temperature == 0:
                following = logits.argmax(dim=-1)
            else:
                if top_k is not None and top_k < logits.shape[-1]:
                    least = logits.topk(top_k).values[:, -1:]
                    logits = logits.masked_fill(logits < least, float("-inf"))
                chances = torch.softmax(logits / temperature, dim=-1)
                following = torch.multinomial(chances, 1, generator=generator)[:, 0]
            for k in torch.nonzero(going)[:, 0].tolist():
                new[k].append(int(following[k]))
            if stop_id is not None:
                going &= following != stop_id
                if not going.any():
                    break
            ids = torch.cat([ids, following[:, None]], dim=1)
            segments = torch.cat([segments, torch.ones_like(segments[:, :1])], dim=1)
    return new

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
    device = model.embedding.weight.device
    generator = torch.Generator(device).manual_seed(seed)
    ids = list(prompt_ids)
    with torch.inference_mode():
        for _ in range(max_new_tokens):
            seen = torch.tensor([ids[-context_tokens:]], device=device)
            logits = model(seen)[0, -1].float()
            if temperature == 0:
                following = int(logits.argmax())
            else:
                if top_k is not None and top_k < len(logits):
                    logits[logits < logits.topk(top_k).values[-1]] = float("-inf")
                chances = torch.softmax(logits / temperature, dim=-1)
                following = int(torch.multinomial(chances, 1, generator=generator))
            if following == stop_id:
                break
            ids.append(following)
    return ids[len(prompt_ids) :]

"""A small Llama-style decoder: RMSNorm first, rotary positions, grouped queries, SwiGLU, no biases."""

import math
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # the name that everybody reads
from torch import Tensor, nn

from curate.errors import CurateError

#: types that activations may have
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class ModelConfig:
    """Shape of a decoder.

    Attributes:
        vocab_size: tokens.
        d_model: width of the residual stream.
        n_layers: blocks.
        n_heads: query heads; d_model / n_heads is the head's width, which must be even.
        n_kv_heads: key and value heads, a divisor of n_heads (Ainslie et al. 2023).
        d_ff: inner width of SwiGLU; None = 8/3 d_model (Shazeer 2020), rounded up to a multiple of 64.
        tie_embeddings: the output layer is the embedding, transposed.
        qk_norm: queries and keys are normalised per head before they are rotated (Henry et al. 2020; as in Qwen3).
        rope_theta: base of the rotary angles (Su et al. 2021).
        norm_eps: added to the mean square.
        dtype: of activations, "float32" or "bfloat16". Weights, logits and losses are float32.
    """

    vocab_size: int
    d_model: int = 128
    n_layers: int = 4
    n_heads: int = 4
    n_kv_heads: int = 2
    d_ff: int | None = None
    tie_embeddings: bool = True
    qk_norm: bool = False
    rope_theta: float = 10000.0
    norm_eps: float = 1e-5
    dtype: str = "float32"

    def __post_init__(self) -> None:
        for name in ("vocab_size", "d_model", "n_layers", "n_heads", "n_kv_heads"):
            if getattr(self, name) < 1:
                raise CurateError(f"{name} is {getattr(self, name)}", hint="give a positive number")
        if self.d_model % self.n_heads or (self.d_model // self.n_heads) % 2:
            raise CurateError(
                f"d_model {self.d_model} over {self.n_heads} heads is no even width",
                hint="make d_model a multiple of 2 * n_heads",
            )
        if self.dtype not in DTYPES:
            raise CurateError(f"unknown dtype {self.dtype!r}", hint=f"known: {', '.join(DTYPES)}")
        if self.n_heads % self.n_kv_heads:
            raise CurateError(
                f"{self.n_heads} query heads cannot share {self.n_kv_heads} key heads",
                hint="make n_heads a multiple of n_kv_heads",
            )

    @property
    def d_head(self) -> int:
        """Width of one head."""
        return self.d_model // self.n_heads

    @property
    def d_inner(self) -> int:
        """`d_ff`, or its default."""
        return self.d_ff or 64 * math.ceil(8 * self.d_model / 3 / 64)


class RMSNorm(nn.Module):  # type: ignore[misc]
    """Scales each vector to mean square 1, then by a learned weight (Zhang and Sennrich 2019)."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return F.rms_norm(x, self.weight.shape, self.weight.to(x.dtype), self.eps)


class Linear(nn.Linear):  # type: ignore[misc]
    """A matrix in float32 that multiplies in the type of its input."""

    def forward(self, x: Tensor) -> Tensor:
        """[..., inputs] to [..., outputs]."""
        return F.linear(x, self.weight.to(x.dtype))


class Attention(nn.Module):  # type: ignore[misc]
    """Causal attention with rotary positions and grouped key and value heads."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        d, dh = config.d_model, config.d_head
        self.query = Linear(d, config.n_heads * dh, bias=False)
        self.key = Linear(d, config.n_kv_heads * dh, bias=False)
        self.value = Linear(d, config.n_kv_heads * dh, bias=False)
        self.output = Linear(config.n_heads * dh, d, bias=False)
        self.query_norm = RMSNorm(dh, config.norm_eps) if config.qk_norm else None
        self.key_norm = RMSNorm(dh, config.norm_eps) if config.qk_norm else None

    def forward(self, x: Tensor, angles: tuple[Tensor, Tensor], mask: Tensor | None) -> Tensor:
        """x: [batch, length, d_model]; mask: bool [batch, 1, length, length], None = causal."""
        batch, length, _ = x.shape
        heads = (batch, length, -1, self.config.d_head)
        q, k = self.query(x).view(heads), self.key(x).view(heads)
        if self.query_norm is not None and self.key_norm is not None:
            q, k = self.query_norm(q), self.key_norm(k)
        q, k = rotate(q.transpose(1, 2), angles), rotate(k.transpose(1, 2), angles)
        v = self.value(x).view(heads).transpose(1, 2)
        mixed = F.scaled_dot_product_attention(
            q, k, v, attn_mask=mask, is_causal=mask is None, enable_gqa=True
        )
        return self.output(mixed.transpose(1, 2).reshape(batch, length, -1))


class FeedForward(nn.Module):  # type: ignore[misc]
    """SwiGLU (Shazeer 2020)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.gate = Linear(config.d_model, config.d_inner, bias=False)
        self.up = Linear(config.d_model, config.d_inner, bias=False)
        self.down = Linear(config.d_inner, config.d_model, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return self.down(F.silu(self.gate(x)) * self.up(x))


class Block(nn.Module):  # type: ignore[misc]
    """Attention, then SwiGLU, each on the normalised stream and added to it."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.attention_norm = RMSNorm(config.d_model, config.norm_eps)
        self.attention = Attention(config)
        self.feed_forward_norm = RMSNorm(config.d_model, config.norm_eps)
        self.feed_forward = FeedForward(config)

    def forward(self, x: Tensor, angles: tuple[Tensor, Tensor], mask: Tensor | None) -> Tensor:
        """The same shape."""
        x = x + self.attention(self.attention_norm(x), angles, mask)
        return x + self.feed_forward(self.feed_forward_norm(x))


class Decoder(nn.Module):  # type: ignore[misc]
    """Token ids in, logits of the next token out.

    Args:
        config: its shape.
        seed: of the initial weights: normal with standard deviation 0.02, 0.02 / sqrt(2 n_layers) for the
            two layers of a block that write to the residual stream (GPT-2). They come from a generator of
            their own: the process's random state is neither used nor changed.
    """

    def __init__(self, config: ModelConfig, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.d_model)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layers))
        self.norm = RMSNorm(config.d_model, config.norm_eps)
        self.head = Linear(config.d_model, config.vocab_size, bias=False)
        if config.tie_embeddings:
            self.head.weight = self.embedding.weight
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for name, weight in self.named_parameters():
                if weight.ndim < 2:
                    continue
                residual = name.endswith(("attention.output.weight", "feed_forward.down.weight"))
                std = 0.02 / math.sqrt(2 * config.n_layers) if residual else 0.02
                weight.normal_(0.0, std, generator=generator)

    def forward(self, input_ids: Tensor, segment_ids: Tensor | None = None) -> Tensor:
        """Logits.

        Args:
            input_ids: int64 [batch, length].
            segment_ids: int64 [batch, length], the document of each position; given, no position sees another
                document. Rotary positions are relative, so they need not restart.

        Returns:
            float32 [batch, length, vocab_size].
        """
        angles = rotary_angles(self.config, input_ids.shape[1], input_ids.device)
        mask = None if segment_ids is None else document_mask(segment_ids)
        x = self.embedding(input_ids).to(DTYPES[self.config.dtype])
        for block in self.blocks:
            x = block(x, angles, mask)
        return self.head(self.norm(x)).float()

    def flops_per_token(self, seq_len: int) -> float:
        """Floating-point operations of forward and backward per token: 6 per weight that multiplies, and attention.

        Attention counts 12 x layers x d_model x seq_len (Chowdhery et al. 2022, appendix B), unmasked.
        """
        lookup = 0 if self.config.tie_embeddings else self.embedding.weight.numel()
        attention = 12 * self.config.n_layers * self.config.d_model * seq_len
        return float(6 * (self.n_parameters() - lookup) + attention)

    def n_parameters(self) -> int:
        """Weights, shared ones counted once."""
        return sum(weight.numel() for weight in self.parameters())


def document_mask(segment_ids: Tensor) -> Tensor:
    """True where a query may see a key: the same document, not later. Bool [batch, 1, length, length]."""
    same = segment_ids[:, :, None] == segment_ids[:, None, :]
    length = segment_ids.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool, device=segment_ids.device).tril()
    return (same & causal)[:, None]


def rotary_angles(config: ModelConfig, length: int, device: Any) -> tuple[Tensor, Tensor]:
    """Cosines and sines, float32 [length, d_head / 2]: position times theta^(-2i / d_head)."""
    exponents = torch.arange(0, config.d_head, 2, device=device, dtype=torch.float32) / config.d_head
    angles = torch.outer(torch.arange(length, device=device).float(), config.rope_theta**-exponents)
    return angles.cos(), angles.sin()


def rotate(x: Tensor, angles: tuple[Tensor, Tensor]) -> Tensor:
    """Turns the pairs (i, i + d_head / 2) of [..., length, d_head] by their angles, as in Llama."""
    cos, sin = (part.to(x.dtype) for part in angles)
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)

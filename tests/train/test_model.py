"""The decoder against a slow one written from the papers, and what no position may see."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from curate.errors import CurateError  # noqa: E402
from curate.train.model import Decoder, ModelConfig  # noqa: E402

torch.set_num_threads(1)

SHAPES = [
    ModelConfig(vocab_size=50, d_model=16, n_layers=2, n_heads=4, n_kv_heads=2),
    ModelConfig(
        vocab_size=31, d_model=24, n_layers=3, n_heads=3, n_kv_heads=3, d_ff=20, tie_embeddings=False
    ),
    ModelConfig(vocab_size=20, d_model=16, n_layers=1, n_heads=4, n_kv_heads=1, rope_theta=500.0),
    ModelConfig(vocab_size=20, d_model=16, n_layers=2, n_heads=4, n_kv_heads=2, qk_norm=True),
]


def naive_logits(model, ids, segments):
    """One position and one head at a time, in float64; rotation as complex multiplication."""
    config = model.config
    w = {k: v.detach().double().numpy() for k, v in model.named_parameters()}

    def norm(x, weight):
        return x / math.sqrt((x * x).mean() + config.norm_eps) * weight

    def turn(x, position):
        half = config.d_head // 2
        z = np.array([complex(x[i], x[i + half]) for i in range(half)])
        z *= np.exp([1j * position / config.rope_theta ** (2 * i / config.d_head) for i in range(half)])
        return np.concatenate([z.real, z.imag])

    xs = [w["embedding.weight"][i] for i in ids]
    for layer in range(config.n_layers):
        p = f"blocks.{layer}."
        normed = [norm(x, w[p + "attention_norm.weight"]) for x in xs]
        heads = {
            kind: [(w[f"{p}attention.{kind}.weight"] @ x).reshape(-1, config.d_head) for x in normed]
            for kind in ("query", "key", "value")
        }
        if config.qk_norm:
            for kind in ("query", "key"):
                weight = w[f"{p}attention.{kind}_norm.weight"]
                heads[kind] = [np.array([norm(h, weight) for h in position]) for position in heads[kind]]
        for t in range(len(ids)):
            out = []
            for h in range(config.n_heads):
                g = h * config.n_kv_heads // config.n_heads
                seen = [s for s in range(t + 1) if segments is None or segments[s] == segments[t]]
                q = turn(heads["query"][t][h], t)
                scores = [q @ turn(heads["key"][s][g], s) / math.sqrt(config.d_head) for s in seen]
                share = np.exp(np.array(scores) - max(scores))
                share /= share.sum()
                out.append(sum(a * heads["value"][s][g] for a, s in zip(share, seen, strict=True)))
            xs[t] = xs[t] + w[p + "attention.output.weight"] @ np.concatenate(out)
        for t, x in enumerate(xs):
            y = norm(x, w[p + "feed_forward_norm.weight"])
            gate = w[p + "feed_forward.gate.weight"] @ y
            inner = gate / (1 + np.exp(-gate)) * (w[p + "feed_forward.up.weight"] @ y)
            xs[t] = x + w[p + "feed_forward.down.weight"] @ inner
    head = w["embedding.weight"] if config.tie_embeddings else w["head.weight"]
    return np.array([head @ norm(x, w["norm.weight"]) for x in xs])


def stirred(config):
    """Weights large enough that attention matters, norms that are not 1."""
    model = Decoder(config, seed=1)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn(weight.shape, generator=generator) * 0.3)
    return model


@pytest.mark.parametrize("config", SHAPES)
def test_logits_are_those_of_the_slow_reference(config):
    model = stirred(config)
    ids = torch.randint(config.vocab_size, (2, 11), generator=torch.Generator().manual_seed(0))
    segments = torch.tensor([[0] * 4 + [1] * 1 + [2] * 6, [0] * 11])
    for given in (None, segments):
        got = model(ids, given).detach().numpy()
        for row in range(2):
            marks = None if given is None else given[row].tolist()
            expected = naive_logits(model, ids[row].tolist(), marks)
            np.testing.assert_allclose(got[row], expected, atol=2e-4, rtol=2e-4)


def as_llama(model):
    """The same weights in the Llama of transformers."""
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    config = model.config
    theirs = transformers.LlamaForCausalLM(
        transformers.LlamaConfig(
            vocab_size=config.vocab_size,
            hidden_size=config.d_model,
            intermediate_size=config.d_inner,
            num_hidden_layers=config.n_layers,
            num_attention_heads=config.n_heads,
            num_key_value_heads=config.n_kv_heads,
            rms_norm_eps=config.norm_eps,
            rope_theta=config.rope_theta,
            tie_word_embeddings=True,
        )
    )
    names = {
        "embedding": "model.embed_tokens",
        "norm": "model.norm",
        "attention_norm": "input_layernorm",
        "feed_forward_norm": "post_attention_layernorm",
        "attention.query": "self_attn.q_proj",
        "attention.key": "self_attn.k_proj",
        "attention.value": "self_attn.v_proj",
        "attention.output": "self_attn.o_proj",
        "feed_forward.gate": "mlp.gate_proj",
        "feed_forward.up": "mlp.up_proj",
        "feed_forward.down": "mlp.down_proj",
    }
    state = {}
    for name, weight in model.named_parameters():
        stem = name.removesuffix(".weight")
        if stem.startswith("blocks."):
            _, layer, rest = stem.split(".", 2)
            state[f"model.layers.{layer}.{names[rest]}.weight"] = weight
        else:
            state[f"{names[stem]}.weight"] = weight
    theirs.load_state_dict(state, strict=False)
    theirs.tie_weights()
    return theirs


def test_logits_are_those_of_transformers():
    model = stirred(SHAPES[0])
    theirs = as_llama(model)
    ids = torch.randint(SHAPES[0].vocab_size, (2, 12), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(model(ids), theirs(ids).logits, atol=1e-4, rtol=1e-4)


def test_packed_documents_do_not_see_each_other():
    config = SHAPES[0]
    model = stirred(config)
    ids = torch.randint(config.vocab_size, (1, 12), generator=torch.Generator().manual_seed(0))
    segments = torch.tensor([[0] * 5 + [1] * 4 + [2] * 3])
    changed = ids.clone()
    changed[0, :5] = (ids[0, :5] + 7) % config.vocab_size
    assert torch.equal(model(ids, segments)[0, 5:], model(changed, segments)[0, 5:])
    assert not torch.allclose(model(ids, segments)[0, :5], model(changed, segments)[0, :5])
    # The neighbour: without the mask they do.
    assert not torch.allclose(model(ids)[0, 5:], model(changed)[0, 5:])
    # A document alone has the same logits as packed: rotary positions are relative.
    torch.testing.assert_close(model(ids[:, 5:9]), model(ids, segments)[:, 5:9], atol=1e-4, rtol=1e-4)


def test_no_position_sees_a_later_one():
    model = stirred(SHAPES[0])
    ids = torch.randint(50, (1, 10), generator=torch.Generator().manual_seed(0))
    changed = ids.clone()
    changed[0, 6:] = (ids[0, 6:] + 1) % 50
    assert torch.equal(model(ids)[0, :6], model(changed)[0, :6])
    assert not torch.allclose(model(ids)[0, 6:], model(changed)[0, 6:])


def test_first_loss_is_that_of_a_uniform_guess_and_seeds_matter():
    config = ModelConfig(vocab_size=300, d_model=32)
    model = Decoder(config, seed=5)
    ids = torch.randint(300, (4, 33), generator=torch.Generator().manual_seed(0))
    loss = torch.nn.functional.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())
    assert abs(loss.item() - math.log(300)) < 0.1
    for name, weight in Decoder(config, seed=5).named_parameters():
        assert torch.equal(weight, dict(model.named_parameters())[name])
    assert not torch.equal(Decoder(config, seed=6).embedding.weight, model.embedding.weight)


def test_tied_embeddings_are_counted_once():
    tied, free = (ModelConfig(vocab_size=100, d_model=16, tie_embeddings=t) for t in (True, False))
    assert Decoder(free).n_parameters() - Decoder(tied).n_parameters() == 100 * 16
    assert ModelConfig(vocab_size=1, d_model=128).d_inner == 384  # 341.3, up to a multiple of 64


@pytest.mark.parametrize(
    "shape", [{"n_layers": 0}, {"d_model": 30}, {"d_model": 12}, {"n_kv_heads": 3}, {"vocab_size": 0}]
)
def test_shapes_that_are_refused(shape):
    with pytest.raises(CurateError) as caught:
        ModelConfig(**{"vocab_size": 10, **shape})
    assert caught.value.hint

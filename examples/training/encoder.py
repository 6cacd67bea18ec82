"""encoder: a small transformer that turns a token sequence into one vector.

Sequences have any length. `mask` is 1 for a token and 0 for padding, and
padding changes nothing: attention gives it no weight, the mean leaves it out,
and its own token embeddings are zero. So a server may pad rows of different
length to share a batch.

The training task needs both what the tokens are and in which order they come:
a sequence has a topic (its common tokens) and two marker tokens, and its class
is the topic together with which marker came first.
"""

import math

import numpy as np
import torch
from torch import nn

import bundle
import export

SEED = 3
VOCABULARY, WIDTH, HEADS, LAYERS = 512, 64, 4, 2
TOPICS, MARKERS = 8, (1, 2)  # token 0 is padding
SHORTEST, LONGEST = 6, 40
STEPS, BATCH, TEST_ROWS = 1_200, 128, 4_000
LOWEST_ACCURACY = 0.95
PADDING_TOLERANCE = 1e-5

SETTINGS = """\
# Rows of different length share a batch: each is padded to the next bucket.
padding:
  axis: seq
  buckets: [8, 16, 32, 64, 128, 256]
  values: {tokens: 0, mask: 0}
"""


class Layer(nn.Module):
    """Attention and a feed-forward net, each normalised first and added to its input."""

    def __init__(self):
        super().__init__()
        self.attention_norm, self.feed_norm = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.feed = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, x, bias):
        x = x + self.attend(self.attention_norm(x), bias)
        return x + self.feed(self.feed_norm(x))

    def attend(self, x, bias):
        batch, seq = x.shape[0], x.shape[1]
        split = self.qkv(x).reshape(batch, seq, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        query, key, value = split[0], split[1], split[2]
        weights = (query @ key.transpose(-1, -2) / math.sqrt(WIDTH // HEADS) + bias).softmax(-1)
        return self.out((weights @ value).transpose(1, 2).reshape(batch, seq, WIDTH))


class Encoder(nn.Module):
    """Token embeddings and their masked mean; positions are sines, so no length is too long for a table."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(VOCABULARY, WIDTH)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.norm = nn.LayerNorm(WIDTH)
        self.register_buffer("rates", torch.exp(torch.arange(0, WIDTH, 2) * (-math.log(1e4) / WIDTH)))

    def forward(self, tokens, mask):
        kept = mask.to(torch.float32)
        angles = torch.arange(tokens.shape[1], dtype=torch.float32)[:, None] * self.rates
        x = self.embed(tokens) + torch.cat([angles.sin(), angles.cos()], 1)
        bias = (1 - kept)[:, None, None, :] * -1e9
        for layer in self.layers:
            x = layer(x, bias)
        token_embeddings = self.norm(x) * kept[:, :, None]
        embedding = token_embeddings.sum(1) / kept.sum(1, keepdim=True).clamp(min=1)
        return embedding, token_embeddings


def draw(rng, rows, length, shortest=SHORTEST):
    """`rows` sequences of `shortest` to `length` tokens padded to `length`, their masks and their classes."""
    topic = rng.integers(0, TOPICS, rows)
    swapped = rng.integers(0, 2, rows)
    lengths = rng.integers(shortest, length + 1, rows)
    # Most tokens are the topic's own, the rest are anybody's.
    words = (VOCABULARY - 3) // TOPICS
    own = 3 + topic[:, None] * words + rng.integers(0, words, (rows, length))
    anybody = rng.integers(3, VOCABULARY, (rows, length))
    tokens = np.where(rng.random((rows, length)) < 0.7, own, anybody)
    for row in range(rows):
        places = np.sort(rng.choice(lengths[row], 2, replace=False))
        tokens[row, places] = MARKERS if swapped[row] == 0 else MARKERS[::-1]
    mask = (np.arange(length) < lengths[:, None]).astype(np.int64)
    return tokens * mask, mask, topic * 2 + swapped


def train(model, head, rng):
    parameters = [*model.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=2e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=STEPS, pct_start=0.1)
    for _ in range(STEPS):
        length = rng.integers(2 * SHORTEST, LONGEST + 1)
        tokens, mask, label = (torch.from_numpy(array) for array in draw(rng, BATCH, length))
        optimizer.zero_grad()
        embedding, _ = model(tokens, mask)
        nn.functional.cross_entropy(head(embedding), label).backward()
        optimizer.step()
        schedule.step()
    model.eval()


def accuracy(model, head, rng, rows):
    tokens, mask, label = draw(rng, rows, LONGEST)
    with torch.no_grad():
        embedding, _ = model(torch.from_numpy(tokens), torch.from_numpy(mask))
        return float((head(embedding).argmax(1).numpy() == label).mean())


def padding_error(session, rng):
    """The largest change in any answer when a row is padded, also with tokens that are not 0."""
    worst = 0.0
    for length in (6, 9, 16, 33, 64):
        tokens, mask, _ = draw(rng, 1, length, shortest=length)
        plain = bundle.run(session, {"tokens": tokens, "mask": mask})
        for extra in (1, 5, 100):
            filler = rng.integers(0, VOCABULARY, (1, extra))
            padded = bundle.run(
                session,
                {
                    "tokens": np.concatenate([tokens, filler], 1),
                    "mask": np.concatenate([mask, np.zeros_like(filler)], 1),
                },
            )
            same = padded["token_embeddings"][:, : tokens.shape[1]] - plain["token_embeddings"]
            rest = padded["token_embeddings"][:, tokens.shape[1] :]
            pooled = padded["embedding"] - plain["embedding"]
            worst = np.max([worst, *(np.abs(part).max() for part in (same, rest, pooled))])
    return worst


def golden_requests(rng):
    """Rows of several lengths without padding, and one batch that carries its own."""
    requests = []
    for rows, length in [(1, 6), (1, 9), (1, 17), (2, 7), (3, 12), (4, 6), (8, 8)]:
        tokens, mask, _ = draw(rng, rows, length, shortest=length)
        requests.append({"tokens": tokens, "mask": mask})
    tokens, mask, _ = draw(rng, 4, 14)
    requests.append({"tokens": tokens, "mask": mask})
    return requests


def main():
    args = bundle.arguments(__doc__, SEED)
    export.seed(args.seed)
    rng = np.random.default_rng(args.seed)
    model, head = Encoder(), nn.Linear(WIDTH, 2 * TOPICS)
    train(model, head, rng)

    score = accuracy(model, head, rng, TEST_ROWS)
    metric = f"accuracy {score:.4f} of {2 * TOPICS} classes on {TEST_ROWS} held-out sequences"
    print("encoder:", metric)
    if score < LOWEST_ACCURACY:
        raise SystemExit(f"encoder: accuracy {score:.4f} is below {LOWEST_ACCURACY}")

    axes = {0: "batch", 1: "seq"}
    tokens, mask, _ = draw(rng, 2, 12)
    onnx_model = export.to_onnx(
        model,
        {"tokens": tokens, "mask": mask},
        outputs=["embedding", "token_embeddings"],
        free_axes={"tokens": axes, "mask": axes},
    )
    error = padding_error(bundle.open_session(onnx_model.SerializeToString()), rng)
    print(f"encoder: padding changes no answer by more than {error:.1e}")
    if not error <= PADDING_TOLERANCE:
        raise SystemExit(
            f"encoder: padding changes an answer by {error:.1e}, the limit is {PADDING_TOLERANCE}"
        )

    bundle.write(
        args.models,
        "encoder",
        args.version,
        onnx_model,
        golden_requests(rng),
        lineage={
            "script": args.script,
            "data": f"{STEPS * BATCH} sequences drawn from a seeded generator",
            "metric": metric,
        },
        settings=SETTINGS,
    )


if __name__ == "__main__":
    main()

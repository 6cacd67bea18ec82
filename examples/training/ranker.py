"""ranker: an embedding-and-MLP model that scores stores for a user.

One request carries the candidates of one user, 1 to 500 rows: the same user_id
in each, a store_id, and sixteen dense features of the pair. The click data is
drawn from a hidden preference model, so the best reachable AUC is known.
"""

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

import bundle
import export

SEED = 11
USERS, STORES, DENSE = 4_000, 1_000, 16
TRAIN_ROWS, TEST_ROWS = 600_000, 60_000
EPOCHS, BATCH = 2, 1024
LOWEST_AUC = 0.78

SETTINGS = """\
# A list of 500 candidates is run in two parts, which two sessions may share.
max_batch: 256
"""


class Clicks:
    """The hidden truth: tastes of users, characters of stores, weights of the dense features."""

    def __init__(self, rng):
        self.users = rng.normal(0, 0.6, (USERS, 4))
        self.stores = rng.normal(0, 0.6, (STORES, 4))
        self.popularity = rng.normal(0, 0.5, STORES)
        self.weights = rng.normal(0, 0.35, DENSE)

    def draw(self, rng, rows):
        """Impressions (user, store, dense) and the probability that each was clicked."""
        user = rng.integers(0, USERS, rows)
        # A few stores get most of the impressions, as in any marketplace.
        store = np.minimum((rng.random(rows) ** 2 * STORES).astype(np.int64), STORES - 1)
        dense = rng.normal(0, 1, (rows, DENSE)).astype(np.float32)
        logit = (
            -1.2
            + (self.users[user] * self.stores[store]).sum(1) * 1.5
            + self.popularity[store]
            + dense @ self.weights
            + 0.5 * np.tanh(dense[:, 0] * dense[:, 1])
        )
        return user, store, dense, 1 / (1 + np.exp(-logit))


class Ranker(nn.Module):
    """Row 0 of each table stands for every id that training never saw."""

    def __init__(self):
        super().__init__()
        self.user = nn.Embedding(USERS + 1, 32)
        self.store = nn.Embedding(STORES + 1, 32)
        nn.init.normal_(self.user.weight, std=0.1)
        nn.init.normal_(self.store.weight, std=0.1)
        self.mlp = nn.Sequential(
            nn.Linear(32 * 3 + DENSE, 512), nn.ReLU(),
            nn.Linear(512, 512), nn.ReLU(),
            nn.Linear(512, 128), nn.ReLU(),
            nn.Linear(128, 1),
        )  # fmt: skip

    def logits(self, user_id, store_id, dense):
        user = self.user(row_of(user_id, USERS))
        store = self.store(row_of(store_id, STORES))
        return self.mlp(torch.cat([user, store, user * store, dense], 1)).squeeze(1)

    def forward(self, user_id, store_id, dense):
        return self.logits(user_id, store_id, dense).sigmoid()


def row_of(ids, known):
    """Table row of an id: its own for 0..known-1, the shared row 0 for any other."""
    seen = (ids >= 0) & (ids < known)
    return torch.where(seen, ids + 1, torch.zeros_like(ids))


def train(model, rng, truth):
    user, store, dense, chance = truth.draw(rng, TRAIN_ROWS)
    clicked = (rng.random(TRAIN_ROWS) < chance).astype(np.float32)
    # Some rows lose an id, so that row 0 learns what an unknown user or store is worth.
    user[rng.random(TRAIN_ROWS) < 0.02] = -1
    store[rng.random(TRAIN_ROWS) < 0.02] = -1
    columns = [torch.from_numpy(column) for column in (user, store, dense, clicked)]

    tables = [model.user.weight, model.store.weight]
    optimizer = torch.optim.Adam(
        [{"params": tables, "lr": 1e-2}, {"params": model.mlp.parameters(), "lr": 1e-3}]
    )
    steps = EPOCHS * (TRAIN_ROWS // BATCH + 1)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / (steps + 1))
    for _ in range(EPOCHS):
        for rows in torch.randperm(TRAIN_ROWS).split(BATCH):
            u, s, d, y = (column[rows] for column in columns)
            optimizer.zero_grad()
            nn.functional.binary_cross_entropy_with_logits(model.logits(u, s, d), y).backward()
            optimizer.step()
            schedule.step()
    model.eval()


def evaluate(model, rng, truth):
    user, store, dense, chance = truth.draw(rng, TEST_ROWS)
    clicked = rng.random(TEST_ROWS) < chance
    with torch.no_grad():
        score = model(*(torch.from_numpy(column) for column in (user, store, dense)))
    return roc_auc_score(clicked, score.numpy()), roc_auc_score(clicked, chance)


def candidates(rng, user, rows):
    """One request: `rows` different stores for one user."""
    return {
        "user_id": np.full(rows, user, np.int64),
        "store_id": rng.choice(STORES, rows, replace=False).astype(np.int64),
        "dense": rng.normal(0, 1, (rows, DENSE)).round(3).astype(np.float32),
    }


def main():
    args = bundle.arguments(__doc__, SEED)
    export.seed(args.seed)
    rng = np.random.default_rng(SEED)
    truth = Clicks(rng)
    if args.seed != SEED:
        # The same users and stores, seen on other days.
        rng = np.random.default_rng(args.seed)
    model = Ranker()
    train(model, rng, truth)

    auc, ceiling = evaluate(model, rng, truth)
    metric = f"AUC {auc:.4f} on {TEST_ROWS} held-out impressions (the hidden truth scores {ceiling:.4f})"
    print("ranker:", metric)
    if auc < LOWEST_AUC:
        raise SystemExit(f"ranker: AUC {auc:.4f} is below {LOWEST_AUC}")

    axes = {0: "batch"}
    onnx_model = export.to_onnx(
        model,
        candidates(rng, 1, 2),
        outputs=["score"],
        free_axes={"user_id": axes, "store_id": axes, "dense": axes},
    )
    requests = [
        candidates(rng, user, rows)
        for user, rows in [(42, 1), (7, 2), (3999, 3), (0, 5), (1234, 8), (77, 200)]
    ]
    # Ids that training never saw are legal.
    requests.append({**candidates(rng, -5, 2), "store_id": np.array([STORES, 2**40], np.int64)})
    bundle.write(
        args.models,
        "ranker",
        args.version,
        onnx_model,
        requests,
        lineage={
            "script": args.script,
            "data": f"{TRAIN_ROWS} impressions drawn from a seeded preference model",
            "metric": metric,
        },
        settings=SETTINGS,
    )


if __name__ == "__main__":
    main()

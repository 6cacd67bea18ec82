"""The networks that torch_models.py exports: small ones, with the weights they are born with."""
import torch
from torch import nn
from torch.nn import functional as F


def mlp():
    return nn.Sequential(nn.Linear(12, 24), nn.LayerNorm(24), nn.GELU(), nn.Dropout(0.1), nn.Linear(24, 3))


def cnn():
    return nn.Sequential(nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(96, 10))


def conv1d():
    return nn.Sequential(nn.Conv1d(4, 8, 3), nn.ReLU(), nn.Conv1d(8, 8, 3, stride=2), nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(8, 2))


class View(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(12, 2)

    def forward(self, x):
        return self.head(x.view(x.size(0), -1))


class TracedView(View):
    def forward(self, x):
        return self.head(x.reshape(int(x.shape[0]), 12))


class ExpandPad(nn.Module):
    """Puts a learnt token before each row and pads behind."""

    def __init__(self):
        super().__init__()
        self.token = nn.Parameter(torch.randn(1, 2))
        self.head = nn.Linear(12, 4)

    def forward(self, x):
        x = torch.cat([self.token.expand(x.size(0), -1), x], dim=1)
        return self.head(F.pad(x, (0, 3), value=0.5)).tanh()


class SeveralOutputs(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Linear(8, 16), nn.Linear(16, 5)

    def forward(self, x):
        h = F.relu(self.body(x))
        logits = self.head(h)
        best, order = torch.topk(logits, 3, dim=1)
        return order[:, 0], logits.softmax(dim=1).amax(dim=1), best, (x - x.mean(dim=1, keepdim=True)) / (x.std(dim=1, keepdim=True) + 1)


class WithLoss(nn.Module):
    """Hands out its scores and, as a training export does, their mean: an output without axes."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(8, 1)

    def forward(self, x):
        y = self.head(x).squeeze(1)
        return y, y.square().mean()


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 1)
        self.norm = nn.BatchNorm2d(3)

    def forward(self, x):
        y = F.relu(self.norm(self.a(x))) + self.b(x)
        return F.interpolate(y, scale_factor=0.5, mode="nearest").mean(dim=(2, 3))


class Cosine(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(6, 4), nn.Linear(6, 4)

    def forward(self, a, b):
        return F.cosine_similarity(self.a(a), self.b(b), dim=1)


class Recurrent(nn.Module):
    def __init__(self, cell):
        super().__init__()
        self.cell = cell

    def forward(self, x):
        return self.cell(x)[0]


class States(Recurrent):
    """Hands out the state too, whose axis 0 is the layer."""

    def forward(self, x):
        y, (h, c) = self.cell(x)
        return y, h, c


class LastStep(Recurrent):
    def forward(self, x):
        return self.cell(x)[0][:, -1]


class PickLast(nn.Module):
    """The state at each row's own last step."""

    def __init__(self):
        super().__init__()
        self.cell = nn.Linear(6, 8)

    def forward(self, x, lengths):
        h = torch.cumsum(torch.tanh(self.cell(x)), dim=1)
        return h[torch.arange(x.size(0)), lengths - 1]


class MeanPool(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Embedding(500, 8), nn.Linear(8, 4)

    def forward(self, tokens, mask):
        weight = mask.unsqueeze(-1).float()
        return F.normalize(self.head((self.embed(tokens) * weight).sum(1) / weight.sum(1).clamp(min=1)), dim=1)


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.position = nn.Embedding(500, 16), nn.Embedding(64, 16)
        self.query, self.key, self.value = nn.Linear(16, 16), nn.Linear(16, 16), nn.Linear(16, 16)
        self.norm, self.feed = nn.LayerNorm(16), nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 16))

    def heads(self, x):
        return x.view(x.size(0), x.size(1), 2, 8).transpose(1, 2)

    def forward(self, tokens, mask):
        x = self.embed(tokens) + self.position(torch.arange(tokens.size(1)).unsqueeze(0))
        scores = self.heads(self.query(x)) @ self.heads(self.key(x)).transpose(2, 3) / 8**0.5
        scores = scores.masked_fill(mask[:, None, None, :] == 0, -1e4)
        mixed = (scores.softmax(-1) @ self.heads(self.value(x))).transpose(1, 2).reshape(x.size(0), x.size(1), 16)
        x = self.norm(x + mixed)
        return (x + self.feed(x))[:, 0]


class SelfAttention(nn.Module):
    def __init__(self):
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

    def forward(self, x):
        return self.layers(x).mean(dim=1)


class Causal(nn.Module):
    def __init__(self):
        super().__init__()
        self.mix, self.out = nn.Linear(8, 24), nn.Linear(8, 8)

    def forward(self, x):
        q, k, v = self.mix(x).unsqueeze(1).chunk(3, dim=-1)
        return self.out(F.scaled_dot_product_attention(q, k, v, is_causal=True).squeeze(1))


class CrossAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attend = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, query, memory):
        return self.attend(query, memory, memory, need_weights=False)[0]


class ListWise(nn.Module):
    def __init__(self):
        super().__init__()
        self.mix, self.head = nn.Linear(8, 24), nn.Linear(8, 1)

    def forward(self, x):
        q, k, v = self.mix(x).chunk(3, dim=-1)
        return self.head((q @ k.t()).softmax(-1) @ v).squeeze(1)


class TwoTower(nn.Module):
    def __init__(self):
        super().__init__()
        self.user = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 8))
        self.item = nn.Sequential(nn.Linear(9, 16), nn.ReLU(), nn.Linear(16, 8))

    def forward(self, user, item):
        return (self.user(user) * self.item(item)).sum(dim=1).sigmoid()


class WideDeep(nn.Module):
    def __init__(self):
        super().__init__()
        self.user, self.item = nn.Embedding(300, 8), nn.Embedding(800, 8)
        self.deep, self.wide = nn.Sequential(nn.Linear(21, 16), nn.ReLU(), nn.Linear(16, 1)), nn.Linear(5, 1)

    def forward(self, user, item, dense):
        deep = self.deep(torch.cat([self.user(user), self.item(item), dense], dim=1))
        return torch.sigmoid(deep + self.wide(dense)).squeeze(-1)


class Dlrm(nn.Module):
    """Pairs of dot products between the embeddings, lower triangle, as DLRM takes them."""

    def __init__(self):
        super().__init__()
        self.bottom = nn.Linear(4, 8)
        self.tables = nn.ModuleList(nn.Embedding(200, 8) for _ in range(6))
        self.top = nn.Linear(8 + 21, 1)
        i, j = torch.tril_indices(7, 7, -1)
        self.register_buffer("i", i)
        self.register_buffer("j", j)

    def forward(self, dense, sparse):
        x = F.relu(self.bottom(dense))
        parts = torch.stack([x] + [table(sparse[:, k]) for k, table in enumerate(self.tables)], dim=1)
        pairs = torch.bmm(parts, parts.transpose(1, 2))[:, self.i, self.j]
        return self.top(torch.cat([x, pairs], dim=1))


class FactorizationMachine(nn.Module):
    def __init__(self):
        super().__init__()
        self.factor, self.bias = nn.Embedding(200, 4), nn.Embedding(200, 1)

    def forward(self, sparse):
        v = self.factor(sparse)
        return self.bias(sparse).sum((1, 2)) + 0.5 * (v.sum(1).square() - v.square().sum(1)).sum(1)


class DeepCross(nn.Module):
    def __init__(self):
        super().__init__()
        self.cross = nn.ModuleList(nn.Linear(8, 8) for _ in range(3))

    def forward(self, x):
        y = x
        for layer in self.cross:
            y = x * layer(y) + y
        return y.sum(dim=1)

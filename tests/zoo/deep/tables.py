"""Networks on columns, sets and pairs of things."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deep.network import Network, integers, normal, prepared, through_both
from deep.rows import MANY_ROWS

FEATURES = 6


def models() -> dict:
    networks = {
        "mlp": lambda: rows(mlp()),
        "mlp-double": lambda: double(),
        "mlp-half": lambda: half(),
        "several-heads": lambda: rows(SeveralHeads()),
        "experts": lambda: rows(Experts()),
        "residual-mlp": lambda: rows(ResidualMLP()),
        "variational": lambda: rows(Variational()),
        "wide-and-deep": lambda: columns(WideAndDeep()),
        "recommender": lambda: bags(),
        "two-towers": lambda: pairs(),
        "graph": lambda: graph(),
        "points": lambda: points(),
    }
    return through_both(networks)


def rows(module: nn.Module) -> Network:
    cases = [{"x": normal(count, count, FEATURES)} for count in (8, 1, 33, MANY_ROWS)]
    return Network(prepared(module), cases, {"x": {0: "batch"}})


def mlp() -> nn.Module:
    return nn.Sequential(
        nn.Linear(FEATURES, 24),
        nn.BatchNorm1d(24),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Linear(24, 16),
        nn.LayerNorm(16),
        nn.GELU(approximate="tanh"),
        nn.Linear(16, 4),
    )


def double() -> Network:
    network = rows(nn.Sequential(nn.Linear(FEATURES, 16), nn.Tanh(), nn.Linear(16, 1)))
    return converted(network, torch.float64)


def half() -> Network:
    network = rows(nn.Sequential(nn.Linear(FEATURES, 16), nn.ReLU(), nn.Linear(16, 3)))
    return converted(network, torch.float16)


def converted(network: Network, dtype: torch.dtype) -> Network:
    network.module.to(dtype)
    network.cases = [{name: value.to(dtype) for name, value in case.items()} for case in network.cases]
    return network


class SeveralHeads(nn.Module):
    """A class with its probabilities, a number, and whether it is above a bound."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(FEATURES, 16), nn.CELU(0.7), nn.Linear(16, 16), nn.Softsign())
        self.kind = nn.Linear(16, 5)
        self.number = nn.Linear(16, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        x = self.body(x)
        chances = F.softmax(self.kind(x), -1)
        number = self.number(x).squeeze(-1)
        return chances.argmax(-1), chances, number, number > 0.1


class Experts(nn.Module):
    """The two best of four experts, by a gate."""

    def __init__(self):
        super().__init__()
        self.gate = nn.Linear(FEATURES, 4)
        self.inner = nn.Parameter(torch.randn(4, FEATURES, 8) / 3)
        self.outer = nn.Parameter(torch.randn(4, 8, 3) / 3)

    def forward(self, x: Tensor) -> Tensor:
        weights, chosen = torch.topk(torch.softmax(self.gate(x), -1), 2)
        weights = weights / weights.sum(-1, keepdim=True)
        inner = F.silu(torch.einsum("bf,efh->beh", x, self.inner))
        outer = torch.einsum("beh,eho->beo", inner, self.outer)
        picked = torch.gather(outer, 1, chosen.unsqueeze(-1).expand(-1, -1, 3))
        return (weights.unsqueeze(-1) * picked).sum(1)


class ResidualMLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(FEATURES, 12)
        self.layers = nn.ModuleList(nn.Sequential(nn.LayerNorm(12), nn.Linear(12, 24), nn.GLU()) for _ in range(3))
        self.head = nn.Linear(12, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        for layer in self.layers:
            x = x + layer(x)
        return torch.sigmoid(self.head(F.normalize(x, dim=-1)))


class Variational(nn.Module):
    """As it is served: the middle of the distribution, what is made of it, and its divergence."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(FEATURES, 16), nn.Hardtanh(), nn.Linear(16, 6))
        self.decoder = nn.Sequential(nn.Linear(3, 16), nn.LeakyReLU(), nn.Linear(16, FEATURES))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        middle, spread = self.encoder(x).chunk(2, -1)
        divergence = -0.5 * (1 + spread - middle**2 - spread.exp()).sum(-1)
        made = self.decoder(middle)
        return made, ((made - x) ** 2).mean(-1), divergence


class WideAndDeep(nn.Module):
    """Embedded categories beside numbers, with products of pairs."""

    def __init__(self):
        super().__init__()
        self.embeddings = nn.ModuleList(nn.Embedding(size, 4) for size in (7, 11, 5))
        self.wide = nn.Linear(FEATURES, 1)
        self.deep = nn.Sequential(nn.Linear(12 + FEATURES, 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, x: Tensor, categories: Tensor) -> Tensor:
        embedded = [layer(categories[:, place]) for place, layer in enumerate(self.embeddings)]
        stacked = torch.stack(embedded, 1)
        products = 0.5 * (stacked.sum(1) ** 2 - (stacked**2).sum(1)).sum(-1, keepdim=True)
        deep = self.deep(torch.cat([*embedded, x], -1))
        return torch.sigmoid(self.wide(x) + deep + products).squeeze(-1)


def columns(module: nn.Module) -> Network:
    def case(count: int) -> dict:
        categories = [integers(count + size, size, count, 1) for size in (7, 11, 5)]
        return {"x": normal(count, count, FEATURES), "categories": torch.cat(categories, 1)}

    axes = {"x": {0: "batch"}, "categories": {0: "batch"}}
    return Network(prepared(module), [case(8), case(1), case(33), case(MANY_ROWS)], axes)


class Recommender(nn.Module):
    """What somebody has seen, as a bag, against things to show."""

    def __init__(self):
        super().__init__()
        self.seen = nn.EmbeddingBag(40, 8, mode="mean")
        self.things = nn.Embedding(40, 8)
        self.bias = nn.Embedding(40, 1)

    def forward(self, seen: Tensor, things: Tensor) -> tuple[Tensor, Tensor]:
        person = self.seen(seen)
        scores = torch.bmm(self.things(things), person.unsqueeze(-1)).squeeze(-1)
        scores = scores + self.bias(things).squeeze(-1)
        best = torch.sort(scores, descending=True, dim=-1)
        return torch.sigmoid(best.values), best.indices


def bags() -> Network:
    cases = [
        {"seen": integers(people, 40, people, 6), "things": integers(people + 50, 40, people, 5)}
        for people in (3, 1, 8, MANY_ROWS)
    ]
    return Network(prepared(Recommender()), cases, {"seen": {0: "people"}, "things": {0: "people"}})


class Towers(nn.Module):
    def __init__(self):
        super().__init__()
        self.left = nn.Sequential(nn.Linear(FEATURES, 16), nn.ReLU(), nn.Linear(16, 8))
        self.right = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 8))

    def forward(self, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
        left, right = self.left(left), self.right(right)
        likeness = F.cosine_similarity(left.unsqueeze(1), right.unsqueeze(0), dim=-1)
        return likeness, (left.unsqueeze(1) - right).square().sum(-1).sqrt()


def pairs() -> Network:
    cases = [
        {"left": normal(left, left, FEATURES), "right": normal(right + 9, right, 4)}
        for left, right in ((5, 3), (1, 4), (2, 2), (MANY_ROWS, 6))
    ]
    return Network(prepared(Towers()), cases, {"left": {0: "left"}, "right": {0: "right"}})


class Graph(nn.Module):
    """Messages along edges, summed where they arrive."""

    def __init__(self):
        super().__init__()
        self.message = nn.Linear(2 * FEATURES, 8)
        self.update = nn.Linear(FEATURES + 8, 8)
        self.head = nn.Linear(8, 2)

    def forward(self, nodes: Tensor, edges: Tensor) -> tuple[Tensor, Tensor]:
        source, target = edges[0], edges[1]
        messages = F.relu(self.message(torch.cat([nodes[source], nodes[target]], -1)))
        empty = torch.zeros(nodes.shape[0], 8)
        arrived = empty.index_add(0, target, messages)
        nodes = F.elu(self.update(torch.cat([nodes, arrived], -1)))
        return nodes, self.head(nodes.mean(0, keepdim=True))


def graph() -> Network:
    cases = [
        {"nodes": normal(nodes, nodes, FEATURES), "edges": integers(edges, nodes, 2, edges)}
        for nodes, edges in ((6, 10), (3, 2), (12, 40), (MANY_ROWS, 3 * MANY_ROWS))
    ]
    return Network(prepared(Graph()), cases, {"nodes": {0: "nodes"}, "edges": {1: "edges"}})


class Points(nn.Module):
    """Sets of points: the same for each, and the largest of all."""

    def __init__(self):
        super().__init__()
        self.each = nn.Sequential(nn.Conv1d(3, 8, 1), nn.BatchNorm1d(8), nn.ReLU6(), nn.Conv1d(8, 16, 1))
        self.head = nn.Linear(16, 4)

    def forward(self, points: Tensor) -> Tensor:
        middle = points.mean(1, keepdim=True)
        distance = torch.linalg.vector_norm(points - middle, dim=-1, keepdim=True)
        x = self.each(((points - middle) / distance.amax(1, keepdim=True)).transpose(1, 2))
        return self.head(x.max(2).values)


def points() -> Network:
    shapes = ((2, 20), (1, 5), (3, 64), (MANY_ROWS, 16))
    cases = [{"points": normal(count, batch, count, 3)} for batch, count in shapes]
    return Network(prepared(Points()), cases, {"points": {0: "batch", 1: "points"}})

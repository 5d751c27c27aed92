"""Embeds a knowledge graph with TransE and completes it: who is whose grandmother?

Shows: a subclassed model with a margin loss over true and corrupted triples, a constraint on embeddings,
ranking against all entities with the filtered protocol (other true answers do not count as mistakes): MRR and
Hits@k.
Source: Bordes et al., Translating Embeddings for Modeling Multi-relational Data, 2013.
Data: generated families with seven relations, or yours: ``--triples FILE`` (head, relation, tail by tabs, as
in FB15k-237's ``train.txt``).

    python examples/knowledge_graph.py [--small] [--triples FILE]
"""

import argparse

import numpy as np

import corten
from corten import layers, ops


def families(count: int, seed: int = 0) -> list[tuple[str, str, str]]:
    """Three generations per family: grandparents, their children with spouses, grandchildren."""
    rng = np.random.default_rng(seed)
    triples = []
    for number in range(count):
        name = iter(f"f{number}-{i}" for i in range(100))
        grandfather, grandmother = next(name), next(name)
        triples.append((grandfather, "husband_of", grandmother))
        for _ in range(rng.integers(2, 4)):
            parents = [next(name), next(name)]
            triples.append((parents[0], "husband_of", parents[1]))
            own = parents[rng.integers(2)]  # the other one married in
            triples += [(grandfather, "father_of", own), (grandmother, "mother_of", own)]
            for _ in range(rng.integers(1, 4)):
                child = next(name)
                triples += [(parents[0], "father_of", child), (parents[1], "mother_of", child)]
                triples += [(grandfather, "grandfather_of", child), (grandmother, "grandmother_of", child)]
                triples += [(child, "grandchild_of", grandfather), (child, "grandchild_of", grandmother)]
                triples += [(child, "child_of", parent) for parent in parents]
    return triples


def to_numbers(triples) -> tuple[np.ndarray, int, int]:
    entities = {name: i for i, name in enumerate(sorted({t[0] for t in triples} | {t[2] for t in triples}))}
    relations = {name: i for i, name in enumerate(sorted({t[1] for t in triples}))}
    numbers = np.array([[entities[h], relations[r], entities[t]] for h, r, t in triples], dtype="int32")
    return np.unique(numbers, axis=0), len(entities), len(relations)


class TransE(corten.Model):
    """A relation is a step from head to tail: `head + relation` is near `tail` where the triple is true."""

    def __init__(
        self, entities: int, relations: int, size: int = 64, margin: float = 2.0, negatives: int = 16
    ):
        super().__init__()
        self.count, self.margin, self.negatives = entities, margin, negatives
        start = corten.initializers.RandomUniform(-6 / size**0.5, 6 / size**0.5, seed=1)
        on_sphere = corten.constraints.UnitNorm(axis=1)
        self.entities = layers.Embedding(entities, size, start, embeddings_constraint=on_sphere)
        self.relations = layers.Embedding(relations, size, start)
        self.seed_generator = corten.random.SeedGenerator(3)

    def call(self, triples):
        """The distance between `head + relation` and `tail`, of shape `triples.shape[:-1]`."""
        head, relation, tail = (triples[..., i] for i in range(3))
        return ops.norm(self.entities(head) + self.relations(relation) - self.entities(tail), axis=-1)

    def corrupt(self, triples):
        """`negatives` copies of each triple with head or tail replaced by a random entity."""
        shape = (triples.shape[0], self.negatives)
        other = corten.random.randint(shape, 0, self.count, seed=self.seed_generator)
        replace_head = corten.random.uniform(shape, seed=self.seed_generator) < 0.5
        head = ops.where(replace_head, other, triples[:, None, 0])
        tail = ops.where(replace_head, triples[:, None, 2], other)
        relation = ops.broadcast_to(triples[:, None, 1], shape)
        return ops.stack([head, relation, tail], axis=-1)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        wrong = self(self.corrupt(x))
        return ops.mean(ops.relu(self.margin + y_pred[:, None] - wrong))


def ranks(model: TransE, test: np.ndarray, every: np.ndarray) -> np.ndarray:
    """The rank of the right tail, and of the right head, among all entities that are not also right."""
    entities, relations = model.entities.embeddings.numpy(), model.relations.embeddings.numpy()
    heads, tails = {}, {}
    for h, r, t in every.tolist():
        tails.setdefault((h, r), []).append(t)
        heads.setdefault((r, t), []).append(h)
    result = []
    for h, r, t in test.tolist():
        for wanted, target, right in (
            (entities[h] + relations[r], t, tails[h, r]),
            (entities[t] - relations[r], h, heads[r, t]),
        ):
            distance = np.linalg.norm(entities - wanted, axis=1)
            own = distance[target]
            distance[right] = np.inf
            result.append(1 + np.sum(distance < own) + np.sum(distance == own) / 2)  # ties share their place
    return np.array(result)


def report(label: str, places: np.ndarray) -> None:
    hits = ", ".join(f"Hits@{k} {np.mean(places <= k):.4f}" for k in (1, 3, 10))
    print(f"{label}: filtered MRR {np.mean(1 / places):.4f}, {hits}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="fewer families and epochs")
    parser.add_argument("--triples", help="a file with lines of: head, relation, tail")
    arguments = parser.parse_args()

    corten.utils.set_random_seed(0)
    if arguments.triples:
        with open(arguments.triples, encoding="utf8") as stream:
            triples = [tuple(line.rstrip("\n").split("\t")) for line in stream]
    else:
        triples = families(20 if arguments.small else 100)
    every, entities, relations = to_numbers(triples)
    every = every[np.random.default_rng(0).permutation(len(every))]
    cut = int(0.9 * len(every))
    train, test = every[:cut], every[cut:]
    print(
        f"{len(train)} triples to train on, {len(test)} held out, {entities} entities, {relations} relations"
    )

    model = TransE(entities, relations)
    model(train[:1])
    report("Before training", ranks(model, test, every))
    model.compile(optimizer=corten.optimizers.Adam(1e-2))
    history = model.fit(train, batch_size=128, epochs=40 if arguments.small else 80, verbose=0)
    print(f"Loss: {history.history['loss'][0]:.4f} -> {history.history['loss'][-1]:.4f}")
    report("After training", ranks(model, test, every))


if __name__ == "__main__":
    main()

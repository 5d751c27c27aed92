"""Where batches come from: data sets, generators, frames, text."""

import numpy as np

import corten
from corten import layers
from corten.data import Dataset


def pipelines(generator, folder):
    """Steps of a data set beside the same steps on a list."""
    count = int(generator.integers(1, 200))
    numbers = generator.integers(0, 1000, count)
    dataset, wanted = Dataset.from_tensor_slices(numbers), list(numbers)
    for _ in range(generator.integers(1, 7)):
        step = generator.choice(
            ["map", "parallel", "filter", "take", "skip", "repeat", "cache", "prefetch", "batch"]
        )
        if step == "map":
            dataset, wanted = dataset.map(lambda x: x * 2 + 1), [x * 2 + 1 for x in wanted]
        elif step == "parallel":
            dataset, wanted = dataset.map(lambda x: x - 3, num_parallel_calls=3), [x - 3 for x in wanted]
        elif step == "filter":
            dataset, wanted = dataset.filter(lambda x: x % 3 != 0), [x for x in wanted if x % 3 != 0]
        elif step in ("take", "skip"):
            n = int(generator.integers(0, 100))
            dataset, wanted = getattr(dataset, step)(n), wanted[:n] if step == "take" else wanted[n:]
        elif step == "repeat" and len(wanted) < 500:
            dataset, wanted = dataset.repeat(2), wanted * 2
        elif step == "cache":
            dataset = dataset.cache()
        elif step == "prefetch":
            dataset = dataset.prefetch(2)
        elif step == "batch":
            dataset = dataset.batch(int(generator.integers(1, 40))).unbatch()
    for _ in range(2):
        assert [int(x) for x in dataset] == [int(x) for x in wanted]
    # One that is left in the middle: its threads must end.
    for _ in dataset.map(lambda x: x, num_parallel_calls=2).prefetch(3):
        break


def shuffled(generator, folder):
    """Shuffling loses and doubles nothing, and the same seed gives the same order."""
    count, size, seed = (
        int(generator.integers(1, 300)),
        int(generator.integers(1, 300)),
        int(generator.integers(99)),
    )
    orders = [
        [int(x) for x in Dataset.range(count).map(lambda x: x).shuffle(size, seed=seed)] for _ in range(2)
    ]
    assert orders[0] == orders[1]
    assert sorted(orders[0]) == list(range(count))


def small_model():
    model = corten.Sequential([corten.Input((3,)), layers.Dense(4, "relu"), layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


class Batches(corten.utils.PyDataset):
    """Batches made on demand."""

    def __init__(self, x, y, **kwargs):
        super().__init__(**kwargs)
        self.x, self.y = x, y

    def __len__(self):
        return -(-len(self.x) // 8)

    def __getitem__(self, index):
        part = slice(8 * index, 8 * index + 8)
        return self.x[part], self.y[part]


def sources_of_fit(generator, folder):
    """The same batches out of arrays, a data set, a generator and a PyDataset train to the same bits."""
    x = generator.normal(size=(64, 3)).astype("float32")
    y = generator.normal(size=(64, 1)).astype("float32")

    def generate():
        while True:
            for start in range(0, 64, 8):
                yield x[start : start + 8], y[start : start + 8]

    start = small_model().get_weights()
    results = set()
    for source in (
        Dataset.from_tensor_slices((x, y)).batch(8),
        Dataset.from_generator(lambda: zip(x, y, strict=True)).batch(8).prefetch(2),
        Batches(x, y, workers=2),
        generate(),
    ):
        model = small_model()
        model.set_weights(start)
        model.fit(source, epochs=2, steps_per_epoch=8, shuffle=False, verbose=0)
        results.add(b"".join(weight.tobytes() for weight in model.get_weights()))
    model = small_model()
    model.set_weights(start)
    model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    results.add(b"".join(weight.tobytes() for weight in model.get_weights()))
    assert len(results) == 1


def text(generator, folder):
    """A vocabulary is learned, and words come out as their numbers."""
    words = [f"word{n}" for n in generator.integers(0, 30, 60)]
    lines = np.array([" ".join(words[i : i + 5]) for i in range(0, 60, 5)])
    vectorize = layers.TextVectorization(output_sequence_length=6)
    vectorize.adapt(lines)
    numbers = np.asarray(vectorize(lines))
    known = vectorize.get_vocabulary()
    assert [known[n] for n in numbers[0][:5]] == words[:5]
    lookup = layers.StringLookup()
    lookup.adapt(np.array(words))
    assert [lookup.get_vocabulary()[int(n)] for n in lookup(np.array(words[:5]))] == words[:5]


def frames_and_files(generator, folder):
    """A CSV file and a memory-mapped array give `predict` the numbers they hold."""
    x = generator.normal(size=(30, 3)).astype("float32")
    names = ["a", "b", "c"]
    rows = [",".join(names), *(",".join(repr(float(v)) for v in row) for row in x)]
    (folder / "x.csv").write_text("\n".join(rows) + "\n")
    columns = corten.data.read_csv(folder / "x.csv")
    np.testing.assert_allclose(np.stack([np.ravel(columns[n]) for n in names], axis=1), x, rtol=1e-6)
    np.save(folder / "x.npy", x)
    mapped = np.load(folder / "x.npy", mmap_mode="r")
    model = small_model()
    np.testing.assert_array_equal(model.predict(mapped, verbose=0), model.predict(x, verbose=0))


JOBS = [pipelines, shuffled, sources_of_fit, text, frames_and_files]

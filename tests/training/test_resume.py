"""Training that was interrupted goes on, and ends with the bits of one that was not."""

import warnings

import numpy as np
import pytest

import corten
from corten import callbacks, layers
from corten.data import Dataset
from corten.training.checkpoint import CheckpointFolder, read_checkpoint

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(44, 6)).astype("float32")
Y = RANDOM.normal(size=(44, 1)).astype("float32")


class Stop(Exception):
    pass


class Interrupt(callbacks.Callback):
    """Breaks the training off after so many batches."""

    def __init__(self, batches):
        self.batches = batches

    def on_train_batch_end(self, batch, logs=None):
        self.batches -= 1
        if self.batches == 0:
            raise Stop


def build(optimizer=None, **kwargs):
    corten.utils.set_random_seed(3)
    model = corten.Sequential(
        [
            corten.Input((6,)),
            layers.Dense(8, "relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(1),
        ]
    )
    if optimizer is None:
        schedule = corten.optimizers.schedules.ExponentialDecay(0.02, 5, 0.9)
        optimizer = corten.optimizers.Adam(schedule)
    model.compile(optimizer, "mse", metrics=["mae"], **kwargs)
    return model


def bits(model):
    variables = [*model.variables, *model.optimizer.variables]
    return [np.asarray(variable).tobytes() for variable in variables]


def check_exact(folder, make, fit, every=2, breaks=5):
    """Trains at a stretch, then with a break after every few batches, in new models; compares the bits."""
    whole = make()
    expected = fit(whole, [])
    starts = 0
    while True:
        starts += 1
        assert starts < 60, "no progress"
        model = make()
        backup = callbacks.BackupAndRestore(folder / "state", save_freq=every)
        try:
            history = fit(model, [backup, Interrupt(breaks)])
            break
        except Stop:
            continue
    assert starts > 2
    assert bits(model) == bits(whole)
    assert history.history == expected.history
    assert history.epoch == expected.epoch
    assert not (folder / "state").exists()


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("shuffle", [True, False, "batch"])
def test_arrays(tmp_path, eager, shuffle):
    def fit(model, own):
        return model.fit(X, Y, 4, epochs=2, shuffle=shuffle, verbose=0, validation_split=0.2, callbacks=own)

    check_exact(tmp_path, lambda: build(run_eagerly=eager), fit)


SHORT = pytest.mark.filterwarnings("ignore:.*ran out of data")


@SHORT
@pytest.mark.parametrize("every", [1, 3])
def test_weights_classes_steps_and_executions(tmp_path, every):
    labels = (Y[:, 0] > 0).astype("int32")

    def make():
        model = build()
        model.add(layers.Activation("sigmoid"))
        model.compile("adam", "binary_crossentropy", metrics=["accuracy"], steps_per_execution=2)
        return model

    def fit(model, own):
        return model.fit(
            X,
            labels,
            batch_size=5,
            epochs=4,
            initial_epoch=1,
            steps_per_epoch=5,
            class_weight={0: 1.0, 1: 3.0},
            verbose=0,
            validation_data=(X, labels, np.linspace(0, 1, 44)),
            validation_freq=2,
            callbacks=own,
        )

    check_exact(tmp_path, make, fit, every, breaks=3)


OPTIMIZERS = {
    "averages and accumulates": lambda: corten.optimizers.SGD(
        0.05, momentum=0.9, use_ema=True, ema_overwrite_frequency=3, gradient_accumulation_steps=3
    ),
    "several": lambda: corten.optimizers.MultiOptimizer(
        corten.optimizers.OptimizerMap(
            corten.optimizers.Adam(0.01), {"kernel": corten.optimizers.RMSprop(0.01, use_ema=True)}
        )
    ),
    "scales": lambda: corten.optimizers.LossScaleOptimizer(
        corten.optimizers.Nadam(0.01), dynamic_growth_steps=3
    ),
    "without a schedule": lambda: corten.optimizers.ScheduleFreeAdamW(0.01, warmup_steps=4),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_state_of_optimizers(tmp_path, name):
    def fit(model, own):
        return model.fit(X, Y, batch_size=8, epochs=3, verbose=0, callbacks=own)

    check_exact(tmp_path, lambda: build(OPTIMIZERS[name]()), fit, every=1, breaks=4)


def test_callbacks_go_on_with_their_state(tmp_path):
    saved = []

    class Own(callbacks.Callback):
        def __init__(self):
            self.sums = {0: np.zeros(2, "float32")}

        def on_train_batch_end(self, batch, logs=None):
            self.sums[0] = self.sums[0] + np.float32(logs["loss"])

        def on_epoch_end(self, epoch, logs=None):
            logs["sum"] = float(self.sums[0][1])

        def get_state(self):
            return {"sums": self.sums}

        def set_state(self, state):
            self.sums = state["sums"]

    class Checkpoint(callbacks.ModelCheckpoint):
        def _save(self, epoch, batch, logs):
            super()._save(epoch, batch, logs)
            self.model.saved.append((epoch, batch, self.best))

    def fit(model, own):
        model.saved = []
        saved.append(model.saved)
        logger = callbacks.CSVLogger(tmp_path / f"log{len(saved) > 1}.csv")
        own = [
            callbacks.LearningRateScheduler(lambda epoch, rate: rate * (0.5 if epoch == 2 else 1.0)),
            callbacks.ReduceLROnPlateau("val_loss", patience=1, min_delta=0.05, cooldown=1),
            callbacks.SwapEMAWeights(swap_on_epoch=True),
            callbacks.EarlyStopping("val_mae", patience=2, restore_best_weights=True),
            Own(),
            logger,
            Checkpoint(tmp_path / "best.corten", "loss", save_best_only=True, save_freq=7),
            *own,
        ]
        try:
            return model.fit(
                X, Y, batch_size=4, epochs=8, verbose=0, validation_data=(X[:20], Y[:20]), callbacks=own
            )
        finally:
            logger.on_train_end()

    check_exact(tmp_path, lambda: build(corten.optimizers.SGD(0.05, use_ema=True)), fit, every=1, breaks=6)
    assert (tmp_path / "logTrue.csv").read_bytes() == (tmp_path / "logFalse.csv").read_bytes()
    # The saves of the broken trainings are those of the whole one; that of the batch at a break comes again.
    whole, *broken = saved
    assert list(dict.fromkeys(save for saves in broken for save in saves)) == whole


class Rows(corten.utils.PyDataset):
    """Batches of rows in an order that changes between the epochs, with noise."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.order = np.arange(44)
        self.random = np.random.default_rng(5)

    def __len__(self):
        return 6

    def __getitem__(self, index):
        rows = self.order[index * 8 : index * 8 + 8]
        return X[rows] + self.random.normal(size=(len(rows), 6)).astype("float32"), Y[rows]

    def on_epoch_end(self):
        np.random.shuffle(self.order)


def endless():
    random = np.random.default_rng(2)
    while True:
        rows = random.integers(44, size=8)
        noise = np.random.normal(size=(8, 6)).astype("float32")
        yield X[rows] + noise, Y[rows]


def augmented(x, y):
    return x + NOISE.normal(size=6).astype("float32"), y


NOISE = np.random.default_rng(11)


def sets(kind):
    global NOISE
    NOISE = np.random.default_rng(11)
    rows = Dataset.from_tensor_slices((X, Y))
    jitter = layers.GaussianNoise(0.2, seed=4)
    return {
        "dataset": lambda: rows.shuffle(50).batch(8),
        "seeded": lambda: rows.shuffle(10, seed=1).map(lambda x, y: (x * 2, y)).batch(8).prefetch(2),
        "once": lambda: rows.shuffle(10, seed=1, reshuffle_each_iteration=False).batch(8),
        "function": lambda: rows.shuffle(50).map(augmented).batch(8),
        "layer": lambda: rows.batch(8).map(lambda x, y: (jitter(x, training=True), y)),
        "cache": lambda: rows.map(augmented).cache().shuffle(44).batch(8),
        "repeat": lambda: rows.shuffle(44).repeat().batch(8),
        "ahead": lambda: rows.shuffle(44).repeat().batch(8).prefetch(2),
        "generator": lambda: endless(),
        "pydataset": lambda: Rows(),
        "list": lambda: [(X[:8], Y[:8]), (X[8:20], Y[8:20]), (X[20:], Y[20:])],
    }[kind]()


@SHORT
@pytest.mark.parametrize(
    "kind",
    ["dataset", "seeded", "once", "function", "layer", "cache", "repeat", "ahead", "generator", "pydataset"],
)
def test_sources(tmp_path, kind):
    steps = {"repeat": 4, "ahead": 4, "generator": 4, "once": 4}.get(kind)

    def fit(model, own):
        corten.utils.set_random_seed(9)
        return model.fit(sets(kind), steps_per_epoch=steps, epochs=3, verbose=0, callbacks=own)

    check_exact(tmp_path, build, fit, every=1, breaks=4)


def test_functions_are_not_called_for_batches_that_are_dropped(tmp_path):
    calls = []

    def doubled(x, y):
        calls.append(1)
        return 2 * x, y

    def source():
        return Dataset.from_tensor_slices((X, Y)).shuffle(44).repeat().map(doubled).batch(4).prefetch(1)

    whole = build()
    whole.fit(source(), steps_per_epoch=10, epochs=3, verbose=0)
    calls.clear()
    backup = callbacks.BackupAndRestore(tmp_path, save_freq=1)
    with pytest.raises(Stop):
        build().fit(source(), steps_per_epoch=10, epochs=3, verbose=0, callbacks=[backup, Interrupt(27)])
    assert len(calls) >= 4 * 27
    calls.clear()
    model = build()
    model.fit(source(), steps_per_epoch=10, epochs=3, verbose=0, callbacks=[backup])
    assert bits(model) == bits(whole)
    # The first batch is looked at, four are left, and the threads read ahead.
    assert len(calls) <= 4 * 12


@SHORT
@pytest.mark.parametrize("kind", ["repeat", "seeded", "pydataset"])
def test_validation_data_has_a_position_too(tmp_path, kind):
    def fit(model, own):
        corten.utils.set_random_seed(9)
        return model.fit(
            X, Y, 8, epochs=4, verbose=0, validation_data=sets(kind), validation_steps=4, callbacks=own
        )

    check_exact(tmp_path, build, fit, every=2, breaks=4)


def test_own_training_step(tmp_path):
    class Own(corten.Sequential):
        def train_step(self, data):
            x, y = data
            with corten.GradientTape() as tape:
                loss = corten.ops.mean((self(x, training=True) - y) ** 2)
            gradients = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply(gradients, self.trainable_variables)
            return {"loss": loss, "twice": 2 * loss}

    def make():
        corten.utils.set_random_seed(1)
        model = Own([corten.Input((6,)), layers.Dense(4, "tanh"), layers.Dropout(0.1), layers.Dense(1)])
        model.compile("adam")
        return model

    def fit(model, own):
        return model.fit(X, Y, batch_size=8, epochs=3, verbose=0, callbacks=own)

    check_exact(tmp_path, make, fit, every=1, breaks=4)


def test_resume_trains_on_with_more_epochs(tmp_path):
    whole = build()
    expected = whole.fit(X, Y, batch_size=8, epochs=5, verbose=0)
    model = build()
    model.fit(X, Y, batch_size=8, epochs=2, verbose=0, resume=tmp_path / "state")
    again = build()
    history = again.fit(X, Y, batch_size=8, epochs=5, verbose=0, resume=tmp_path / "state")
    assert bits(again) == bits(whole)
    assert history.history == expected.history
    # It is over: nothing is trained, and the results are those.
    finished = build()
    history = finished.fit(X, Y, batch_size=8, epochs=5, verbose=0, resume=tmp_path / "state")
    assert bits(finished) == bits(whole)
    assert history.history == expected.history


def test_resume_uses_the_backup_of_its_folder(tmp_path):
    whole = build()
    whole.fit(X, Y, batch_size=8, epochs=3, verbose=0)

    def backup():
        return callbacks.BackupAndRestore(tmp_path, save_freq=1, delete_checkpoint=False)

    with pytest.raises(Stop):
        build().fit(X, Y, 8, epochs=3, verbose=0, callbacks=[backup(), Interrupt(9)], resume=str(tmp_path))
    assert len(CheckpointFolder(tmp_path).paths()) == 2
    # Without a callback for batches the epoch is gone on with just the same.
    model = build()
    model.fit(X, Y, 8, epochs=3, verbose=0, resume=str(tmp_path))
    assert bits(model) == bits(whole)


def interrupted(folder, **kwargs):
    backup = callbacks.BackupAndRestore(folder, save_freq=1)
    with pytest.raises(Stop):
        build().fit(X, Y, 8, epochs=3, verbose=0, callbacks=[backup, Interrupt(9)], **kwargs)
    return CheckpointFolder(folder).paths()


def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path):
    whole = build()
    whole.fit(X, Y, 8, epochs=3, verbose=0)
    paths = interrupted(tmp_path)
    data = bytearray(paths[-1].read_bytes())
    data[len(data) // 2] ^= 1
    paths[-1].write_bytes(data)
    model = build()
    with pytest.warns(UserWarning, match="newest checkpoint is damaged"):
        model.fit(X, Y, 8, epochs=3, verbose=0, resume=tmp_path)
    assert bits(model) == bits(whole)
    for path in CheckpointFolder(tmp_path).paths():
        path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(ValueError, match=r"All checkpoints in .* are damaged"):
        build().fit(X, Y, 8, epochs=3, verbose=0, resume=tmp_path)


def test_every_damage_is_seen(tmp_path):
    (path, _) = interrupted(tmp_path)
    whole = path.read_bytes()
    for place in range(0, len(whole), max(len(whole) // 300, 1)):
        damaged = bytearray(whole)
        damaged[place] ^= 0x10
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="checkpoint"):
            read_checkpoint(path)
    for size in (0, 7, 8, 100, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match="checkpoint"):
            read_checkpoint(path)


def test_a_newer_format_is_refused(tmp_path):
    import hashlib

    path = interrupted(tmp_path)[-1]
    data = path.read_bytes().replace(b'"format_version":"1"', b'"format_version":"2"')
    place = data.find(b'"sha256":"') + 10
    zeros = data[:place] + b"0" * 64 + data[place + 64 :]
    path.write_bytes(data[:place] + hashlib.sha256(zeros).hexdigest().encode() + data[place + 64 :])
    with pytest.raises(ValueError, match=r"format version '2'.*update Corten"):
        build().fit(X, Y, 8, epochs=3, verbose=0, resume=tmp_path)


def test_another_training_is_refused(tmp_path):
    interrupted(tmp_path)

    def refused(message, *data, model=None, **kwargs):
        model = build() if model is None else model
        before = bits(model)
        arguments = {"batch_size": 8, "epochs": 3, "verbose": 0, "resume": tmp_path, **kwargs}
        with pytest.raises(ValueError, match=message):
            model.fit(*(data or (X, Y)), **arguments)
        assert bits(model)[: len(before)] == before

    refused("batch_size was 8 and is 16", batch_size=16)
    refused("shuffle was True and is False", shuffle=False)
    refused("x.samples was 44 and is 40", X[:40], Y[:40])
    refused("steps_per_epoch was None and is 3", steps_per_epoch=3)
    refused("validation_split was 0.0 and is 0.5", validation_split=0.5)
    refused("the kind of data is another one", Dataset.from_tensor_slices((X, Y)).batch(8), batch_size=None)
    wider = corten.Sequential([corten.Input((6,)), layers.Dense(9, "relu"), layers.Dense(1)])
    wider.compile("sgd", "mse")
    refused("there were 5 layers and are 3", model=wider)
    refused("optimizers.0. was a Adam and is a SGD", model=build("sgd"))
    other = build()
    other.layers[0].activation = corten.activations.tanh
    refused("activation was 'relu' and is 'tanh'", model=other)


def test_what_a_callback_may_remember(tmp_path):
    class Odd(callbacks.Callback):
        def get_state(self):
            return {"thing": {1, 2}}

    with pytest.raises(TypeError, match=r"callback_0_Odd/thing.*got a set"):
        build().fit(X, Y, verbose=0, callbacks=[Odd()], resume=tmp_path)


def test_a_callback_without_saved_state_is_named(tmp_path):
    interrupted(tmp_path)
    with pytest.warns(UserWarning, match="no state of a EarlyStopping"):
        build().fit(
            X,
            Y,
            8,
            epochs=3,
            verbose=0,
            resume=tmp_path,
            callbacks=[callbacks.EarlyStopping("loss", patience=9)],
        )


def test_folders_keep_what_is_needed(tmp_path):
    folder = CheckpointFolder(tmp_path, keep=2)
    (tmp_path / "notes.txt").write_text("mine")
    for step in range(4):
        folder.write({"step": step}, {"a": np.full(3, step, "float32")})
    assert [path.name[-13:-12] for path in folder.paths()] == ["3", "4"]
    folder.paths()[1].write_bytes(b"x")
    fresh = CheckpointFolder(tmp_path, keep=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert fresh.newest()[0] == {"step": 2}
    # The damaged one does not count, and goes once there is a better one.
    fresh.write({"step": 9}, {})
    assert [path.name[-13:-12] for path in fresh.paths()] == ["5"]
    draft = tmp_path / ".checkpoint-00000006.safetensors.abc.tmp"
    draft.write_bytes(b"half")
    fresh.remove_drafts()
    assert not draft.exists()
    fresh.remove()
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("optimizer", ["captured", "averages and accumulates"])
def test_files_of_model_checkpoint(tmp_path, optimizer):
    def make():
        return build(OPTIMIZERS[optimizer]() if optimizer in OPTIMIZERS else None)

    whole = make()
    expected = whole.fit(X, Y, 8, epochs=4, verbose=0, validation_split=0.2)
    checkpoint = callbacks.ModelCheckpoint(tmp_path / "{epoch}-{batch}.corten", save_freq=3)
    make().fit(
        X, Y, 8, epochs=3, verbose=0, validation_split=0.2, callbacks=[checkpoint, callbacks.History()]
    )
    paths = sorted(tmp_path.iterdir())
    assert [path.name for path in paths] == [
        "1-3.corten",
        "2-1.corten",
        "2-4.corten",
        "3-2.corten",
        "3-5.corten",
    ]
    for resume in (paths[0], paths[1], paths[4], tmp_path):
        model = make()
        history = model.fit(X, Y, 8, epochs=4, verbose=0, validation_split=0.2, resume=resume)
        assert bits(model) == bits(whole)
        assert history.history == expected.history
    # What was written since the file counts.
    backup = callbacks.BackupAndRestore(tmp_path / "since", save_freq=1)
    own = [backup, Interrupt(3)]
    with pytest.raises(Stop):
        make().fit(X, Y, 8, epochs=4, verbose=0, validation_split=0.2, resume=paths[1], callbacks=own)
    model = make()
    own = [backup, counter := Interrupt(100)]
    model.fit(X, Y, 8, epochs=4, verbose=0, validation_split=0.2, resume=paths[1], callbacks=own)
    assert bits(model) == bits(whole)
    assert 100 - counter.batches == 20 - 6 - 2
    loaded = corten.models.load_model(paths[0])
    assert loaded.count_params() == whole.count_params()
    loaded.save(tmp_path / "plain.corten")
    with pytest.raises(ValueError, match="without the state of its training"):
        make().fit(X, Y, 8, epochs=4, verbose=0, resume=tmp_path / "plain.corten")
    with pytest.raises(FileNotFoundError, match="no file"):
        make().fit(X, Y, 8, epochs=4, verbose=0, resume=tmp_path / "none.corten")


def test_a_model_is_saved_where_a_later_callback_fails(tmp_path):
    class Fail(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise Stop

    checkpoint = callbacks.ModelCheckpoint(tmp_path / "last.corten")
    with pytest.raises(Stop):
        build().fit(X, Y, 8, epochs=1, verbose=0, callbacks=[checkpoint, Fail()])
    assert corten.models.load_model(tmp_path / "last.corten").count_params()


def test_a_state_without_a_form_leaves_the_model(tmp_path):
    class Odd(callbacks.Callback):
        def get_state(self):
            return {"thing": {1, 2}}

    checkpoint = callbacks.ModelCheckpoint(tmp_path / "last.corten")
    with pytest.warns(UserWarning, match="holds the model alone"):
        build().fit(X, Y, 8, epochs=1, verbose=0, callbacks=[checkpoint, Odd()])
    assert corten.models.load_model(tmp_path / "last.corten").count_params()

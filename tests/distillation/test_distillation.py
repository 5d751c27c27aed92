"""Distillation: losses by hand, what the distiller trains, files."""

import numpy as np
import pytest

import corten
from corten import layers
from corten.distillation import DistillationLoss, Distiller, FeatureDistillation, LogitsDistillation

TEACHER = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.5]], "float32")
STUDENT = np.array([[2.0, 1.0, 4.0], [3.0, 6.0, 2.0]], "float32")


def softmax(x):
    powers = np.exp(x - x.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def cross_entropy(p, q):
    return -(p * np.log(q)).sum(-1).mean()


@pytest.mark.parametrize("temperature", [1, 2.5])
def test_losses_of_probabilities_get_softened_probabilities(temperature):
    taught, learned = softmax(TEACHER / temperature), softmax(STUDENT / temperature)

    def loss(which):
        return float(LogitsDistillation(temperature, which).compute_loss(TEACHER, STUDENT))

    divergence = cross_entropy(taught, learned) - cross_entropy(taught, taught)
    assert loss("kl_divergence") == pytest.approx(divergence, rel=1e-5)
    assert loss("kld") == loss(corten.losses.KLDivergence()) == loss("kl_divergence")
    assert loss("categorical_crossentropy") == pytest.approx(cross_entropy(taught, learned), rel=1e-5)
    of_logits = loss(corten.losses.CategoricalCrossentropy(from_logits=True))
    assert of_logits == pytest.approx(cross_entropy(taught, learned), rel=1e-5)
    p, q = sigmoid(TEACHER / temperature), sigmoid(STUDENT / temperature)
    binary = -(p * np.log(q) + (1 - p) * np.log(1 - q)).mean()
    assert loss("binary_crossentropy") == pytest.approx(binary, rel=1e-4)


def test_other_losses_get_divided_logits():
    # Values of Keras 3.15: mean_squared_error and cosine_similarity of the numbers.
    mean_square = float(LogitsDistillation(2.0, "mse").compute_loss(TEACHER, STUDENT))
    assert mean_square == pytest.approx(4.208333492279053 / 4, rel=1e-6)
    own = LogitsDistillation(2.0, lambda y_true, y_pred: corten.ops.abs(y_true - y_pred))
    assert float(own.compute_loss(TEACHER, STUDENT)) == pytest.approx(np.abs(TEACHER - STUDENT).mean() / 2)
    assert float(FeatureDistillation().compute_loss(TEACHER, STUDENT)) == pytest.approx(4.208333492279053)
    alike = float(FeatureDistillation("cosine_similarity").compute_loss(TEACHER, STUDENT))
    assert alike == pytest.approx(-0.8971382975578308)


def test_several_outputs_are_added_and_none_does_not_count():
    def loss(which, taught, learned):
        return float(LogitsDistillation(2.0, which).compute_loss(taught, learned))

    first, second = loss("kld", TEACHER, STUDENT), loss("mse", TEACHER, STUDENT)
    pair = [TEACHER] * 2, [STUDENT] * 2
    assert loss(["kld", None], *pair) == first
    assert loss(["kld", "mse"], *pair) == pytest.approx(first + second)
    assert loss("mse", *pair) == pytest.approx(2 * second)
    named = {"a": TEACHER, "b": TEACHER}, {"a": STUDENT, "b": STUDENT}
    assert loss({"b": "mse", "a": "kld"}, *named) == pytest.approx(first + second)


def both():
    corten.utils.set_random_seed(2)
    return [
        corten.Sequential(
            [
                corten.Input((4,)),
                layers.Dense(5, "tanh", name="hidden"),
                layers.Dropout(dropout),
                layers.Dense(3, name="logits"),
            ]
        )
        for dropout in (0.5, 0.0)
    ]


X = np.linspace(-1, 1, 64, dtype="float32").reshape(16, 4) ** 3
Y = np.arange(16) % 3
LOSSES = [LogitsDistillation(2.0), FeatureDistillation("mse", "hidden", "hidden")]


def compiled(teacher, student, **options):
    distiller = Distiller(teacher, student, LOSSES, [1.5, 0.5], **{"student_loss_weight": 0.3, **options})
    loss = corten.losses.SparseCategoricalCrossentropy(from_logits=True)
    distiller.compile(corten.optimizers.SGD(0.1), loss, metrics=["accuracy"])
    return distiller


def test_the_loss_is_the_weighted_sum_of_its_parts():
    teacher, student = both()
    distiller = compiled(teacher, student)
    logs = distiller.evaluate(X, Y, batch_size=7, verbose=0, return_dict=True)
    taught, learned = teacher(X), student(X)
    by_labels = float(distiller.loss(Y, learned))
    hidden = [model.get_layer("hidden")(X) for model in (teacher, student)]
    parts = 1.5 * float(LOSSES[0].compute_loss(taught, learned)) + 0.5 * float(
        LOSSES[1].compute_loss(*hidden)
    )
    assert logs["student_loss"] == pytest.approx(by_labels, rel=1e-5)
    assert logs["distillation_loss"] == pytest.approx(parts, rel=1e-4)
    assert logs["loss"] == logs["total_loss"] == pytest.approx(0.3 * by_labels + 0.7 * parts, rel=1e-4)
    assert "accuracy" in logs


def test_a_step_moves_the_student_along_the_gradient_and_leaves_the_teacher():
    teacher, student = both()
    before = [weight.copy() for weight in teacher.get_weights()]
    distiller = compiled(teacher, student)
    with corten.GradientTape() as tape:
        taught, learned = teacher(X, training=False), student(X, training=True)
        hidden = [model.get_layer("hidden")(X) for model in (teacher, student)]
        total = distiller.loss(Y, learned) * 0.3 + 0.7 * (
            1.5 * LOSSES[0].compute_loss(taught, learned) + 0.5 * LOSSES[1].compute_loss(*hidden)
        )
    gradients = tape.gradient(total, student.trainable_variables)
    expected = [v.numpy() - 0.1 * g.numpy() for v, g in zip(student.variables, gradients, strict=False)]
    assert not teacher.trainable
    assert [v.path for v in distiller.trainable_variables] == [v.path for v in student.trainable_variables]
    distiller.train_on_batch(X, Y)
    for found, wanted in zip(student.get_weights(), expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-6)
    for found, wanted in zip(teacher.get_weights(), before, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_captured_and_eager_training_have_the_same_bits():
    weights = []
    for eagerly in (False, True):
        distiller = compiled(*both())
        distiller.run_eagerly = eagerly
        corten.utils.set_random_seed(5)
        history = distiller.fit(X, Y, epochs=6, batch_size=4, verbose=0, validation_data=(X, Y)).history
        weights.append([w.tobytes() for w in distiller.student.get_weights()])
        assert history["total_loss"][-1] < history["total_loss"][0]
        assert history["val_total_loss"][-1] < history["val_total_loss"][0]
    assert weights[0] == weights[1]


def test_without_labels():
    teacher, student = both()
    distiller = Distiller(teacher, student, LogitsDistillation(), student_loss_weight=0)
    distiller.compile(corten.optimizers.Adam(0.05))
    history = distiller.fit(X, epochs=40, verbose=0).history
    assert history["distillation_loss"][-1] < 0.1 * history["distillation_loss"][0]
    np.testing.assert_array_equal(distiller.predict(X, verbose=0), student.predict(X, verbose=0))


@pytest.mark.parametrize("ending", ["corten", "keras"])
def test_a_saved_distiller_goes_on(tmp_path, ending):
    pytest.importorskip("h5py")
    distiller = compiled(*both())
    distiller.fit(X, Y, epochs=1, verbose=0)
    distiller.save(tmp_path / f"distiller.{ending}")
    again = corten.models.load_model(tmp_path / f"distiller.{ending}")
    assert again.get_config()["distillation_losses"] == distiller.get_config()["distillation_losses"]
    assert (again.distillation_loss_weights, again.student_loss_weight) == ([1.5, 0.5], 0.3)
    np.testing.assert_array_equal(again.predict(X, verbose=0), distiller.predict(X, verbose=0))
    np.testing.assert_array_equal(again.teacher(X), distiller.teacher(X))
    assert again.evaluate(X, Y, verbose=0) == distiller.evaluate(X, Y, verbose=0)


class Subclassed(corten.Model):
    def call(self, inputs):
        return inputs


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"teacher": "vgg"}, "`teacher` must be a corten.Model; got str"),
        ({"student": None}, "`student` must be a corten.Model; got NoneType"),
        ({"distillation_losses": "kld"}, "must be a DistillationLoss, such as LogitsDistillation"),
        ({"distillation_losses": []}, "give at least one"),
        ({"distillation_loss_weights": [1.0]}, "got 1 in `distillation_loss_weights` for 2 losses"),
        ({"student_loss_weight": 1.5}, "from 0 to 1; got 1.5"),
        (
            {"distillation_losses": FeatureDistillation("mse", "hiden", "hidden")},
            "in the teacher: No such layer: hiden.*Did you mean 'hidden'",
        ),
        (
            {"student": Subclassed(), "distillation_losses": FeatureDistillation("mse", "hidden", "x")},
            "the student must be a functional or a built sequential model",
        ),
    ],
)
def test_what_does_not_fit_is_said_at_once(change, message):
    teacher, student = both()
    given = {"teacher": teacher, "student": student, "distillation_losses": LOSSES, **change}
    with pytest.raises(ValueError, match=message):
        Distiller(**given)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LogitsDistillation(0), "`temperature` must be a positive number; got 0"),
        (lambda: LogitsDistillation("2"), "`temperature` must be a positive number; got '2'"),
        (lambda: LogitsDistillation(2, [None, None]), "at least one loss that is not None"),
        (lambda: FeatureDistillation(None), "FeatureDistillation: `loss` must name at least one"),
        (lambda: FeatureDistillation("msee"), "Unknown loss: 'msee'"),
        (lambda: LogitsDistillation().compute_loss(TEACHER, [STUDENT]), "structures differ"),
        (lambda: LogitsDistillation().compute_loss(TEACHER, STUDENT[:, :2]), r"\(2, 3\) and \(2, 2\)"),
        (lambda: LogitsDistillation(2, ["mse"]).compute_loss([TEACHER] * 2, [STUDENT] * 2), "1 entries"),
        (lambda: LogitsDistillation(2, {"a": "mse"}).compute_loss(TEACHER, STUDENT), "outputs' names"),
    ],
)
def test_losses_say_what_is_wrong(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_loss_by_labels_needs_loss_and_labels():
    teacher, student = both()
    distiller = Distiller(teacher, student, LOSSES)
    with pytest.raises(ValueError, match="`loss` is missing"):
        distiller.compile("sgd")
    with pytest.raises(NotImplementedError, match="DistillationLoss does not define"):
        DistillationLoss().compute_loss(TEACHER, STUDENT)

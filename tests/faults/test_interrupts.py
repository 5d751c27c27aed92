"""Ctrl-C: a real SIGINT stops within a second, and the model is between two steps."""

import signal

import pytest
from tests.faults.helpers import interrupt, run

import corten
from corten._state import state, uninterrupted
from corten.training.interrupts import Interrupts

#: A second of the clock for each of a program's two threads: what work may go on for after Ctrl-C.
SECOND = 2.0

FIT = """
model = make_model({optimizer}, run_eagerly={eagerly})
try:
    say("ready")
    model.fit(x, y, 8, epochs=10**6, shuffle=False, verbose=0)
except KeyboardInterrupt:
    say("stopped")
steps = int(model.optimizer._iterations.numpy())  # also those that only accumulate
assert steps > 20, steps
other = trained_for(steps, optimizer={optimizer})
assert bits(model) == bits(other), steps
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
# It goes on as if nothing had been.
for one in (model, other):
    one.fit(x, y, 8, epochs=2, shuffle=False, verbose=0)
assert bits(model) == bits(other)
"""


@pytest.mark.parametrize(
    ("optimizer", "eagerly"),
    [
        ('"adam"', False),
        ('"adam"', True),
        ("corten.optimizers.SGD(0.01, momentum=0.9, gradient_accumulation_steps=3)", False),
        ("corten.optimizers.Lamb(0.01)", False),
    ],
    ids=["captured", "eager", "accumulated", "updated by Python code"],
)
def test_fit_stops_between_steps_and_goes_on(optimizer, eagerly):
    _, took = interrupt(FIT.format(optimizer=optimizer, eagerly=eagerly))
    assert took < SECOND


ELSEWHERE = {
    "evaluate": "make_model().evaluate(np.tile(x, (10**5, 1)), np.tile(y, (10**5, 1)), 8, verbose=0)",
    "predict": "make_model().predict(np.tile(x, (10**5, 1)), 8, verbose=0)",
    "one long op": "a = ops.ones((7000, 7000)); ops.matmul(a, a)",
    "mapped data": """make_model().fit(
        corten.data.Dataset.from_tensor_slices((x, y)).map(slow, 2).batch(8), verbose=0)""",
    "prefetched data": """make_model().fit(
        corten.data.Dataset.from_tensor_slices((x, y)).map(slow).batch(8).prefetch(2), verbose=0)""",
    "tuner": """tuner.RandomSearch(
                lambda units: make_model(), {"units": tuner.Int(1, 9)}, "loss", trials=10**6
            ).run(x, y, epochs=3, verbose=0)""",
}


@pytest.mark.parametrize("what", ELSEWHERE)
def test_stops_within_a_second(what):
    script = f"""
        def slow(*parts):
            time.sleep(0.2)
            return parts
        from corten import tuner
        make_model().fit(x, y, 8, verbose=0)
        before = threading.active_count()
        try:
            say("ready")
            {ELSEWHERE[what]}
        except KeyboardInterrupt:
            say("stopped")
        deadline = time.monotonic() + 60
        while threading.active_count() > before and time.monotonic() < deadline:
            time.sleep(0.01)
        assert threading.active_count() == before, threading.enumerate()
        assert float(ops.sum(ops.matmul(ops.ones((300, 300)), ops.ones((300, 300))))) == 300.0**3
    """
    _, took = interrupt(script, after=0.5, working=not what.endswith("data"))
    assert took < SECOND


def test_the_line_of_the_progress_bar_is_closed():
    out, _ = interrupt(
        """
        corten.training.progress.is_interactive = lambda: True
        import corten.callbacks.progbar_logger as logger
        logger.is_interactive = lambda: True
        model = make_model()
        try:
            say("ready")
            model.fit(np.tile(x, (3000, 1)), np.tile(y, (3000, 1)), 1, verbose=1)
        except KeyboardInterrupt:
            say("stopped")
        """,
        after=1.0,
    )
    assert "/192000" in out
    assert out.endswith("\nstopped\n")


def test_ctrl_c_waits_for_what_is_held():
    calls = []
    before = signal.signal(signal.SIGINT, lambda number, frame: calls.append(number))
    try:
        with Interrupts():
            with uninterrupted:
                signal.raise_signal(signal.SIGINT)
                assert calls == []
                with uninterrupted:
                    pass
                assert calls == []
            assert calls == [signal.SIGINT]
            signal.raise_signal(signal.SIGINT)
            assert len(calls) == 2
        assert signal.getsignal(signal.SIGINT)(0, None) is None
    finally:
        signal.signal(signal.SIGINT, before)
    with uninterrupted:
        assert state.held == 1
    assert state.held == 0


def test_the_users_handler_is_left_alone():
    def mine(number, frame):
        raise TimeoutError("mine")

    class Set(corten.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            signal.signal(signal.SIGINT, mine)

    before = signal.getsignal(signal.SIGINT)
    try:
        model = corten.Sequential([corten.Input((2,)), corten.layers.Dense(1)])
        model.compile("sgd", "mse")
        data = corten.ops.ones((4, 2)), corten.ops.ones((4, 1))
        model.fit(*data, callbacks=[Set()], verbose=0)
        assert signal.getsignal(signal.SIGINT) is mine
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_signals_end_a_long_op_too():
    out = run(
        """
        class Late(Exception):
            pass
        def late(number, frame):
            raise Late
        signal.signal(signal.SIGALRM, late)
        a = ops.ones((7000, 7000))
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        begun = time.process_time()
        try:
            ops.matmul(a, a)
        except Late:
            say(f"late {time.process_time() - begun < 2}")
        # In a captured training as well, and the steps before it are kept.
        model = make_model()
        signal.setitimer(signal.ITIMER_REAL, 2.0)
        try:
            model.fit(x, y, 8, epochs=10**6, shuffle=False, verbose=0)
        except Late:
            say("late")
        assert bits(model) == bits(trained_for(int(model.optimizer.iterations)))
        """
    )
    assert out.split() == ["late", "True", "late"]

"""The interpreter ends in the middle of a step: no crash, no hang."""

import os

import pytest
from tests.faults.helpers import finish, start

# `CORTEN_FAULT_REPEATS=20 pytest tests/faults/test_shutdown.py` repeats more often.
REPEATS = int(os.environ.get("CORTEN_FAULT_REPEATS", "4"))

PROGRAMS = {
    "daemon thread in captured fit": (
        """
        model = make_model()
        threading.Thread(target=lambda: model.fit(x, y, 8, epochs=10**7, verbose=0), daemon=True).start()
        time.sleep(0.05 + 0.2 * np.random.default_rng().random())
        """,
        0,
    ),
    "daemon threads in kernels": (
        """
        a = ops.ones((300, 300))
        def busy():
            while True:
                ops.sum(ops.exp(ops.matmul(a, a)))
        def fit():
            make_model(run_eagerly=True).fit(x, y, 8, epochs=10**7, verbose=0)
        for target in (busy, busy, fit):
            threading.Thread(target=target, daemon=True).start()
        time.sleep(0.05 + 0.2 * np.random.default_rng().random())
        """,
        0,
    ),
    "daemon thread that loads data": (
        """
        data = corten.data.Dataset.from_tensor_slices((x, y)).repeat().map(lambda a, b: (ops.exp(a), b), 2)
        model = make_model()
        def fit():
            model.fit(data.batch(8).prefetch(4), steps_per_epoch=10**7, verbose=0)
        threading.Thread(target=fit, daemon=True).start()
        time.sleep(0.05 + 0.2 * np.random.default_rng().random())
        """,
        0,
    ),
    "sys.exit in a callback": (
        """
        class Exit(corten.callbacks.Callback):
            def on_train_batch_end(self, batch, logs=None):
                sys.exit(7)
        data = corten.data.Dataset.from_tensor_slices((x, y)).batch(8).prefetch(2)
        make_model().fit(data, callbacks=[Exit()], verbose=0)
        """,
        7,
    ),
    "os._exit in a callback": (
        """
        class Exit(corten.callbacks.Callback):
            def on_train_batch_end(self, batch, logs=None):
                os._exit(9)
        make_model().fit(x, y, callbacks=[Exit()], verbose=0)
        """,
        9,
    ),
    "work at exit": (
        """
        import atexit
        model = make_model()
        model.fit(x, y, 8, verbose=0)
        atexit.register(lambda: model.fit(x, y, 8, epochs=3, verbose=0))
        atexit.register(lambda: ops.sum(ops.exp(ops.ones((500, 500)))).numpy())
        """,
        0,
    ),
    "an exception while others train": (
        """
        def fit():
            make_model().fit(x, y, 8, epochs=10**7, verbose=0)
        threading.Thread(target=fit, daemon=True).start()
        time.sleep(0.1)
        sys.exit(3)
        """,
        3,
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_ends_cleanly(name):
    script, expected = PROGRAMS[name]
    repeats = REPEATS if "daemon" in name else max(REPEATS // 4, 1)
    running = []
    for _ in range(repeats):
        running.append(start(script))
        if len(running) == 2:
            check(running.pop(0), expected)
    for process in running:
        check(process, expected)


def check(process, expected):
    code, out, err = finish(process, timeout=120)
    assert code == expected, f"exit code {code}\n{out}\n{err}"
    assert "Fatal" not in err, err
    assert "panicked" not in err, err

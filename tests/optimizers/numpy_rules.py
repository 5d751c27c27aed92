"""The update rules once more, in float64 NumPy, written from the papers' formulas."""

import numpy as np


class Rule:
    """One optimizer's rule for one array; `step` counts from 1."""

    def __init__(self, **settings):
        self.settings = settings
        self.state = {}

    def slot(self, name, like, start=0.0):
        return self.state.setdefault(name, np.full_like(like, start))

    def __call__(self, w, g, lr, step):
        raise NotImplementedError


class SGD(Rule):
    def __call__(self, w, g, lr, step):
        mu = self.settings.get("momentum", 0.0)
        m = self.slot("m", w)
        m[...] = mu * m - lr * g
        return w + (mu * m - lr * g if self.settings.get("nesterov") else m)


class RMSprop(Rule):
    def __call__(self, w, g, lr, step):
        rho, mu = self.settings.get("rho", 0.9), self.settings.get("momentum", 0.0)
        v, m, mean = self.slot("v", w), self.slot("m", w), self.slot("mean", w)
        v[...] = rho * v + (1 - rho) * g**2
        mean[...] = rho * mean + (1 - rho) * g
        spread = v - mean**2 if self.settings.get("centered") else v
        m[...] = mu * m + lr * g / np.sqrt(spread + 1e-7)
        return w - m


class Adagrad(Rule):
    def __call__(self, w, g, lr, step):
        total = self.slot("total", w, 0.1)
        total += g**2
        return w - lr * g / np.sqrt(total + 1e-7)


class Adadelta(Rule):
    def __call__(self, w, g, lr, step):
        rho = 0.95
        squares, deltas = self.slot("squares", w), self.slot("deltas", w)
        squares[...] = rho * squares + (1 - rho) * g**2
        delta = np.sqrt(deltas + 1e-7) / np.sqrt(squares + 1e-7) * g
        deltas[...] = rho * deltas + (1 - rho) * delta**2
        return w - lr * delta


class Adam(Rule):
    def __call__(self, w, g, lr, step):
        b1, b2 = self.settings.get("beta_1", 0.9), self.settings.get("beta_2", 0.999)
        m, v, top = self.slot("m", w), self.slot("v", w), self.slot("top", w)
        m[...] = b1 * m + (1 - b1) * g
        v[...] = b2 * v + (1 - b2) * g**2
        top[...] = np.maximum(top, v)
        second = top if self.settings.get("amsgrad") else v
        # Keras keeps epsilon beside the uncorrected root.
        rate = lr * np.sqrt(1 - b2**step) / (1 - b1**step)
        return w - rate * m / (np.sqrt(second) + 1e-7)


class Adamax(Rule):
    def __call__(self, w, g, lr, step):
        m, u = self.slot("m", w), self.slot("u", w)
        m[...] = 0.9 * m + 0.1 * g
        u[...] = np.maximum(0.999 * u, np.abs(g))
        return w - lr / (1 - 0.9**step) * m / (u + 1e-7)


class Nadam(Rule):
    def __call__(self, w, g, lr, step):
        def mu(t):
            return 0.9 * (1 - 0.5 * 0.96**t)

        m, v = self.slot("m", w), self.slot("v", w)
        product = self.state.get("product", 1.0) * mu(step)
        self.state["product"] = product
        m[...] = 0.9 * m + 0.1 * g
        v[...] = 0.999 * v + 0.001 * g**2
        first = mu(step + 1) * m / (1 - product * mu(step + 1)) + (1 - mu(step)) * g / (1 - product)
        return w - lr * first / (np.sqrt(v / (1 - 0.999**step)) + 1e-7)


class Lion(Rule):
    def __call__(self, w, g, lr, step):
        m = self.slot("m", w)
        direction = np.sign(0.9 * m + 0.1 * g)
        m[...] = 0.99 * m + 0.01 * g
        return w - lr * direction


class Lamb(Rule):
    def __call__(self, w, g, lr, step):
        m, v = self.slot("m", w), self.slot("v", w)
        m[...] = 0.9 * m + 0.1 * g
        v[...] = 0.999 * v + 0.001 * g**2
        change = m / (1 - 0.9**step) / (np.sqrt(v / (1 - 0.999**step)) + 1e-7)
        return w - lr * np.linalg.norm(w) / np.linalg.norm(change) * change


class Ftrl(Rule):
    def __call__(self, w, g, lr, step):
        n, z = self.slot("n", w, 0.1), self.slot("z", w)
        sigma = (np.sqrt(n + g**2) - np.sqrt(n)) / lr
        z += g - sigma * w
        n += g**2
        l1 = self.settings.get("l1_regularization_strength", 0.0)
        l2 = self.settings.get("l2_regularization_strength", 0.0)
        shrunk = np.where(np.abs(z) <= l1, 0.0, z - np.sign(z) * l1)
        return -shrunk / (np.sqrt(n) / lr + 2 * l2)


class Adafactor(Rule):
    def __call__(self, w, g, lr, step):
        keep = 1 - step**-0.8
        squares = g**2 + 1e-30
        if w.ndim >= 2:
            r, c = self.slot("r", w[..., 0]), self.slot("c", w[..., 0, :])
            r[...] = keep * r + (1 - keep) * squares.mean(-1)
            c[...] = keep * c + (1 - keep) * squares.mean(-2)
            second = (r / r.mean(-1, keepdims=True))[..., None] * c[..., None, :]
        else:
            v = self.slot("v", w)
            v[...] = keep * v + (1 - keep) * squares
            second = v
        change = g / np.sqrt(second)
        change /= max(1.0, np.sqrt(np.mean(change**2)))
        return w - min(lr, step**-0.5) * max(1e-3, np.sqrt(np.mean(w**2))) * change

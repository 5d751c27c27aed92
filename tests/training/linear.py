"""Data and a model that many tests of training share."""

import numpy as np

import corten
from corten import layers


def linear_data(count=64, features=3, seed=0):
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(count, features)).astype("float32")
    weights = generator.normal(size=(features, 1)).astype("float32")
    return x, x @ weights + 0.5


def linear_model(features=3, metrics=None, optimizer="sgd", **kwargs):
    corten.utils.set_random_seed(1)
    model = corten.Sequential([corten.Input((features,)), layers.Dense(1)])
    model.compile(optimizer, "mse", metrics=metrics, **kwargs)
    return model

import copy
import json
import pickle

import pytest

import corten
from corten.utils import Config


def test_config_is_attributes_and_a_dict():
    config = Config(learning_rate=0.1, momentum=0.9)
    config.use_ema = True
    config["seed"] = 123
    assert config.seed == 123
    assert config["learning_rate"] == 0.1
    assert list(config) == ["learning_rate", "momentum", "use_ema", "seed"]
    assert "seed" in config
    assert len(config) == 4
    assert config.pop("seed") == 123
    assert config.get("seed") is None
    assert config.get("seed", 5) == 5
    config.update({"a": 1}, b=2)
    del config["a"]
    del config.b
    assert json.loads(config.to_json()) == {"learning_rate": 0.1, "momentum": 0.9, "use_ema": True}
    assert dict(config.items()) == config.as_dict()


def test_a_frozen_config_refuses_every_change():
    config = Config(rate=1)
    config.freeze()
    assert config.frozen
    for change in (
        lambda: setattr(config, "rate", 2),
        lambda: config.update(rate=2),
        lambda: config.pop("rate"),
        lambda: config.__delitem__("rate"),
    ):
        with pytest.raises(ValueError, match="frozen"):
            change()
    assert config.rate == 1
    config.unfreeze()
    config.rate = 2
    assert config.rate == 2


def test_config_copies_pickles_and_names_what_it_has():
    config = Config(rate=1)
    for other in (copy.deepcopy(config), pickle.loads(pickle.dumps(config))):
        assert other == config
        other.rate = 2
        assert config.rate == 1
    with pytest.raises(AttributeError, match=r"'rats'. Did you mean 'rate'"):
        _ = config.rats


def test_legacy_serialization_goes_both_ways():
    legacy = corten.legacy.saving
    assert corten.utils.legacy.serialize_keras_object is legacy.serialize_keras_object
    dense = corten.layers.Dense(3, kernel_regularizer=corten.regularizers.L2(0.5))
    config = legacy.serialize_keras_object(dense)
    assert config["class_name"] == "Dense"
    assert config["config"]["units"] == 3
    again = legacy.deserialize_keras_object(config, vars(corten.layers))
    assert (again.units, again.kernel_regularizer.l2) == (3, 0.5)
    assert legacy.serialize_keras_object(None) is None
    assert legacy.deserialize_keras_object(None) is None
    assert legacy.deserialize_keras_object("relu", vars(corten.activations)) is corten.activations.relu


def test_legacy_deserialization_finds_custom_objects_and_says_what_is_unknown():
    class Mine(corten.layers.Layer):
        pass

    config = corten.legacy.saving.serialize_keras_object(Mine(name="m"))
    found = corten.legacy.saving.deserialize_keras_object(config, custom_objects={"Mine": Mine})
    assert type(found) is Mine
    with corten.utils.CustomObjectScope({"Mine": Mine}):
        assert type(corten.legacy.saving.deserialize_keras_object(config)) is Mine
    with pytest.raises(ValueError, match="Unknown layer: 'Mine'"):
        corten.legacy.saving.deserialize_keras_object(config, printable_module_name="layer")
    with pytest.raises(ValueError, match="Improper config format"):
        corten.legacy.saving.deserialize_keras_object({"config": {}})
    with pytest.raises(ValueError, match="cannot be serialized"):
        corten.legacy.saving.serialize_keras_object(3)


def test_interactive_logging_decides_whether_lines_are_rewritten(monkeypatch):
    from corten.training import progress

    monkeypatch.setattr(progress.sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.delenv("TERM", raising=False)
    assert corten.utils.is_interactive_logging_enabled()
    assert progress.is_interactive()
    corten.utils.disable_interactive_logging()
    try:
        assert not corten.utils.is_interactive_logging_enabled()
        assert not progress.is_interactive()
    finally:
        corten.utils.enable_interactive_logging()

"""Writes golden.json: structure and outputs of Keras's networks (Keras 3.15.1, JAX).

KERAS_BACKEND=jax python tests/applications/make_golden.py [name ...]
"""

import json
import sys
from pathlib import Path

import cases
import keras

PLACE = Path(__file__).with_name("golden.json")


def main():
    golden = json.loads(PLACE.read_text()) if PLACE.exists() else {"structures": {}, "values": {}}
    wanted = sys.argv[1:]
    for part, table in (("values", cases.VALUES), ("structures", cases.STRUCTURES)):
        for name, (network, arguments) in table.items():
            if name not in wanted if wanted else name in golden[part]:
                continue
            keras.utils.clear_session()
            model = getattr(keras.applications, network)(weights=None, **arguments)
            if part == "structures":
                golden[part][name] = cases.structure(model)
            else:
                cases.fill(model)
                golden[part][name] = cases.sample(model.predict(cases.pictures(model), verbose=0))
            print(part, name, flush=True)
            PLACE.write_text(json.dumps(golden, indent=1) + "\n")
            del model


if __name__ == "__main__":
    main()

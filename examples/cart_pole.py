"""Learns to balance a pole on a cart by policy gradients.

Shows: an environment in NumPy (many carts at once), actions drawn from a policy network, returns against a
learned baseline, a training step of one's own with ``GradientTape``, gradient clipping.
Sources: Barto, Sutton & Anderson, Neuronlike Adaptive Elements, 1983 (the equations of the cart); Williams,
1992 (REINFORCE).

    python examples/cart_pole.py [--small]
"""

import argparse

import numpy as np

import corten
from corten import layers, ops

LIMIT = 200  # steps; a pole that stands so long is balanced


class CartPoles:
    """Carts on tracks, side by side. State: position, speed, angle of the pole, angular speed."""

    GRAVITY, CART, POLE, HALF_LENGTH, FORCE, SECONDS = 9.8, 1.0, 0.1, 0.5, 10.0, 0.02

    def __init__(self, count: int, rng: np.random.Generator):
        self.state = rng.uniform(-0.05, 0.05, (count, 4))

    def step(self, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pushes each cart right or left; gives the states, and which poles still stand."""
        _, speed, angle, turning = self.state.T
        force = np.where(right, self.FORCE, -self.FORCE)
        total, moment = self.CART + self.POLE, self.POLE * self.HALF_LENGTH
        sine, cosine = np.sin(angle), np.cos(angle)
        pushed = (force + moment * turning**2 * sine) / total
        turn = (self.GRAVITY * sine - cosine * pushed) / (
            self.HALF_LENGTH * (4 / 3 - self.POLE * cosine**2 / total)
        )
        move = pushed - moment * turn * cosine / total
        self.state = self.state + self.SECONDS * np.stack([speed, move, turning, turn], axis=1)
        standing = (np.abs(self.state[:, 0]) < 2.4) & (np.abs(self.state[:, 2]) < np.radians(12))
        return self.state, standing


def play(policy: corten.Model, count: int, rng: np.random.Generator):
    """Plays `count` episodes. Gives states, actions and a mask of steps played, each by step and cart."""
    carts = CartPoles(count, rng)
    alive = np.ones(count, dtype=bool)
    states, actions, played = [], [], []
    for _ in range(LIMIT):
        states.append(carts.state.astype("float32"))
        right = policy.predict_on_batch(states[-1])[:, 0] > rng.random(count)
        actions.append(right)
        played.append(alive)
        alive = alive & carts.step(right)[1]
        if not alive.any():
            break
    return np.stack(states), np.stack(actions), np.stack(played)


def returns(played: np.ndarray, discount: float) -> np.ndarray:
    """What is still to come at each step, one point per step, later ones counting less."""
    total, result = np.zeros(played.shape[1]), np.zeros(played.shape, dtype="float32")
    for step in reversed(range(len(played))):
        total = played[step] * (1 + discount * total)
        result[step] = total
    return result


def network(activation: str | None) -> corten.Model:
    return corten.Sequential(
        [corten.Input((4,)), layers.Dense(32, activation="tanh"), layers.Dense(1, activation=activation)]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="fewer rounds")
    arguments = parser.parse_args()

    corten.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    policy, critic = network("sigmoid"), network(None)
    policy_optimizer = corten.optimizers.Adam(1e-2, global_clipnorm=1.0)
    critic.compile(optimizer=corten.optimizers.Adam(2e-2), loss="mse")

    for number in range(30 if arguments.small else 100):
        states, actions, played = play(policy, 32, rng)
        seen, right = states[played], actions[played][:, None].astype("float32")
        value = returns(played, discount=0.98)[played][:, None] / 50
        advantage = value - critic.predict(seen, batch_size=len(seen), verbose=0)
        advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-6)
        critic.fit(seen, value, batch_size=len(seen), epochs=5, verbose=0)

        with corten.GradientTape() as tape:
            likely = policy(seen, training=True)
            chosen = ops.where(right > 0.5, likely, 1 - likely)
            loss = -ops.mean(ops.log(chosen + 1e-8) * advantage)
        weights = policy.trainable_variables
        policy_optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))

        steps = played.sum(axis=0).mean()
        if number == 0:
            first = steps
        if number % 5 == 4:
            print(f"Round {number + 1}: poles stand for {steps:.0f} steps")

    print(f"Steps at first: {first:.1f}")
    print(f"Steps at last: {play(policy, 100, rng)[2].sum(axis=0).mean():.1f} (of at most {LIMIT})")


if __name__ == "__main__":
    main()

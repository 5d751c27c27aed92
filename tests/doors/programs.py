"""The programs found in tutorials, each as a function; only the import lines are Corten's.

`tf`, `layers` and `models` stand for what the import lines give. What the texts leave undefined
(data, the input shape) comes as arguments.
"""

import numpy as np


def convolutional_network(models, layers):
    model = models.Sequential()
    model.add(layers.Conv2D(32, (3, 3), activation="relu", input_shape=(28, 28, 1)))
    model.add(layers.MaxPooling2D((2, 2)))
    model.add(layers.Conv2D(64, (3, 3), activation="relu"))
    model.add(layers.MaxPooling2D((2, 2)))
    model.add(layers.Conv2D(64, (3, 3), activation="relu"))
    model.add(layers.Flatten())
    model.add(layers.Dense(64, activation="relu"))
    model.add(layers.Dense(10, activation="softmax"))
    return model


def p1(models, layers, x_train, y_train, x_test, y_test, loss="categorical_crossentropy", epochs=10):
    model = convolutional_network(models, layers)
    model.compile(optimizer="rmsprop", loss=loss, metrics=["accuracy"])
    model.fit(x_train, y_train, epochs=epochs)
    loss, accuracy = model.evaluate(x_test, y_test)
    print("Loss:", loss)
    print("Accuracy:", accuracy)
    return model, loss, accuracy


def p2(tf, input_shape, x_train, y_train, x_test):
    model = tf.keras.Sequential(
        [
            tf.keras.layers.Dense(64, activation="relu", input_shape=(input_shape)),
            tf.keras.layers.Dense(64, activation="relu"),
            tf.keras.layers.Dense(1),
        ]
    )
    model.compile(optimizer="adam", loss="mean_squared_error")
    model.fit(x_train, y_train, epochs=10)
    return model.predict(x_test)


def linear_regression(tf, make_layers, optimizer, epochs=100):
    tf.random.set_seed(42)
    x_train = np.random.rand(100, 1)
    y_train = 2 * x_train + 1 + np.random.randn(100, 1)
    model = tf.keras.Sequential(make_layers(tf))
    model.compile(optimizer=optimizer, loss="mean_squared_error")
    model.fit(x_train, y_train, epochs=epochs)
    predictions = model.predict(x_train)
    print(predictions)
    return model, predictions


def p3(tf):
    return linear_regression(tf, lambda tf: [tf.keras.layers.Dense(units=1, input_shape=(1,))], "sgd")


def p4(tf, input_shape, x_train, y_train, x_test):
    model = tf.keras.Sequential(
        [
            tf.keras.layers.Dense(units=64, activation="relu", input_shape=(input_shape)),
            tf.keras.layers.Dense(units=64, activation="relu"),
            tf.keras.layers.Dense(units=1),
        ]
    )
    model.compile(optimizer="adam", loss="mean_squared_error")
    model.fit(x_train, y_train, epochs=100)
    return model.predict(x_test)


def p5(tf):
    def two_layers(tf):
        return [
            tf.keras.layers.Dense(units=64, activation="relu", input_shape=(1,)),
            tf.keras.layers.Dense(units=1),
        ]

    return linear_regression(tf, two_layers, "adam")


def p6(tf):
    return linear_regression(tf, lambda tf: [tf.keras.layers.Dense(units=1, input_shape=(1,))], "adam")


def p7(tf, flatten=False, epochs=10):
    inputs = tf.keras.layers.Input(shape=(784,))
    x = tf.keras.layers.Dense(256, activation="relu")(inputs)
    x = tf.keras.layers.Dense(128, activation="relu")(x)
    x = tf.keras.layers.Dense(64, activation="relu")(x)
    outputs = tf.keras.layers.Dense(10, activation="softmax")(x)
    model = tf.keras.Model(inputs=inputs, outputs=outputs)
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    (x_train, y_train), (x_test, y_test) = tf.keras.datasets.mnist.load_data()
    x_train = x_train.astype("float32") / 255.0
    x_test = x_test.astype("float32") / 255.0
    if flatten:
        x_train, x_test = x_train.reshape(-1, 784), x_test.reshape(-1, 784)
    y_train = tf.keras.utils.to_categorical(y_train, 10)
    y_test = tf.keras.utils.to_categorical(y_test, 10)
    model.fit(x_train, y_train, batch_size=128, epochs=epochs, validation_data=(x_test, y_test))
    _loss, accuracy = model.evaluate(x_test, y_test)
    print("Test accuracy:", accuracy)
    return model, accuracy


def p8(tf, x_train, y_train, x_test, y_test):
    class Net(tf.keras.Model):
        def __init__(self):
            super(Net, self).__init__()  # noqa: UP008 - as the tutorial writes it
            self.dense1 = tf.keras.layers.Dense(64, activation="relu")
            self.dense2 = tf.keras.layers.Dense(32, activation="relu")
            self.dense3 = tf.keras.layers.Dense(10, activation="softmax")

        def call(self, x):
            x = self.dense1(x)
            x = self.dense2(x)
            return self.dense3(x)

    net = Net()
    net.compile(
        optimizer=tf.keras.optimizers.Adam(), loss="sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    history = net.fit(x_train, y_train, epochs=10, batch_size=32, validation_data=(x_test, y_test))
    return net, history

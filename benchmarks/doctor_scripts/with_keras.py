"""Keras 3 on PyTorch. Faults after Stack Overflow: softmax and from_logits=True, a rate of 3 for Adam, a single unit with softmax."""

import os
import sys
import time

os.environ["KERAS_BACKEND"] = "torch"
import keras
import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits

case = sys.argv[1]
keras.utils.set_random_seed(0)
single = case in ("single_softmax", "healthy_binary")
x, y = load_breast_cancer(return_X_y=True) if single else load_digits(return_X_y=True)
x = ((x - x.mean(0)) / (x.std(0) + 1e-6)).astype("float32")
order = np.random.default_rng(0).permutation(len(x))
x, y = x[order], y[order]
last = {"single_softmax": "softmax", "healthy_binary": "sigmoid", "logits": "softmax"}.get(case)
model = keras.Sequential(
    [
        keras.layers.Input(x.shape[1:]),
        keras.layers.Dense(64, activation="relu"),
        keras.layers.Dropout(0.1),
        keras.layers.Dense(1 if single else 10, activation=last),
    ]
)
cost = "binary_crossentropy" if single else keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(keras.optimizers.Adam(3.0 if case == "high_rate" else 3e-3), cost, metrics=["accuracy"])
begin, count = time.process_time(), int(0.8 * len(x))
model.fit(x[:count], y[:count], validation_data=(x[count:], y[count:]), epochs=8, verbose=2)
print(f"seconds: {time.process_time() - begin:.3f}")

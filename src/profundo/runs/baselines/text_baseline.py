"""The linear model of texts that every text net is measured against: tf-idf of words and pairs of words, and a linear layer.

    one class        logistic regression on log(1 + tf) · idf, of length 1      (Salton & Buckley 1988; scikit-learn, C = 10)
    several labels   one logistic regression a label
    real             ridge regression (alpha = 1)

All other columns stand beside the words, standardised.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from profundo.data.tables.columns import column_slices
from profundo.data.text.text_ids import text_of
from profundo.records import Spec

__all__ = ["TextLinear", "fit_text_linear"]

WORD = r"(?u)\w+|[^\w\s]"
C = 10.0  # on both sets of benchmarks/text.py better than 1 by validation
ITERATIONS = 300
NEVER = -10.0  # logit of a class without a sample to fit


class TextLinear(nn.Module):
    """Standardised rows (batch, features) → outputs (batch, spec.outputs), as a net gives them."""

    def __init__(self, spec: Spec) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        super().__init__()
        slices = column_slices(spec.inputs)
        self.texts = [slice(at.start + column.lengths[0], at.stop) for column, at in slices if column.kind == "text"]
        others = [place for column, at in slices if column.kind != "text" for place in range(at.start, at.stop)]
        self.others = torch.tensor(others, dtype=torch.int64)
        self.words = [TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=WORD) for _ in self.texts]
        self.weight, self.bias = np.zeros((0, 0)), np.zeros(0)

    def features(self, rows: Tensor, *, learn: bool = False) -> Any:
        """A sparse matrix (batch, words + others)."""
        from scipy import sparse

        parts = [sparse.csr_matrix(rows[:, self.others].double().numpy())]
        for at, words in zip(self.texts, self.words, strict=True):
            texts = [text_of(row) for row in rows[:, at]]
            parts.append((words.fit_transform if learn else words.transform)(texts))
        return sparse.hstack(parts, format="csr")

    def forward(self, rows: Tensor) -> Tensor:
        outputs = self.features(rows.cpu()) @ self.weight.T + self.bias
        return torch.from_numpy(outputs).float().to(rows.device)


def fit_text_linear(parts: Iterable[Tensor], targets: Tensor, spec: Spec) -> TextLinear:
    """The linear model of standardised rows, in parts (some, features), and targets as `evaluate.linear.fit_linear` has them.

    Raises ValueError for texts without any word.
    """
    model = TextLinear(spec)
    rows = model.features(torch.cat(list(parts)).cpu(), learn=True)
    model.weight, model.bias = _ridge(rows, targets) if spec.targets.kind == "real" else _logistic(rows, targets, spec)
    return model


def _ridge(rows: Any, targets: Tensor) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.linear_model import Ridge

    fitted = Ridge().fit(rows, targets.numpy())
    return np.atleast_2d(fitted.coef_), np.atleast_1d(fitted.intercept_)


def _logistic(rows: Any, targets: Tensor, spec: Spec) -> tuple[np.ndarray, np.ndarray]:
    """W (outputs, features) and b (outputs,): of a softmax over classes, else of one logit an output."""
    if spec.targets.kind != "classes":
        columns = targets.numpy().T if targets.ndim > 1 else [targets.numpy()]
        fitted = [_fitted(rows, answers) for answers in columns]
        return np.stack([weight[-1] for weight, _, _ in fitted]), np.array([bias[-1] for _, bias, _ in fitted])
    weight, bias = np.zeros((spec.outputs, rows.shape[1])), np.full(spec.outputs, NEVER)
    own, shifts, there = _fitted(rows, targets.numpy())
    weight[there], bias[there] = (
        (own, shifts) if len(own) == len(there) else (np.stack([0 * own[0], own[0]]), (0, shifts[0]))
    )
    return weight, bias


def _fitted(rows: Any, answers: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights and biases of logistic regression, and which classes they are of; of two there is one logit."""
    from sklearn.linear_model import LogisticRegression

    there = np.unique(answers).astype(int)
    if len(there) < 2:
        return np.zeros((1, rows.shape[1])), np.array([-NEVER if there[0] else NEVER]), there
    fitted = LogisticRegression(C=C, max_iter=ITERATIONS).fit(rows, answers)
    return fitted.coef_, fitted.intercept_, there

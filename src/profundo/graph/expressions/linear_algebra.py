"""Determinants, inverses, factors and sums of products of matrices (…, n, n), after Petersen & Pedersen 2012, "The Matrix
Cookbook", and for Cholesky's factor Murray 2016, "Differentiation of the Cholesky decomposition".
"""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_letters
from typing import Any

import torch
from torch import Tensor

from profundo.graph.expressions.defining import as_first, define, fractions, of_one_kind
from profundo.graph.expressions.elementwise import neg
from profundo.graph.expressions.expression import Expression, Operand, Operation, as_expression, constant, describe
from profundo.graph.expressions.products import matmul, outer
from profundo.graph.expressions.rearranging import expand_like, sum_to, transpose, unsqueeze
from profundo.graph.expressions.reductions import sum
from profundo.graph.expressions.sizes import Mismatch, Shape, broadcast, same, shape_told
from profundo.graph.nodes import Size
from profundo.languages import Said
from profundo.records import ProfundoError

__all__ = ["cholesky", "det", "einsum", "inv", "logdet", "solve", "trace", "tril", "triu"]


def _square(x: Expression, **_options: Any) -> Shape:
    if x.ndim < 2:
        raise Mismatch(Said("refusals.expect_square"))
    same(x.shape[-2], x.shape[-1], "square")
    return x.shape


def _one_of_each(x: Expression) -> Shape:
    return _square(x)[:-2]


def _each(g: Expression) -> Expression:
    """(…) as (…, 1, 1), to be multiplied with matrices."""
    return unsqueeze(unsqueeze(g, -1), -1)


# ------------------------------------------------------------------------------------- determinant, inverse, equations
def _run_cofactors(x: Tensor) -> Tensor:
    """det(X)·X⁻ᵀ, by singular values without dividing by any: it has a value where X has no inverse."""
    u, s, v = torch.linalg.svd(x)
    others = s.unsqueeze(-2).expand(*s.shape, s.shape[-1]).clone()
    others.diagonal(dim1=-2, dim2=-1).fill_(1)
    sign = torch.linalg.det(u) * torch.linalg.det(v)
    cofactors: Tensor = sign[..., None, None] * ((u * others.prod(-1).unsqueeze(-2)) @ v)
    return cofactors


def _cofactors_pullback(out: Expression, h: Expression, x: Expression) -> tuple[Expression]:
    inverse = transpose(inv(x))
    along = sum(h * out, (-2, -1), keepdim=True)
    return (along * inverse - inverse @ transpose(h) @ out,)


_cofactors: Operation = define(
    "cofactors", _run_cofactors, shape=as_first, dtype=fractions, pullback=_cofactors_pullback
)
det: Operation = define(
    "det", torch.linalg.det, shape=_one_of_each, dtype=fractions, pullback=lambda _, g, x: (_each(g) * _cofactors(x),)
)
logdet: Operation = define(
    "logdet",
    torch.logdet,
    shape=_one_of_each,
    dtype=fractions,
    pullback=lambda _, g, x: (_each(g) * transpose(inv(x)),),
)
inv: Operation = define(
    "inv", torch.linalg.inv, shape=_square, dtype=fractions, text="{0}⁻¹", latex="{0}^{{-1}}", strength=8,
    pullback=lambda out, g, _: (neg(transpose(out) @ g @ transpose(out)),),
)  # fmt: skip


def _solved(a: Expression, b: Expression) -> Shape:
    size = _square(a)[-1]
    if b.ndim == 1:
        if a.ndim > 2:
            raise Mismatch("expected one matrix for one vector")
        return (same(size, b.shape[0], "rows"),)
    if b.ndim < 2:
        raise Mismatch("expected a vector or a matrix on the right")
    return (*broadcast([a.shape[:-2], b.shape[:-2]]), same(size, b.shape[-2], "rows"), b.shape[-1])


def _solve_pullback(out: Expression, g: Expression, a: Expression, b: Expression) -> tuple[Expression, Expression]:
    to_b = solve(transpose(a), g)
    to_a = neg(outer(to_b, out) if b.ndim == 1 else matmul(to_b, transpose(out)))
    return sum_to(to_a, a), sum_to(to_b, b)


solve: Operation = define("solve", torch.linalg.solve, shape=_solved, dtype=of_one_kind, pullback=_solve_pullback)


# ---------------------------------------------------------------------------------------------- trace, triangles, factor
_eye_like: Operation = define(
    "eye_like", lambda x: torch.eye(x.shape[-1], dtype=x.dtype, device=x.device).expand(x.shape), shape=as_first
)
trace: Operation = define(
    "trace", lambda x: x.diagonal(dim1=-2, dim2=-1).sum(-1), shape=_one_of_each,
    dtype=lambda x: x.dtype if x.dtype.is_floating_point else torch.int64,
    pullback=lambda _, g, x: (_each(g) * _eye_like(x),),
)  # fmt: skip
_tril: Operation = define(
    "tril", torch.tril, shape=as_first, pullback=lambda _, g, _x, diagonal: (_tril(g, diagonal=diagonal),)
)
_triu: Operation = define(
    "triu", torch.triu, shape=as_first, pullback=lambda _, g, _x, diagonal: (_triu(g, diagonal=diagonal),)
)


def tril(x: Operand, diagonal: int = 0) -> Expression:
    """What lies on or below a diagonal, 0 above: that of the matrix, or one so many steps above it."""
    return _tril(_matrix("tril", x), diagonal=diagonal)


def triu(x: Operand, diagonal: int = 0) -> Expression:
    """What lies on or above a diagonal, 0 below."""
    return _triu(_matrix("triu", x), diagonal=diagonal)


def _matrix(name: str, x: Operand) -> Expression:
    x = as_expression(x)
    if x.ndim < 2:
        told = Said("refusals.expect_matrix", name=name, got=shape_told(x.shape))
        raise ProfundoError(f"{name}: expected a matrix, got {describe(x)}", told=told)
    return x


def _cholesky_pullback(out: Expression, g: Expression, _: Expression) -> tuple[Expression]:
    """The mean of what reaches an entry and its mirror image, as PyTorch has it: the argument is symmetric."""
    lower = tril(transpose(out) @ g)
    half = lower - lower * _eye_like(lower) * 0.5
    share = solve(transpose(out), transpose(solve(transpose(out), transpose(half))))
    return ((share + transpose(share)) * 0.5,)


cholesky: Operation = define(
    "cholesky", torch.linalg.cholesky, shape=_square, dtype=fractions, pullback=_cholesky_pullback
)


# --------------------------------------------------------------------------------------------- Einstein's sums of products
def _summed(*parts: Expression, equation: str) -> Shape:
    terms, result = _terms(equation)
    sizes: dict[str, Size] = {}
    for term, part in zip(terms, parts, strict=True):
        for letter, size in zip(term, part.shape, strict=True):
            sizes[letter] = same(sizes.get(letter, size), size, "sizes")
    return tuple(sizes[letter] for letter in result)


def _einsum_pullback(_: Expression, g: Expression, *parts: Expression, equation: str) -> list[Expression]:
    """To each factor goes the sum of products of g with the other factors; what was summed of it alone is repeated."""
    terms, result = _terms(equation)
    shares = []
    for at, (term, part) in enumerate(zip(terms, parts, strict=True)):
        others = [(one, value) for place, (one, value) in enumerate(zip(terms, parts, strict=True)) if place != at]
        known = result + "".join(one for one, _ in others)
        left = "".join(letter for letter in term if letter in known)
        share = _einsum(
            g, *(value for _, value in others), equation=f"{','.join([result, *(t for t, _ in others)])}->{left}"
        )
        for place, letter in enumerate(term):
            share = share if letter in known else unsqueeze(share, place)
        shares.append(expand_like(share, part))
    return shares


_einsum: Operation = define(
    "einsum", lambda *parts, equation: torch.einsum(equation, *parts), shape=_summed, dtype=of_one_kind,
    pullback=_einsum_pullback,
)  # fmt: skip


def einsum(equation: str, *operands: Operand) -> Expression:
    """Σ of products, by the letters of dimensions: einsum("ij,jk->ik", A, B) is A @ B, einsum("ii", A) the trace.

    Without "->", the letters that stand once are the result, in the order of the alphabet.
    """
    likes = [one.dtype for one in operands if isinstance(one, Expression)]
    parts = [as_expression(one, likes[0] if likes else None) for one in operands]
    inputs, arrow, result = equation.replace(" ", "").partition("->")
    terms = inputs.split(",")
    if not arrow:
        result = "".join(sorted(letter for letter in set(inputs) - {","} if inputs.count(letter) == 1))
    wrong = [letter for letter in inputs.replace(",", "") + result if letter not in ascii_letters]
    if wrong or len(terms) != len(parts) or set(result) - set(inputs) or len(set(result)) < len(result):
        raise ProfundoError(
            f'einsum: expected letters for {len(parts)} operands, such as "ij,jk->ik", got {equation!r}'
        )
    for term, part in zip(terms, parts, strict=True):
        if len(term) != part.ndim:
            raise ProfundoError(f"einsum: {term!r} has {len(term)} letters for {describe(part)}")
    terms, parts = _without_diagonals(terms, parts)
    return _einsum(*parts, equation=f"{','.join(terms)}->{result}")


def _without_diagonals(terms: Sequence[str], parts: Sequence[Expression]) -> tuple[list[str], list[Expression]]:
    """A letter that stands twice in one term gets another name there, and an identity matrix as one more factor."""
    new, factors = list(terms), list(parts)
    free = iter(letter for letter in ascii_letters if letter not in "".join(terms))
    for at, (term, part) in enumerate(zip(terms, parts, strict=True)):
        for place, letter in enumerate(term):
            if letter not in term[:place]:
                continue
            size, other = part.shape[place], next(free)
            if not isinstance(size, int) and part.ndim != 2:
                raise ProfundoError(f"einsum: {letter} stands twice; expected a known size of it, got {describe(part)}")
            new[at] = new[at][:place] + other + new[at][place + 1 :]
            new.append(letter + other)
            factors.append(constant(torch.eye(size), part.dtype) if isinstance(size, int) else _eye_like(part))
    return new, factors


def _terms(equation: str) -> tuple[list[str], str]:
    inputs, _, result = equation.partition("->")
    return inputs.split(","), result

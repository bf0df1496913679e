"""How much a server takes from one request and from all together, and how it says no.

Whatever a client can make large or slow has a bound here, and the bound holds before memory is taken for it.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits", "Refusal"]


class Refusal(Exception):
    """An answer that is no. status: of HTTP; the message is one line for whoever asked; told: as it was given, perhaps in
    every language.

    again: seconds after which the same request may succeed, None where it never will.
    """

    def __init__(self, status: int, line: str, again: int | None = None) -> None:
        super().__init__(" ".join(line.split()))
        self.status, self.again, self.told = status, again, line


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one request: body_bytes; images, or sounds; pixels, decoded, of all images together; rows; values, of all rows together,
    and of all probabilities in an answer; text, characters of one value or name. Of all: bodies_bytes held at the same
    time; connections; workers, threads that predict; waiting, requests in line for them.

    Seconds: head, for a request's first lines, and for a connection without any; body, for all that follows them;
    answer, from the whole request to its answer; stalled, for a client that does not take its answer; leave, for what
    is at work when the server is asked to stop.
    """

    body_bytes: int = 16_000_000
    images: int = 256
    pixels: int = 2**26
    rows: int = 10_000
    values: int = 1_000_000
    text: int = 10_000
    bodies_bytes: int = 64_000_000
    connections: int = 128
    workers: int = 1
    waiting: int = 32
    head: float = 10.0
    body: float = 60.0
    answer: float = 60.0
    stalled: float = 20.0
    leave: float = 5.0

"""Faulty and healthy training programs, against which the doctor is measured.

`programs()` lists them. A faulty one is a function of `broken`: with True it has the fault, with False it is the same
program mended, so that one can see that the fault, and nothing else, does the harm. `python -m benchmarks.doctor_programs`
trains both with a plain loop and keeps the score of each seed in results/doctor_programs.json.
"""

from .registry import Entry, programs

__all__ = ["Entry", "programs"]

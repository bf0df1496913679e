"""docs/reliability.md lists the faults and the tests that stage them: tests that are there, in as many variants as it says."""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
CASES = 58
ROW = re.compile(r"^\| (\d+) \| [^|]+ \| ([^|]+) \| ([^|]*) \|$", re.MULTILINE)


def table() -> dict[int, tuple[list[str], str]]:
    """Number of a case → its tests, as file::name, and its last column."""
    text = (TESTS.parent / "docs" / "reliability.md").read_text("utf-8")
    return {int(number): (re.findall(r"`([^`]+)`", tests), last.strip()) for number, tests, last in ROW.findall(text)}


def test_every_case_is_listed_with_tests_or_said_not_to_be_there_yet():
    assert sorted(table()) == list(range(1, CASES + 1))
    assert [number for number, (tests, last) in table().items() if not tests and "not yet" not in last] == []


def test_every_test_that_is_listed_exists():
    listed = {test for tests, _ in table().values() for test in tests}
    there = {
        f"{file}::{node.name}"
        for file in {test.split("::")[0] for test in listed}
        if (TESTS / file).is_file()
        for node in ast.parse((TESTS / file).read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef)
    }
    assert len(listed) > CASES
    assert listed - there == set()


@pytest.mark.slow
def test_the_cases_are_staged_in_as_many_variants_as_the_table_says(request):
    collected = Counter(item.nodeid.split("[")[0].removeprefix("tests/") for item in request.session.items)
    listed = {test for tests, _ in table().values() for test in tests}
    if listed - set(collected):
        pytest.skip("only in a run of all tests can they be counted")
    for number, (tests, last) in table().items():
        if tests:
            assert sum(collected[test] for test in tests) >= int(last.split(",")[0]), f"case {number}"

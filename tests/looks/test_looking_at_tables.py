"""What a look at tables finds: planted faults, and figures that scikit-learn, SciPy and NumPy have too."""

import itertools
from pathlib import Path

import numpy as np
import polars
import pytest
from scipy.stats import pearsonr, rankdata, spearmanr
from scipy.stats.contingency import association
from sklearn.feature_selection import f_classif
from sklearn.metrics import roc_auc_score

from profundo.data import load
from profundo.data.tables.table_files import read_frame
from profundo.languages import Said
from profundo.looks.class_findings import class_findings, real_findings
from profundo.looks.data_look import look
from profundo.looks.relations import correlation_ratio, cramers_v, pearson, relation
from profundo.looks.table_facts import column_facts, spread_of
from profundo.looks.table_findings import row_findings, table_findings
from profundo.looks.telling import stump_area, telling
from profundo.ranks_and_places import ranks
from profundo.records import ProfundoError


def draws():
    return np.random.default_rng(0)


# ------------------------------------------------------------------------------------------------------------- relations
def test_relations_equal_those_of_scipy_and_scikit_learn():
    random = draws()
    for groups in (2, 3, 7):
        labels, others = random.integers(0, groups, 200), random.integers(0, 4, 200)
        numbers = random.normal(size=200) + 0.3 * labels
        assert pearson(numbers, labels.astype(float)) == pytest.approx(pearsonr(numbers, labels).statistic)
        f, _ = f_classif(numbers[:, None], labels)
        share = f[0] * (groups - 1) / (f[0] * (groups - 1) + 200 - groups)  # of the variance between the groups
        assert correlation_ratio(numbers, labels) == pytest.approx(np.sqrt(share))
        table = np.zeros((groups, 4), int)
        np.add.at(table, (labels, others), 1)
        assert cramers_v(labels, others) == pytest.approx(association(table, method="cramer"))


def test_relations_end_at_nothing_and_all():
    numbers, labels = np.array([1.0, 1, 5, 5, 9, 9]), np.array([0.0, 0, 1, 1, 2, 2])
    assert relation(numbers, False, -numbers, False) == pytest.approx(-1)
    assert relation(numbers, False, labels, True) == pytest.approx(1)
    assert relation(labels, True, labels[::-1], True) == pytest.approx(1)
    assert relation(np.array([1.0, -1] * 3), False, labels, True) == pytest.approx(0)
    assert relation(np.full(6, 3.0), False, labels, True) is None
    assert relation(np.array([np.nan] * 4 + [1, 2]), False, labels, True) is None


@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
def test_relations_neither_overflow_nor_vanish(scale):
    numbers = scale * draws().normal(size=50)
    labels = (numbers > 0).astype(int)
    with np.errstate(all="raise", under="ignore"):
        assert pearson(numbers, numbers) == pytest.approx(1)
        assert 0.5 < correlation_ratio(numbers, labels) < 1


# --------------------------------------------------------------------------------------------------------------- figures
def test_spread_is_what_numpy_says():
    numbers = draws().lognormal(size=1000)
    spread = spread_of(numbers)
    assert (spread.low, spread.high) == (numbers.min(), numbers.max())
    assert spread.mean == pytest.approx(numbers.mean())
    assert spread.std == pytest.approx(numbers.std())
    assert spread.quantiles == pytest.approx(np.percentile(numbers, [5, 25, 50, 75, 95]))
    first, third = np.percentile(numbers, [25, 75])
    assert spread.far == (np.maximum(first - numbers, numbers - third) > 3 * (third - first)).sum() > 0
    assert sum(spread.counts) == 1000 - (spread.far if spread.cut else 0)
    assert len(spread.edges) == len(spread.counts) + 1


def test_a_few_far_values_do_not_flatten_the_histogram():
    numbers = np.append(draws().normal(70, 10, 400), 9999)
    spread = spread_of(numbers)
    assert spread.cut
    assert (spread.high, spread.far) == (9999, 1)
    assert spread.edges[-1] < 130
    assert sum(spread.counts) == 400


def test_whole_numbers_of_a_short_range_get_a_bar_each():
    spread = spread_of(np.array([1.0, 2, 2, 5]))
    assert spread.counts == (1, 2, 0, 0, 1)
    assert spread.edges == (0.5, 1.5, 2.5, 3.5, 4.5, 5.5)


@pytest.mark.parametrize("numbers", [[1e308, -1e308, 1e308], [5.0], [0.0, 0.0], [1e-320, 2e-320]])
def test_extreme_numbers_have_finite_figures(numbers):
    with np.errstate(all="raise", under="ignore"):
        spread = spread_of(np.array(numbers))
    assert np.isfinite([spread.mean, spread.std, *spread.edges]).all()
    assert sum(spread.counts) == len(numbers)


@pytest.fixture
def people(tmp_path, monkeypatch):
    """Rows with every kind of column."""
    monkeypatch.chdir(tmp_path)
    random = draws()
    age = random.integers(18, 80, 300)
    lines = ["number,age,city,member,since,remark,nothing,same,risk"]
    for row in range(300):
        shown = age[row] if row % 10 else ""
        lines.append(
            f"{row + 1},{shown},{('Porto', 'Lima', 'Oslo')[row % 3]},{('true', 'false')[row % 2]},"
            f"2020-{1 + row % 12:02}-11,text {row},,7,{'high' if age[row] > 50 else 'low'}"
        )
    Path("people.csv").write_text("\n".join(lines))
    return Path("people.csv")


def test_each_column_is_described_and_its_use_is_what_training_makes_of_it(people):
    facts = {one.name: one for one in column_facts(read_frame(people), ["risk"], "binary")}
    assert {name: one.kind for name, one in facts.items()} == {
        "number": "number", "age": "number", "city": "category", "member": "category", "since": "date",
        "remark": "text", "nothing": "empty", "same": "number", "risk": "category",
    }  # fmt: skip
    assert (facts["age"].missing, facts["nothing"].missing) == (30, 300)
    assert facts["city"].common == (("Lima", 100), ("Oslo", 100), ("Porto", 100)) or facts["city"].different == 3
    assert (facts["since"].first, facts["since"].last) == ("2020-01-11", "2020-12-11")
    assert facts["age"].relation == max(one.relation for one in facts.values() if one.relation is not None) > 0.7
    left_out = {name for name, one in facts.items() if not one.features}
    assert left_out == {"number", "remark", "nothing", "same", "risk"}
    assert all(facts[name].use.startswith("left out") for name in left_out - {"risk"})
    assert sum(one.features for one in facts.values()) == load(people, target="risk").spec.inputs.shape[0]


def test_a_frame_of_unusual_types_is_described_and_left_out():
    frame = polars.DataFrame({"list": [[1], [2, 3]], "struct": [{"a": 1}, {"a": 2}], "bytes": [b"x", b"y"]})
    facts = column_facts(frame, [], None)
    assert [(one.kind, one.features) for one in facts] == [("other", 0)] * 3


# -------------------------------------------------------------------------------------------------------------- findings
def found(frame, target=None, kind=None):
    """Words of each finding on the columns."""
    frame = polars.DataFrame(frame)
    return table_findings(frame, column_facts(frame, [target] if target else [], kind))


def one_that(findings, words):
    (finding,) = [finding for finding in findings if words in finding.what]
    return finding


def base(rows=200):
    random = draws()
    return {"x": random.normal(size=rows), "z": random.normal(size=rows), "c": random.choice(["p", "q", "r"], rows)}


def test_ordinary_columns_raise_no_finding():
    random = draws()
    assert found(base() | {"y": random.integers(0, 2, 200).astype(str)}, "y", "binary") == []
    large = {"x": random.normal(size=300_000)}  # some of so many are far out by chance
    assert found(large) == []


Y, CLASS = np.random.default_rng(9).normal(size=400), np.random.default_rng(8).integers(0, 3, 400)
BENT = {
    "line": 3 - Y,
    "exponential": np.exp(4 * Y),
    "cube": Y**3,
    "bands": np.round(8 * Y),
    "noise of 5 %": Y + 0.05 * np.random.default_rng(7).normal(size=400),
    "with holes": np.where(np.arange(400) % 3, 2 * Y, np.nan),
}


@pytest.mark.parametrize("name", BENT)
def test_a_number_that_gives_the_target_by_its_order_is_named(name):
    assert "'leak'" in one_that(found(base(400) | {"leak": BENT[name], "y": Y}, "y", "real"), "all but tells").what


def test_a_column_of_which_the_target_is_a_step_or_a_bend_is_named():
    x = draws().uniform(0, 10, 1200)
    for y in (np.floor(x), np.sin(x), np.array([5.0, -1, 7, 0, 3, 2, 9, 4, 8, 6, 1])[x.astype(int)]):
        assert "'leak'" in one_that(found(base(1200) | {"leak": x, "y": y}, "y", "real"), "all but tells").what
    towns = draws().integers(0, 30, 400)
    dear = {"town": [f"t{one}" for one in towns], "y": towns**2 + 0.01 * Y}
    assert "'town'" in one_that(found(base(400) | dear, "y", "real"), "all but tells").what


OF_CLASSES = {
    "code": CLASS * 10.0,
    "other order": np.array([5.0, 1.0, 3.0])[CLASS],
    "range": np.exp(3 * CLASS + draws().uniform(0, 1, 400)),
    "words": np.array(["red", "green", "blue"])[CLASS],
    "finer words": [f"{'abc'[one]}{row % 4}" for row, one in enumerate(CLASS)],
    "one wrong": np.where(np.arange(400) == 7, 99.0, CLASS),
}


@pytest.mark.parametrize("name", OF_CLASSES)
def test_a_column_that_tells_each_class_from_the_rest_is_named(name):
    y = CLASS.astype(str)
    assert (
        "'leak'"
        in one_that(found(base(400) | {"leak": OF_CLASSES[name], "y": y}, "y", "classes"), "all but tells").what
    )


def test_having_no_value_may_give_a_class_away():
    ended = np.where(CLASS == 0, np.nan, 10 * CLASS + np.arange(400) % 9)
    assert (
        "'leak'"
        in one_that(found(base(400) | {"leak": ended, "y": CLASS.astype(str)}, "y", "classes"), "all but tells").what
    )


def test_one_class_told_well_is_no_leak_of_three():
    """As the petals of setosa: the area is that of the class told worst."""
    petal = np.where(CLASS == 0, 0, 1) + 0.1 * draws().normal(size=400)
    assert found(base(400) | {"petal": petal, "y": CLASS.astype(str)}, "y", "classes") == []


def test_an_order_of_the_rows_tells_nothing_of_a_curve_that_they_follow():
    rows = np.arange(400)
    assert found(base(400) | {"t": rows + 5.5, "y": np.sin(rows / 30)}, "y", "real") == []


@pytest.mark.parametrize("seed", range(4))
def test_a_stump_has_the_area_that_scikit_learn_gives_its_best_interval(seed):
    random = np.random.default_rng(seed)
    of_class, values = random.random(40) < 0.4, np.round(random.normal(size=40), 1)
    edges = [-9, *(np.unique(values) + 0.05)]
    best = max(
        roc_auc_score(of_class, (values > low) & (values < high)) for low, high in itertools.combinations(edges, 2)
    )
    assert stump_area(values, False, of_class) == pytest.approx(best)
    codes = random.integers(0, 3, 40).astype(float)  # no category is rare
    sets = [one for size in range(4) for one in itertools.combinations(range(3), size)]
    best = max(roc_auc_score(of_class, np.isin(codes, one)) for one in sets)
    assert stump_area(codes, True, of_class) == pytest.approx(best)


def test_ranks_and_their_share_explained_are_those_of_scipy():
    values = np.round(draws().normal(size=300), 1)
    np.testing.assert_array_equal(ranks(values), rankdata(values))
    other = values + draws().normal(size=300)
    assert telling(values, False, other, False) == pytest.approx(spearmanr(values, other).statistic ** 2, abs=0.1)
    assert telling(values, False, draws().permutation(other), False) < 0.2


def test_a_category_for_almost_every_row_gives_nothing_away():
    names = [f"n{row % 18}" for row in range(24)]
    assert found({"name": names, "y": draws().choice(["a", "b"], 24)}, "y", "binary") == []
    few = {"colour": ["red", "blue"] * 12, "y": ["a", "b"] * 12}
    assert "'colour'" in one_that(found(few, "y", "binary"), "all but tells").what


def test_categories_that_get_no_feature_are_noticed():
    finding = one_that(found({"town": [f"t{row % 51}" for row in range(600)]}), "more than 50 categories")
    assert (finding.level, finding.examples) == ("note", ("town (51)",))
    assert found({"town": [f"t{row % 50}" for row in range(600)]}) == []


@pytest.mark.parametrize("words", ["{} €", "{},5", "{:,} km", "${}", "{} %"])
def test_numbers_written_as_words_are_noticed(words):
    finding = one_that(found(base() | {"price": [words.format(1000 + n) for n in range(200)]}), "read as words")
    assert "'price'" in finding.what
    assert "decimal point" in finding.advice


def test_nobody_is_warned_that_numbers_are_the_words_that_they_said(tmp_path):
    (tmp_path / "t.csv").write_text("floor,y\n" + "\n".join(f"{row % 9},{row * 1.5}" for row in range(60)))
    assert look(tmp_path / "t.csv", target="y", columns={"floor": "category"}).findings == ()
    (tmp_path / "nothing.csv").write_text("")
    with pytest.raises(ProfundoError, match="at least one row, found 0 rows"):
        look(tmp_path / "nothing.csv")


@pytest.mark.parametrize("words", ["room {}", "a{}", "2020-W{}", "{}th of many words that go on and on and on"])
def test_words_with_numbers_in_them_are_words(words):
    assert not [f for f in found(base() | {"name": [words.format(n) for n in range(200)]}) if "read as words" in f.what]


def test_categories_that_differ_in_writing_only_are_noticed():
    frame = base() | {"city": ["Porto", "porto ", "Lima", "Oslo"] * 50}
    assert one_that(found(frame), "capitals or spaces").examples == ("'Porto' / 'porto '",)


def test_gaps_far_values_twins_and_identifiers_are_named():
    frame = base()
    frame["half"] = [None] * 120 + list(range(80))
    frame["weight"] = np.append(draws().normal(70, 10, 199), 9999)
    frame["z in grams"] = 1000 * frame["z"]
    frame["customer_id"] = draws().permutation(10_000)[:200]
    findings = found(frame)
    assert one_that(findings, "more than half").examples == ("half (60 %)",)
    (place,) = one_that(findings, "far out").examples
    assert place.startswith("weight: 9,999 in row 200, up to 1,0")
    assert one_that(findings, "says the same").examples == ("z and z in grams",)
    assert "'customer_id'" in one_that(findings, "seems to number the cases").what
    assert len(findings) == 4


def test_infinite_values_are_an_error():
    frame = base()
    frame["x"][3] = np.inf
    finding = one_that(found(frame), "infinite")
    assert (finding.level, finding.examples) == ("error", ("x (1)",))


def rows_of(frame, split=None, label=None):
    frame = polars.DataFrame(frame)
    split = np.zeros(len(frame), np.int8) if split is None else split
    return row_findings(frame, column_facts(frame, ["y"], "binary"), split, label)


def test_copied_rows_are_found_though_they_are_numbered():
    frame = base() | {"y": ["a", "b"] * 100}
    whole = {name: [*values, *list(values)[10:20]] for name, values in frame.items()}
    (finding,) = rows_of({"number": range(1, 211), **whole})
    assert finding.what.startswith("10 rows are copies")
    assert finding.examples[0] == "row 11 = row 201"
    assert finding.level == "warning"
    assert rows_of(frame) == []


def test_rows_of_the_test_that_are_in_training_are_a_leak():
    frame = base(100) | {"y": ["a", "b"] * 50}
    frame = {name: [*list(values)[:80], *list(values)[:5], *list(values)[85:]] for name, values in frame.items()}
    split = np.repeat([0, 2], [80, 20])
    (finding,) = rows_of(frame, split)
    assert finding.what.startswith("5 of 20 rows held out")
    assert finding.examples == tuple(f"row {81 + n} = row {1 + n}" for n in range(5))


def test_the_best_possible_accuracy_is_that_of_the_best_rule():
    random = draws()
    rules = np.array(list(itertools.product((0, 1), repeat=10)))  # all functions from ten inputs to two answers
    for _ in range(10):
        x, y = random.integers(0, 10, 25), random.integers(0, 2, 25)
        best = (rules[:, x] == y).mean(1).max()
        finding = one_that(rows_of({"x": [f"v{one}" for one in x], "y": y.astype(str)}, label=y), "another answer")
        assert f"more than {round(100 * best, 1):.4g} % of these rows" in finding.what


def test_rows_without_an_answer_neither_quarrel_nor_count():
    x = ["a", "a", "b", "b", "c", "c", "c", *map(str, range(20))]
    y = ["p", None, "p", "q", "q", "q", None, *["p"] * 20]
    label = np.array([{"p": 0, "q": 1, None: -1}[one] for one in y])
    finding = one_that(rows_of({"x": x, "y": y}, label=label), "another answer")
    assert finding.examples == ("row 3 ≠ row 4",)
    assert (
        f"2 rows have the same inputs as others, but another answer: no model is right on more than {100 * 24 / 25:.4g} %"
        in finding.what
    )


# --------------------------------------------------------------------------------------------------------------- classes
def words_of(train, **held):
    names = [f"class {n}" for n in range(len(train))]
    return [finding.what for finding in class_findings(names, {"train": train, **held})]


def test_even_classes_raise_no_finding():
    assert words_of([50, 60, 55], test=[110, 100, 105]) == []


def test_uneven_few_absent_and_shifted_classes_are_found():
    (uneven,) = words_of([900, 45])
    assert "20 times" in uneven
    assert "95.2 %" in uneven  # 900 of 945
    assert "1 class has fewer than 10" in words_of([50, 9, 49])[0]
    assert "in test but not in training" in words_of([50, 0, 50], test=[100, 5, 100])[0]
    assert "in training but not in validation" in words_of([50, 50], validation=[300, 0])[0]
    assert any("other shares" in words for words in words_of([500, 500], test=[200, 800]))
    assert not any("other shares" in words for words in words_of([500, 500], test=[7, 4]))
    assert any("±31 %" in words for words in words_of([50, 50], test=[5, 5]))  # 1.96 · √(0.25/10)


def test_only_a_skewed_target_is_remarked():
    random = draws()
    assert not list(real_findings("y", random.normal(size=500)))
    assert not list(real_findings("y", random.uniform(size=500)))
    assert "few very large values" in next(real_findings("y", random.lognormal(0, 2, 500))).what
    assert "few very small values" in next(real_findings("y", -random.lognormal(0, 2, 500))).what


# ---------------------------------------------------------------------------------------------------------- files as read
def test_cells_that_do_not_read_and_splits_by_group_or_time_are_told_before_training(tmp_path):
    lines = [
        f"{place % 12},2024-{1 + place // 20:02}-{1 + place % 20:02},{place},{'ab'[place % 2]}" for place in range(120)
    ]
    lines[7] = lines[7].replace(",7,", ",seven,")
    (tmp_path / "visits.csv").write_text("\n".join(["patient,day,dose,kind", *lines]))

    def seen(**how):
        return [finding.what for finding in look(tmp_path / "visits.csv", target="kind", **how).findings]

    assert any("1 cell is no number, such as 'seven' in row 8" in one for one in seen())
    assert any("has most of them on both sides" in one for one in seen())
    groups = next(one for one in seen(split_by="group:patient") if "12 groups" in one)
    assert "none on two sides" in groups
    assert not any("both sides" in one for one in seen(split_by="group:patient"))
    assert any("the past trains, the future tests" in one for one in seen(split_by="time:day"))
    assert any("no column 'patents' to split by" in one for one in seen(split_by="group:patents"))


def test_what_is_found_is_told_in_every_language(tmp_path):
    """No line of a look at a table, of what it asks to be done and of its examples, is English alone."""
    path = tmp_path / "t.csv"
    rows = [f"{n},{n % 3},{'a' if n % 7 else 'b'},same,{n}" for n in range(60)]
    path.write_text("\n".join(["id,kind,class,still,size", *rows, rows[0], rows[0].replace(",b,", ",a,")]))
    seen = look(str(path), target="class", drop=("size",))
    said = [part for one in seen.findings for part in (one.what, one.advice, *one.examples)] + [seen.target]
    uses = [column.use for column in seen.columns]
    assert len(seen.findings) > 3
    for text in (*said, *uses):
        assert isinstance(text, Said), text
        assert text.everywhere["es"] != text

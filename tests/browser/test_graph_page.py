"""The graph's room in a real browser: what it shows are the library's numbers, forward, backward, and while a slider moves."""

from importlib.resources import files

import numpy as np
import pytest
import torch

from browser_waiting import quiet
from canvas_pixels import canvas_pixels
from profundo.graph import parse, product, view
from profundo.inspect.graph_views import graph_on_sample

BOXES = """() => Object.fromEntries([...document.querySelectorAll('.graph-box')].map(box => [box.dataset.box.replace('node ', ''),
  ['.graph-value', '.graph-gradient'].map(kind => box.querySelector(kind)?.textContent ?? null)]))"""
PAGES = ("view=net&net=iris-mlp", "view=matrices&kind=layer", "view=activations")


def shown(page):
    """Box → (value, gradient), as numbers where they are."""
    plain = {name: [one and one.replace("−", "-") for one in pair] for name, pair in page.evaluate(BOXES).items()}
    return {name: tuple(None if one is None else float(one) for one in pair) for name, pair in plain.items()}


def library(**values):
    graph = view(parse("(a+b)*3*b", values), values)
    return {
        node.name: (
            None if node.op == "constant" else float(f"{node.value.item:.4g}"),
            float(f"{node.gradient.item:.4g}") if node.gradient else None,
        )
        for node in graph
    }


def opened(tab, query, **manners):
    page = tab(f"#/graph?{query}", **manners)
    page.wait_for_selector(".graph-box, .graph-falk, .graph-activation")
    return page


def test_the_course_example_is_gone_through_node_by_node(tab):
    page = opened(tab, "ex=product&at=end")
    assert shown(page) == library(a=5, b=3)
    assert shown(page)["b"] == (3, 33)
    page.locator(".graph-drawing > svg").focus()
    page.keyboard.press("Home")
    page.get_by_text("step 0 of 8").wait_for()
    assert shown(page) == {
        "a": (5, None),
        "b": (3, None),
        "u": (None, None),
        "3": (None, None),
        "v": (None, None),
        "f": (None, None),
    }
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    page.get_by_text("step 4 of 8").wait_for()
    assert {name: pair for name, pair in shown(page).items() if name in "uvf"} == {
        "u": (8, None),
        "v": (9, None),
        "f": (72, 1),
    }
    assert page.locator(".graph-box.busy").get_attribute("data-box") == "node f"
    page.get_by_role("button", name="b → v → f").click()
    assert page.locator(".graph-edge.busy").count() == 2
    assert "at=4" in page.evaluate("location.hash")


def test_a_slider_moves_all_values_and_gradients_and_a_reload_finds_them(tab):
    page = opened(tab, "ex=product&at=end")
    page.evaluate("""() => { const one = document.querySelector('.graph-variable input[type=range]');
        one.value = -2.5; one.dispatchEvent(new Event('input', {bubbles: true})); }""")
    page.wait_for_function("() => document.querySelector('.graph-value').textContent === '−2.5'")
    expected = library(a=-2.5, b=3)
    assert shown(page) == expected
    page.reload()
    page.wait_for_selector(".graph-box")
    assert shown(page) == expected
    page.get_by_label("Write a formula").fill("(a+")
    page.wait_for_selector(".problem:not([hidden])")
    assert "character 4" in page.inner_text(".problem:not([hidden])")


def test_maps_of_a_net_are_the_values_of_the_trace(tab):
    page = opened(tab, "view=net&net=digits-lenet5&sample=3")
    page.wait_for_selector(".graph-maps canvas")
    boxes = page.locator(".graph-box").count()
    picture = canvas_pixels(page.locator(".graph-maps canvas").first).astype(int)
    bluer = picture[..., 2] - picture[..., 0]
    traced = graph_on_sample("lenet5", "digits", 3)["input"].value.tensor.squeeze()
    assert picture.shape[:2] == tuple(traced.shape)
    order = torch.argsort(traced.flatten())
    assert (np.diff(bluer.ravel()[order.numpy()]) >= -1).all()
    page.locator(".graph-box .graph-opens").first.click()
    page.wait_for_selector(".graph-frame")
    assert page.locator(".graph-box").count() > boxes


def test_a_product_is_written_out_and_follows_what_is_typed(tab):
    page = opened(tab, "view=matrices")
    left, right = [[2, 5, 2], [1, 0, -2], [3, 1, 1]], [[-2, 1, 0], [-2, 2, 1], [0, 0, 3]]
    results = (
        "() => [...document.querySelectorAll('.results button')].map(one => Number(one.textContent.replace('−', '-')))"
    )
    assert page.evaluate(results) == [-14, 12, 11, -2, 1, -6, -8, 5, 4]
    page.get_by_role("button", name="A·B 2, 3: −6").click()
    assert product(left, right).step(1, 2) in page.inner_text(".graph-written")
    page.get_by_label("A 2, 1").fill("7")
    page.wait_for_function("() => document.querySelectorAll('.results button')[3].textContent === '−14'")
    assert page.evaluate(results)[3:6] == (np.array([7, 0, -2]) @ right).tolist()


@pytest.mark.parametrize("query", PAGES)
def test_axe_finds_nothing_and_a_telephone_scrolls_no_page(tab, query):
    page = opened(tab, query, width=390, height=844)
    quiet(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8"))
    found = page.evaluate("async () => (await axe.run()).violations.map(one => one.id + ': ' + one.nodes[0].html)")
    assert found == []


def test_a_value_that_may_be_two_is_told_and_stays_until_it_is_one(tab):
    page = opened(tab, "f=a*b&v.a=2&v.b=3")
    field = page.locator(".graph-field input").first
    field.fill("1,000")
    told = page.get_by_role("status").filter(has_text="1,000 may be 1.000 or 1000")
    told.wait_for()
    field.blur()
    assert field.input_value() == "1,000"
    field.fill("1000")
    page.wait_for_function("() => location.hash.includes('v.a=1000')")
    assert told.count() == 0


def test_a_cell_takes_what_is_typed_key_by_key(tab):
    page = opened(tab, "view=matrices")
    cell = page.get_by_label("A 1, 1", exact=True)
    for typed, number in (("1.5", 1.5), ("0,25", 0.25), ("-3.75", -3.75), ("1/8", 0.125)):
        cell.fill("")
        cell.press_sequentially(typed)
        expected = product([[number, 5, 2], [1, 0, -2], [3, 1, 1]], [[-2, 1, 0], [-2, 2, 1], [0, 0, 3]]).result
        first = f"{expected[0][0]:.4g}".replace("-", "−")
        page.wait_for_function("text => document.querySelector('.results button').textContent === text", arg=first)
        assert cell.input_value() == typed

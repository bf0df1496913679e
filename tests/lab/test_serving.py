"""The application: each place answers what it should, in one line of JSON where it cannot, and hostile names stay text."""

import base64
import functools
import gc
import http.client
import json
import threading
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from html.parser import HTMLParser

import numpy as np
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from test_reading import HOSTILE_JSON, parts

from profundo.data.tables.new_rows import raw_of_rows
from profundo.lab.application import application
from profundo.lab.limits import Limits
from profundo.lab.page import field
from profundo.languages import LANGUAGES, speaking, spoken, term
from profundo.records import Column, Inputs, Spec, TableForm, Targets, Writing
from profundo.runs.baselines.linear_baseline import SIMPLE
from served import BEARER, NASTY, TOKEN, Pictures, Slow, Sums, ask, guarded, running

SMALL = Limits(
    body_bytes=2000, bodies_bytes=3000, images=4, rows=5, values=40, text=100, body=0.2, answer=0.5, waiting=1
)
JSON = {"content-type": "application/json"}


def pictures(**options):
    return application(Pictures(), "birds", **options)


def post(app, content_type, body, **headers):
    return ask(app, "POST", "/predict", {"content-type": content_type, **headers}, body)


def rows(app, told, **headers):
    return post(app, "application/json", json.dumps({"rows": told}).encode(), **headers)


# ----------------------------------------------------------------------------------------------------------- predictions
def test_an_image_is_told_with_class_and_probabilities():
    answer = post(pictures(), "image/png", b"\x01...")
    assert answer.status == 200
    (one,) = answer.json["predictions"]
    assert one == {
        "input": "image",
        "prediction": "dog",
        "probability": 1.0,
        "probabilities": {"cat": 0.0, "dog": 1.0, "owl": 0.0},
    }


def test_several_images_are_told_in_their_order_under_their_names():
    files = [(b"f%d.png" % n, bytes([n % 3]) + b"x" * n) for n in range(40)]
    told = post(pictures(), *parts(files)).json["predictions"]
    assert [one["input"] for one in told] == [f"f{n}.png" for n in range(40)]
    assert [one["prediction"] for one in told] == [("cat", "dog", "owl")[n % 3] for n in range(40)]
    encoded = json.dumps({"images": [base64.b64encode(content).decode() for _, content in files]}).encode()
    assert [one["prediction"] for one in post(pictures(), "application/json", encoded).json["predictions"]] == [
        one["prediction"] for one in told
    ]


def test_an_image_among_many_that_does_not_read_is_named():
    files = [(b"f%d.png" % n, b"\x63" if n == 30 else b"\x00") for n in range(40)]
    answer = post(pictures(), *parts(files))
    assert answer.status == 400
    assert answer.error == "f30.png: expected an image, but it does not read"


def test_rows_are_told_whether_they_come_as_json_or_csv():
    app = application(Sums(), "sums")
    told = [{"a": n, "b": 2.5, "c": "yes"} for n in range(1500)]
    answer = rows(app, told)
    assert [one["prediction"] for one in answer.json["predictions"]] == [n + 2.5 for n in range(1500)]
    table = "a,b,c\n" + "".join(f"{n},2.5,yes\n" for n in range(1500))
    assert post(app, "text/csv", table.encode()).json == answer.json
    assert answer.json["predictions"][-1]["input"] == "row 1500"


def test_a_row_among_many_that_lacks_a_column_is_named():
    answer = rows(application(Sums(), "sums"), [{"a": 1, "b": 2, "c": "no"}] * 1300 + [{"a": 1}])
    assert answer.status == 400
    assert answer.error.startswith("row 1301: ")


def test_csv_is_answered_to_who_accepts_it():
    answer = rows(application(Sums(), "sums"), [{"a": 1, "b": 2, "c": "no"}], accept="text/csv")
    assert answer.header("content-type") == "text/csv; charset=utf-8"
    assert answer.body == b"input,sum\nrow 1,3.0\n"


# -------------------------------------------------------------------------------------------------------------- refusals
@pytest.mark.parametrize(
    ("status", "ask_it"),
    [
        (400, lambda app: post(app, "image/png", b"")),
        (400, lambda app: post(app, "image/png", b"\xff")),
        (404, lambda app: ask(app, "GET", "/nothing")),
        (404, lambda app: ask(app, "GET", "/predict/")),
        (404, lambda app: ask(app, "POST", "/predict/extra")),
        (405, lambda app: ask(app, "GET", "/predict")),
        (405, lambda app: ask(app, "POST", "/health")),
        (406, lambda app: post(app, "image/png", b"\x00", accept="text/html")),
        (408, lambda app: ask(app, "POST", "/predict", {"content-type": "image/png"}, [b"\x00", Slow()])),
        (413, lambda app: post(app, "image/png", b"\x00" * 2001)),
        (413, lambda app: ask(app, "POST", "/predict", {"content-type": "image/png"}, [b"\x00" * 1001] * 2)),
        (413, lambda app: post(app, "image/png", b"", **{"content-length": "100000000000"})),
        (413, lambda app: post(app, *parts([(b"x", b"\x00")] * 5))),
        (415, lambda app: post(app, "text/plain", b"x")),
        (415, lambda app: ask(app, "POST", "/predict", {}, b"x")),
        (415, lambda app: post(app, "image/png", b"x", **{"content-encoding": "gzip"})),
        (400, lambda app: post(app, "image/png", b"x", **{"content-length": "-5"})),
    ],
)
def test_what_cannot_be_answered_has_its_status_and_one_line(status, ask_it):
    answer = ask_it(pictures(limits=SMALL))
    assert answer.status == status
    assert answer.error
    assert answer.header("content-type") == "application/json"


def test_another_method_is_told_which_are_allowed():
    assert ask(pictures(), "DELETE", "/predict").header("allow") == "POST"
    assert set(ask(pictures(), "POST", "/").header("allow").split(", ")) == {"GET", "HEAD"}


METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get", "\u017f")


def test_every_place_answers_only_its_own_methods():
    app = pictures()
    for route in app.routes:
        for method in METHODS:
            if method not in route.methods:
                answer = ask(guarded(app), method, route.path, BEARER)
                assert (answer.status, bool(answer.error)) == (405, True), (method, route.path)
        if "GET" in route.methods:
            assert ask(guarded(app), "GET", route.path, BEARER).status == 200
            assert ask(guarded(app), "HEAD", route.path, BEARER).status == 200


def traversals():
    for up in ("..", "%2e%2e", ".%2e", "%252e%252e", "..%00", "..;", "\\..", "%5c..", "%c0%ae%c0%ae", "\uff0e\uff0e"):
        for slash in ("/", "%2f", "%252f", "\\", "%5c", "//", "%c0%af", "\u2215"):
            for target in ("guard.py", "etc/passwd", "serving.py", "serve.html"):
                yield "/static/" + f"{up}{slash}" * 6 + target
                yield f"/static/{up}{slash}{target}"
                yield f"/{up}{slash}{target}"
    yield from (
        "/static/serve.html",
        "/static/",
        "/static",
        "/static//etc/passwd",
        "/static/serve.js%00.png",
        "/serve.js",
    )


def test_no_spelling_of_a_path_leads_out_of_the_page():
    app = guarded(pictures())
    tried = 0
    for path in traversals():
        target = urllib.parse.quote(path, safe="/%\\;")
        assert ask(app, "GET", target, BEARER).status == 404, target
        tried += 1
    assert tried > 900


@pytest.mark.parametrize("name", HOSTILE_JSON)
def test_hostile_json_is_answered_with_one_line(name):
    for app in (application(Sums(), "sums"), pictures()):
        answer = post(app, "application/json", HOSTILE_JSON[name].encode())
        assert answer.status == 400
        assert answer.error


def test_a_mistake_of_ours_is_told_without_details(logged):
    class Broken(Pictures):
        def images(self, _contents):
            raise RuntimeError("secret detail")

    app = application(Broken(), "broken")
    with pytest.raises(RuntimeError):  # for the server to notice as well
        post(app, "image/png", b"\x00")
    assert "secret detail" in logged.getvalue()


def test_numbers_that_are_no_numbers_are_null_in_the_answer():
    class Wild(Sums):
        def rows(self, _rows, *_):
            return [{"input": "row 1", "prediction": float("inf")}]

    assert rows(application(Wild(), "wild"), [{"a": 1}]).json["predictions"][0]["prediction"] is None


def test_an_answer_has_a_bound_on_its_probabilities():
    many = application(Pictures([f"class {n}" for n in range(30)]), "many", Limits(values=100, images=10))
    assert post(many, *parts([(b"x", b"\x00")] * 3)).status == 200
    answer = post(many, *parts([(b"x", b"\x00")] * 4))
    assert answer.status == 413
    assert "at most 3" in answer.error


# ---------------------------------------------------------------------------------------------------------- busy and slow
class Waiting(Pictures):
    """Does not answer before it is let go."""

    def __init__(self):
        super().__init__()
        self.begun, self.go = threading.Semaphore(0), threading.Event()

    def images(self, contents):
        self.begun.release()
        assert self.go.wait(30)
        return super().images(contents)


def test_the_line_has_an_end_and_moves_on():
    waiting = Waiting()
    app = application(waiting, "slow", Limits(workers=1, waiting=2))
    with running(app) as port, ThreadPoolExecutor(3) as clients:
        in_time = [clients.submit(fetch, port, b"\x00") for _ in range(3)]
        wait_until(lambda: app.state.service.workers.inside == 3)
        for _ in range(5):
            assert fetch(port, b"\x01")[:2] == (503, "1")
        waiting.go.set()
        assert [one.result(30)[0] for one in in_time] == [200] * 3
        assert fetch(port, b"\x00")[0] == 200
        assert app.state.service.bodies.held == 0


def test_the_place_in_line_of_a_client_that_left_is_free_again():
    waiting = Waiting()
    app = application(waiting, "slow", Limits(workers=1, waiting=2))
    with running(app) as port, ThreadPoolExecutor(1) as clients:
        first = clients.submit(fetch, port, b"\x00")
        assert waiting.begun.acquire(timeout=30)
        leaving = [http.client.HTTPConnection("127.0.0.1", port) for _ in range(2)]
        for client in leaving:
            client.request("POST", "/predict", b"\x01", {**BEARER, "content-type": "image/png"})
        wait_until(lambda: app.state.service.workers.inside == 3)
        for client in leaving:
            client.close()
        wait_until(lambda: app.state.service.workers.inside == 1)
        waiting.go.set()
        assert first.result(30)[0] == 200
    assert waiting.asked == [b"\x00"]


def test_what_a_client_sent_that_left_is_not_kept_in_line():
    waiting = Waiting()
    app = application(waiting, "slow", Limits(workers=1, waiting=2))
    with running(app) as port, ThreadPoolExecutor(1) as clients:
        first = clients.submit(fetch, port, b"\x00")
        assert waiting.begun.acquire(timeout=30)
        for _ in range(4):
            client = http.client.HTTPConnection("127.0.0.1", port)
            client.request("POST", "/predict", b"left behind" * 1000, {**BEARER, "content-type": "image/png"})
            wait_until(lambda: app.state.service.workers.inside == 2)
            client.close()
            wait_until(lambda: app.state.service.workers.inside == 1)
        gc.collect()
        kept = [one for one in gc.get_objects() if type(one) is functools.partial and b"left behind" in holds(one)]
        waiting.go.set()
        assert first.result(30)[0] == 200
    assert not kept


def holds(work):
    return b"".join(one for one in work.args if isinstance(one, bytes))


def wait_until(true, seconds=30.0):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def fetch(port, body):
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        client.request("POST", "/predict", body, {**BEARER, "content-type": "image/png"})
        answer = client.getresponse()
        return answer.status, answer.headers["retry-after"], answer.read()
    finally:
        client.close()


def test_an_answer_that_takes_too_long_is_given_up():
    waiting = Waiting()
    app = application(waiting, "slow", Limits(answer=0.2))
    answer = post(app, "image/png", b"\x00")
    assert (answer.status, answer.header("retry-after")) == (503, "1")
    waiting.go.set()


def test_work_that_nobody_waits_for_stops_between_its_parts():
    waiting = Waiting()
    app = application(waiting, "slow", Limits(answer=0.2))
    assert post(app, *parts([(b"x", b"\x00")] * 100)).status == 503
    waiting.go.set()
    app.state.service.workers._threads.shutdown(wait=True)
    assert len(waiting.asked) == 16


# --------------------------------------------------------------------------------------------------------- descriptions
def test_health_and_model_are_plain():
    app = application(Sums(), "sums")
    assert ask(app, "GET", "/health").json == {"status": "ok"}
    told = ask(app, "GET", "/model").json
    assert told["name"] == "sums"
    assert told["inputs"]["columns"][2] == {
        "name": "c",
        "kind": "category",
        "levels": ["no", "yes"],
        "fill": 0.0,
        "has_gaps": False,
        "has_time": False,
        "lengths": [0, 0],
        "writing": {"decimal": ".", "thousands": "", "affixes": [], "dates": "ymd", "missing": []},
    }
    assert told["targets"]["names"] == ["sum"]


COLUMNS = (
    Column("size", "number", fill=3.25, has_gaps=True),
    Column(NASTY[0], "category", NASTY),
    Column("day", "date", fill=0.0),
    Column("moment", "date", fill=86400.0, has_time=True),
)


class Of(Pictures):
    def __init__(self, inputs, targets):
        self.spec = Spec(inputs, targets)


KINDS = {
    "images, classes": Of(Inputs((3, 32, 24), "image"), Targets("classes", NASTY)),
    "images, binary": Of(Inputs((1, 8, 8), "image"), Targets("binary", ("no", "yes"))),
    "rows, labels": Of(Inputs((9,), "features", columns=COLUMNS), Targets("labels", ("wet", "cold"))),
    "rows, numbers": Of(
        Inputs((2,), "features", (1.0, 2e9), (1.0, 1.0), ("x", "y")), Targets("real", names=("a", "b"))
    ),
    "rows without names": Of(Inputs((300,), "features"), Targets("real")),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_description_is_valid_openapi_and_lists_every_place(kind):
    app = application(KINDS[kind], NASTY[0])
    told = ask(app, "GET", "/openapi.json").json
    OpenAPIV31SpecValidator(told).validate()
    there = {(route.path, method) for route in app.routes for method in route.methods - {"HEAD"}}
    assert {(path, method.upper()) for path, place in told["paths"].items() for method in place} == there


@pytest.mark.parametrize("kind", KINDS)
def test_the_description_agrees_with_what_the_application_takes(kind):
    from profundo.lab.request_inputs import media_types

    told = ask(application(KINDS[kind], "x"), "GET", "/openapi.json").json["paths"]["/predict"]["post"]
    assert set(told["requestBody"]["content"]) == set(media_types(KINDS[kind].spec.inputs.kind))


def test_answers_obey_the_schema_that_describes_them():
    from jsonschema import Draft202012Validator

    for app, answer in (
        (pictures(), post(pictures(), *parts([(b"x", b"\x00"), (b"y", b"\x02")]))),
        (application(Sums(), "s"), rows(application(Sums(), "s"), [{"a": 1, "b": 2, "c": "no"}])),
    ):
        told = ask(app, "GET", "/openapi.json").json
        schema = told["paths"]["/predict"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
        whole = Draft202012Validator({**schema, "components": told["components"]})
        whole.validate(answer.json)
        assert not whole.is_valid({"predictions": [{"input": 5}]})
        refused = Draft202012Validator(told["components"]["schemas"]["Error"])
        refused.validate(ask(app, "POST", "/predict").json)


# ------------------------------------------------------------------------------------------------------------------ page
class Reader(HTMLParser):
    """Every element with its attributes, and all text."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.text = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_holds_no_element_that_a_name_could_have_made(kind, language):
    app = application(KINDS[kind], NASTY[1])
    answer = ask(guarded(app), "GET", "/", {**BEARER, "accept-language": language})
    page = Reader(answer.body.decode("utf-8"))
    assert {tag for tag, _ in page.elements} <= {
        "html",
        "head",
        "meta",
        "title",
        "link",
        "script",
        "body",
        "header",
        "h1",
        "p",
        "main",
        "section",
        "h2",
        "form",
        "div",
        "label",
        "span",
        "input",
        "select",
        "option",
        "button",
        "ol",
        "footer",
        "a",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "details",
        "summary",
        "ul",
        "li",
    }
    scripts = [attributes for tag, attributes in page.elements if tag == "script"]
    assert [one["src"] for one in scripts] == ["/static/serve.js"]
    assert not [
        name for _, attributes in page.elements for name in attributes if name.startswith("on") or name == "style"
    ]
    assert {
        value for _, attributes in page.elements for name, value in attributes.items() if name in ("src", "href")
    } <= {"/static/serve.js", "/static/serve.css", "/model", "/openapi.json", "data:,"}
    assert NASTY[1] in page.text
    assert answer.header("content-language") == language
    assert page.elements[0] == ("html", {"lang": language})


def test_the_page_tells_how_good_the_network_is_beside_simpler_predictors():
    html = ask(pictures(), "GET", "/").body.decode()
    words = [word.strip() for word in Reader(html[html.index("<table") : html.index("</table")]).text if word.strip()]
    assert words == [
        "On the test data",
        "This network",
        "Constant predictor",
        "logistic regression",
        "accuracy",
        "93.75 %",
        "50.00 %",
        "75.00 %",
        "log loss",
        "0.25",
    ]
    assert "It was tested on little." in html
    spanish = ask(pictures(), "GET", "/", {"accept-language": "es"}).body.decode()
    heads = Reader(spanish[spanish.index("<table") : spanish.index("</table")]).text
    assert {"regresión logística", "exactitud", "coste logarítmico"} <= {word.strip() for word in heads}


def test_every_simple_method_is_called_in_each_language():
    with speaking("pt"):
        for _, before, behind in SIMPLE.values():
            for model in ("logistic regression", "linear regression"):
                name = f"{before}{model}{behind}"
                assert term(name) != name


def test_the_form_asks_for_each_column_in_its_own_way():
    page = Reader(ask(application(KINDS["rows, labels"], "x"), "GET", "/").body.decode())
    fields = {
        attributes["data-column"]: (tag, attributes) for tag, attributes in page.elements if "data-column" in attributes
    }
    assert list(fields) == [column.name for column in COLUMNS]
    assert fields["size"][1]["value"] == "3.25"
    assert "required" not in fields["size"][1]
    assert fields[NASTY[0]][0] == "select"
    assert [attributes["value"] for tag, attributes in page.elements if tag == "option"] == [*NASTY, ""]
    assert (fields["day"][1]["type"], fields["day"][1]["value"]) == ("text", "1970-01-01")
    assert (fields["moment"][1]["type"], fields["moment"][1]["value"]) == ("text", "1970-01-02 00:00")
    plain = Reader(ask(application(KINDS["rows, numbers"], "x"), "GET", "/").body.decode())
    values = [attributes for tag, attributes in plain.elements if "data-column" in attributes]
    assert [float(one["value"]) for one in values] == [1.0, 2e9]
    assert all("required" in one for one in values)


@pytest.mark.parametrize(("order", "written"), [("ymd", "2024-05-31"), ("dmy", "31/05/2024"), ("mdy", "05/31/2024")])
@pytest.mark.parametrize("has_time", [False, True])
def test_a_date_is_asked_for_as_its_column_writes_it_and_read_back_the_same(order, written, has_time):
    moment = datetime(2024, 5, 31, 14 * has_time, 30 * has_time, tzinfo=UTC).timestamp()
    column = Column("day", "date", fill=moment, has_time=has_time, writing=Writing(dates=order))
    shown = field(column).value
    assert shown == written + " 14:30" * has_time
    raw, faults = raw_of_rows([{"day": shown}], [column], TableForm())
    assert not faults
    assert raw.tolist() == [[moment]]


def test_large_numbers_truths_and_targets_are_written_as_people_write_them():
    columns = (Column("people", "number", fill=4421580.0), Column("garden", "category", ("false", "true")))
    answer = ask(application(Sums(columns), "x"), "GET", "/", {**BEARER, "accept-language": "ca"})
    page = Reader(answer.body.decode())
    values = [
        attributes["value"] for tag, attributes in page.elements if tag in ("input", "option") and "value" in attributes
    ]
    assert values == ["4422000", "false", "true", ""]
    assert {"no", "sí"} <= {word.strip() for word in page.text}
    assert "i diu un nombre per a cada entrada: sum." in answer.body.decode()


def test_every_control_of_the_page_has_a_label_and_every_section_a_heading():
    for kind in KINDS.values():
        html = ask(application(kind, "x"), "GET", "/").body.decode()
        page = Reader(html)
        inside = 0
        for tag, attributes in page.elements:
            inside += tag in ("input", "select")
            if tag == "section":
                assert f'id="{attributes["aria-labelledby"]}"' in html
        assert inside == html.count("<label") > 0
        assert '<meta name="viewport"' in html
        assert 'role="status"' in html


def test_the_script_never_makes_markup_of_words():
    answer = ask(pictures(), "GET", "/static/serve.js")
    assert answer.header("content-type").startswith("text/javascript")
    script = answer.body.decode().replace(
        '"http://www.w3.org/2000/svg"', "", 1
    )  # the name of SVG, which nothing is fetched from
    for forbidden in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "Function(",
        "http://",
        "https://",
        "localStorage",
        "cookie",
    ):
        assert forbidden not in script


def test_every_word_that_the_script_reads_is_on_the_page():
    import re

    script = ask(pictures(), "GET", "/static/serve.js").body.decode()
    page = Reader(ask(pictures(), "GET", "/").body.decode())
    (main,) = [attributes for tag, attributes in page.elements if tag == "main"]
    wanted = {"data-" + re.sub("([A-Z])", r"-\1", name).lower() for name in re.findall(r"words\.(\w+)", script)}
    assert wanted
    assert wanted == set(main)
    ids = {attributes["id"] for _, attributes in page.elements if "id" in attributes} | {"row"}
    assert set(re.findall(r'getElementById\("(\w+)"\)', script)) <= ids


@pytest.mark.parametrize(
    ("asked", "language"),
    [
        ("", "en"),
        ("es", "es"),
        ("ca-ES, es;q=0.9", "ca"),
        ("fr, pt-BR;q=0.8, en;q=0.5", "pt"),
        ("de", "en"),
        ("es;q=x, ca", "es"),
        ("EN-gb", "en"),
        ("," * 100_000, "en"),
    ],
)
def test_the_language_is_the_one_that_the_browser_prefers(asked, language):
    assert spoken(asked) == language


def test_the_token_is_on_no_page():
    app = guarded(pictures())
    for route in pictures().routes:
        assert TOKEN.encode() not in ask(app, "GET", route.path, BEARER).body


def test_a_png_of_3_gigapixels_is_refused_before_it_is_decoded():
    """With the real decoder: 60,000 × 60,000 pixels in some hundred bytes."""
    import struct
    import zlib

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    bomb = (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )
    answer = post(real_pictures(), "image/png", bomb)
    assert answer.status == 400
    assert "3600000000 pixels" in answer.error


def real_pictures():
    """The network's side as a finished run has it, without a run: an untrained net of 8 × 8 grey."""
    from pathlib import Path

    from profundo import nets, objectives
    from profundo.runs.folder import Folder
    from profundo.use.predicting import Predictor

    spec = Spec(Inputs((1, 8, 8), "image", (127.0,), (50.0,)), Targets("classes", ("cat", "dog", "owl")))

    class Real(Predictor):
        def card(self):
            return {}

    return application(
        Real(Folder(Path("nowhere")), nets.build("mlp", spec).eval(), spec, objectives.default(spec.targets)), "real"
    )


@pytest.mark.parametrize(
    "kind", ["pickle", "torch.save", "npy", "zip bomb", "svg", "eps", "html", "truncated", "noise"]
)
def test_hostile_uploads_are_refused_and_do_nothing(kind, tmp_path):
    import io
    import pickle
    import zipfile

    import torch
    from PIL import Image

    canary = tmp_path / "canary"

    class Canary:
        def __reduce__(self):
            return open, (str(canary), "w")

    def made():
        if kind == "zip bomb":
            packed = io.BytesIO()
            with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("a/0.png", bytes(10_000_000))
            return packed.getvalue()
        if kind in ("torch.save", "npy"):
            file = io.BytesIO()
            if kind == "npy":
                np.save(file, np.array([Canary()], dtype=object), allow_pickle=True)
            else:
                torch.save(Canary(), file)
            return file.getvalue()
        if kind == "truncated":
            file = io.BytesIO()
            Image.new("L", (64, 64)).save(file, "PNG")
            return file.getvalue()[:60]
        return {
            "pickle": pickle.dumps(Canary()),
            "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
            "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n(" + str(canary).encode() + b") (w) file\n",
            "html": b"<html><img src=x onerror=alert(1)>",
            "noise": bytes(range(256)) * 50,
        }[kind]

    content = made()
    app = real_pictures()
    for answer in (
        post(app, "image/png", content),
        post(app, *parts([(b"a.png", content)])),
        post(app, "application/json", json.dumps({"images": [base64.b64encode(content).decode()]}).encode()),
    ):
        assert answer.status == 400
        assert "expected an image" in answer.error
    assert not canary.exists()


def test_real_images_of_every_format_are_answered():
    import io

    from PIL import Image

    app = real_pictures()
    for media, name in (
        ("png", "PNG"),
        ("jpeg", "JPEG"),
        ("gif", "GIF"),
        ("bmp", "BMP"),
        ("webp", "WEBP"),
        ("tiff", "TIFF"),
        ("x-portable-anymap", "PPM"),
    ):
        file = io.BytesIO()
        Image.effect_noise((30, 20), 50).convert("RGB").save(file, name)
        (one,) = post(app, f"image/{media}", file.getvalue()).json["predictions"]
        assert sum(one["probabilities"].values()) == pytest.approx(1, abs=1e-5)

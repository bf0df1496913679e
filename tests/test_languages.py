"""What people read says the same in every language: the same things filled in, nothing empty, nothing left in English."""

import ast
import copy
import json
import re
from importlib.resources import files
from pathlib import Path
from string import Formatter

import pytest

import profundo
from profundo.data import load
from profundo.data.dataset_names import names
from profundo.doctor.verdicts import PAGES, advice
from profundo.images.kernels import kernel_of
from profundo.languages import (
    LANGUAGES,
    Said,
    either,
    everywhere,
    listed,
    recalled,
    say,
    speaking,
    spoken,
    told_by,
    within,
    words,
)
from profundo.nets.activations import ACTIVATIONS
from profundo.nets.net_names import NETS
from profundo.nets.net_names import check as check_net
from profundo.objectives.objective_names import check as check_objective
from profundo.playground.playground_settings import PlaygroundSettings
from profundo.playground.presets import PRESETS
from profundo.records import ProfundoError
from profundo.runs.experiment import SETTINGS

ROOMS = sorted(entry.name.removesuffix(".json") for entry in files("profundo").joinpath("texts").iterdir())
ALIKE = 0.3  # share of a room's longer texts that may read as in English: names, formulas


def blanks(text):
    return sorted({name.partition("|")[0] for _, name, _, _ in Formatter().parse(text) if name})


def once(pairs):
    """As a dictionary; JSON takes a key that stands twice, and drops the first."""
    made = dict(pairs)
    assert len(made) == len(pairs), [key for key, _ in pairs]
    return made


@pytest.mark.parametrize("room", ROOMS)
def test_every_text_is_in_every_language_and_fills_in_the_same_things(room):
    texts = json.loads(files("profundo").joinpath("texts", f"{room}.json").read_text("utf-8"), object_pairs_hook=once)
    assert texts
    for key, text in texts.items():
        assert tuple(text) == LANGUAGES, key
        assert all(one.strip() and blanks(one) == blanks(text["en"]) for one in text.values()), key


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_long_texts_are_translated(room, language):
    english, other = words(room, "en"), words(room, language)
    long = [key for key, text in english.items() if len(text.split()) > 3]
    assert sum(english[key] == other[key] for key in long) <= ALIKE * len(long)


def test_a_language_that_there_is_none_is_no_silent_english():
    with pytest.raises(KeyError):
        words("service", "de")
    assert spoken("de,ca;q=0.5") == "ca"


def test_every_preset_and_every_cause_has_its_words_and_nothing_else_has():
    assert set(words("presets", "en")) == {
        f"{name}_{part}" for name in PRESETS for part in ("title", "question", "seen")
    }
    assert set(words("findings", "en")) == {cause for causes in PAGES.values() for cause in causes}


def test_a_said_is_english_and_knows_what_each_language_makes_of_its_values():
    line = Said("refusals.expected_got", name="x", expected=Said("refusals.expect_at_most", most=1_234.5), got="'y'")
    assert line == "x: expected at most 1234; got 'y'"
    assert line.everywhere["es"] == "x: se espera como mucho 1234; se ha recibido 'y'"
    assert {type(one) for one in everywhere(lambda: Said("refusals.gone_upload")).values()} == {str}
    assert Said("refusals.expect_above", least=0.25).everywhere["ca"] == "més de 0,25"
    assert copy.deepcopy(line).everywhere == line.everywhere
    assert json.loads(json.dumps(line)) == line
    assert (
        Said("refusals.gone_data", name="/place/a.csv")
        .mapped(lambda text: text.replace("/place/", ""))
        .everywhere["pt"]
        .startswith("a.csv: ")
    )


def test_what_another_process_refused_is_said_here_and_what_is_no_text_of_ours_is_none():
    fault = Said("refusals.unread_image_in", where=Path("/place/a.png"), reason="cut off")
    line = Said("refusals.left_out_more", told=listed([fault, "b"]), more=1_234)
    kept = json.loads(json.dumps(line.kept))
    assert recalled(kept) == line
    assert recalled(kept).everywhere == line.everywhere
    assert recalled(kept).mapped(lambda text: text.replace("/place/", "")).everywhere["pt"].startswith("a.png: ")
    strange = (
        None,
        "text",
        [],
        {},
        {"said": "refusals.no_such_text", "values": {}},
        {"said": "refusals.within", "values": {}},
    )
    strange += (
        {"said": "../secrets.text", "values": {}},
        {"said": "refusals.within", "values": 3},
        {"said": 1, "values": {}},
    )
    assert [recalled(one) for one in strange] == [None] * len(strange)
    assert within("x", "in English") == "x: in English"
    assert told_by(ProfundoError("--least is for boxes", told=fault)) is fault


SOURCE = Path(profundo.__file__).parent
LIMITS = (
    "408",
    "413",
    "500",
    "503",
    "507",
)  # answers of HTTP to what a person did; of others only a program reads the words
FOR_THE_COMMAND_LINE = ("listening.py", "lab_server.py", "server.py", "tokens.py")
ON_PAGES = (
    "data/tables/frames.py",
    "data/tables/reading.py",
    "data/tables/target_columns.py",
    "data/text/text_files.py",
    "graph/expressions/parsing.py",
    "playground/kept_run.py",
    "runs/live/live_reading.py",
)
"""Of the rooms below those whose every refusal a page may show."""


def english_only(call, place):
    """Whether what a call is given there is written in English on the spot, with no `told` beside it."""
    given = call.args[place : place + 1]
    is_told = any(keyword.arg == "told" for keyword in call.keywords)
    return not is_told and any(isinstance(one, ast.Constant | ast.JoinedStr) for one in given)


def calls_of(path, name):
    """The calls of that name in a file."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            yield node


def test_every_finding_about_data_is_said_in_every_language():
    calls = [(path.name, call) for path in SOURCE.glob("looks/**/*.py") for call in calls_of(path, "DataFinding")]
    assert len(calls) > 40
    assert [(name, call.lineno) for name, call in calls if english_only(call, 1)] == []
    advised = [(name, call) for name, call in calls if english_only(call, 2) and call.args[2].value != ""]
    assert [(name, call.lineno) for name, call in advised] == []


def test_what_a_server_refuses_a_person_is_said_in_every_language():
    calls = [(path.name, call) for path in SOURCE.glob("lab/**/*.py") for call in calls_of(path, "Refusal")]
    limits = [(name, call) for name, call in calls if ast.unparse(call.args[0]) in LIMITS]
    assert len(limits) > 10
    assert [(name, call.lineno) for name, call in limits if english_only(call, 1)] == []


def test_what_a_page_is_refused_is_said_in_every_language():
    paths = [path for path in SOURCE.glob("lab/**/*.py") if path.name not in FOR_THE_COMMAND_LINE]
    paths += [SOURCE / place for place in ON_PAGES]
    calls = [(path.name, call) for path in paths for call in calls_of(path, "ProfundoError")]
    assert len(calls) > 50
    assert [(name, call.lineno) for name, call in calls if english_only(call, 0)] == []


def test_every_text_that_is_said_is_there_with_what_fills_it_in_and_no_refusal_lies_idle():
    sources = {path: path.read_text("utf-8") for path in SOURCE.rglob("*.py")}
    saying = [path for path, text in sources.items() if "Said(" in text]
    calls = [call for path in saying for call in calls_of(path, "Said") if isinstance(call.args[0], ast.Constant)]
    assert len(calls) > 600
    for call in calls:
        room, _, key = call.args[0].value.partition(".")
        filled = {keyword.arg for keyword in call.keywords}
        assert None in filled or filled == set(blanks(words(room, "en")[key])), call.args[0].value
    named = "\n".join(sources.values())
    made = tuple(re.findall(r"refusals\.(\w+_)\{", named))
    known = set(re.findall(r"\w+", named))
    idle = [key for key in words("refusals", "en") if key not in known and not key.startswith(made)]
    assert idle == []


def test_what_is_counted_is_told_in_the_form_of_its_number():
    def told(language, units):
        with speaking(language):
            return say("inside.units_of", units=units)

    assert [told("en", one) for one in (0, 1, 2)] == ["0 units", "1 unit", "2 units"]
    assert [told("pt", one) for one in (0, 1, 2)] == ["0 unidade", "1 unidade", "2 unidades"]


def test_help_of_settings_data_and_nets_is_the_command_lines():
    assert words("settings", "en") == {
        name: about.help.replace("{", "{{").replace("}", "}}") for name, about in SETTINGS.items()
    }
    about = {f"set_{name}": what for name, what in names().items()} | {
        f"net_{name}": what for name, what in NETS.items()
    }
    assert words("catalogue", "en") == about


def test_every_cause_has_a_remedy_in_every_language_and_signs_have_theirs():
    causes = set(words("findings", "en"))
    assert causes <= set(words("remedies", "en"))
    with speaking("ca"):
        assert advice("overfit", "get more data") == words("remedies", "ca")["overfit"]
        assert advice("overfit", "--dropout 0.5") == "--dropout 0.5"
        assert advice("bad_init_scale", "reinitialize=True") == "reinitialize=True"
        assert advice("excess_dropout", "leave out --net-option") == "omet --net-option"
        assert advice("overfit", Said("remedies.sign_rate_low", rate=0.3)).startswith(
            "apuja la taxa d’aprenentatge, per exemple a 0,3"
        )
    assert advice("overfit", "get more data") == "get more data"


def test_every_activation_has_its_title():
    titles = {f"{name.replace('.', '_')}_title": one.title for name, one in ACTIVATIONS.items()}
    assert titles.items() <= words("activations", "en").items()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Adam", "a baix: gradient d’Adam"),
        ("època", "a baix: gradient d’època"),
        ("hinge", "a baix: gradient d’hinge"),
        ("1", "a baix: gradient d’1"),
        ("11", "a baix: gradient d’11"),
        ("conv1", "a baix: gradient de conv1"),
        ("12", "a baix: gradient de 12"),
        ("1,5", "a baix: gradient de 1,5"),
        ("iode", "a baix: gradient de iode"),
        ("'iris'", "a baix: gradient de 'iris'"),
        ("{x} de abc", "a baix: gradient de {x} de abc"),
    ],
)
def test_short_words_before_a_name_are_joined_to_it_in_catalan(name, said):
    with speaking("ca"):
        assert say("graph.below", of=name) == said
        assert "\0" not in say("graph.below", of=name)
    with speaking("es"):
        assert say("graph.below", of=name) == f"abajo: gradiente de {name}"


def refused(call, *given):
    with pytest.raises(ProfundoError) as error:
        call(*given)
    return told_by(error.value).everywhere


def test_words_of_ours_within_a_refusal_are_in_its_language():
    rows = load("iris").spec
    net = refused(check_net, "logmel_cnn", rows)
    assert net["es"].startswith(
        "red logmel_cnn: se esperan sonidos de una frecuencia conocida, y los datos (filas) tienen"
    )
    assert "the data have rows of shape (4,)" in net["en"]
    assert "y los datos (filas) tienen la forma (4,)" in refused(check_net, "lenet5", rows)["es"]
    objective = refused(check_objective, "categorical", load("plane").spec.targets)
    assert objective["en"].endswith("have real targets; use gaussian or laplace or huber")
    assert objective["pt"].endswith("(real); tome gaussian ou laplace ou huber")
    task = refused(lambda: PlaygroundSettings(data="circle", task="regression"))
    assert task["es"].startswith(
        "tarea: Círculo no es para regresión; toma aquello para lo que son los datos, o datos de Plano"
    )
    kernel = refused(kernel_of, "box:500")
    assert kernel["ca"].startswith("kernel: com a costat de box s’espera")


def test_names_and_lists_are_given_to_a_text_in_no_language():
    """What several things are called, and lists with "or" between, are English: a Said takes `refusals.of_…` and `either`."""
    calls = [(path.name, call) for path in SOURCE.rglob("*.py") for call in calls_of(path, "Said")]
    given = [(name, ast.unparse(keyword.value)) for name, call in calls for keyword in call.keywords]
    assert [one for one in given if one[1].endswith(".things") or "' or '.join" in one[1]] == []
    assert either(["a"]) == "a"
    assert either(["a", "b", "c"]).everywhere["pt"] == "a ou b ou c"


def test_every_setting_of_a_training_has_a_name_on_the_page():
    assert set(SETTINGS) - set(words("labels", "en")) == {"data_dir", "own"}, "which no form asks for"


def test_one_is_told_as_one_and_several_as_several():
    def told(key, language, **numbers):
        with speaking(language):
            return say(key, **numbers)

    cells = {"name": "x", "cell": "y", "row": 2}
    assert told("looks.unread_numbers", "es", count=1, **cells).endswith("y se toma como vacía.")
    assert told("looks.unread_dates", "ca", count=2, **cells).endswith("i es prenen com a buides.")
    assert told("looks.same_name", "pt", count=1).startswith("1 classe pode estar escrita de")
    assert told("readings.holes", "ca", count=1) == (
        "1 valor que falta és sobre una recta entre els seus veïns; no s’ha de predir"
    )
    assert told("readings.standardised", "es", count=3) == "3 características: estandarizadas"
    assert told("report.mistakes_loss", "es", number=1) == "La 1 muestra de prueba con mayor coste, la peor primero"


def test_articles_before_a_name_are_joined_to_it_too():
    with speaking("ca"):
        assert say("training.begun", when="1 de maig") == "començada l’1 de maig"
        assert say("training.begun", when="30 de nov") == "començada el 30 de nov"

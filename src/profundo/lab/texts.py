"""The words of the page, in four languages. A language that lacks one does not construct: every field must be given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["TEXTS", "Language", "Texts", "spoken"]

Language = Literal["en", "es", "ca", "pt"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """In braces what the page fills in."""

    takes_images: str  # {size}, {colours}
    takes_rows: str  # {count}
    grey: str
    colour: str
    says_classes: str  # {count}
    says_labels: str  # {count}
    says_numbers: str
    your_images: str
    drop: str
    choose: str
    at_most: str  # {count}, {size}
    your_table: str
    drop_table: str
    choose_table: str
    at_most_rows: str  # {count}, {size}
    your_row: str
    empty_means_missing: str
    missing: str
    yes: str
    no: str
    predict: str
    working: str
    answers: str
    nothing_yet: str
    first_of: str  # {shown}, {count}
    none_of_them: str
    all_probabilities: str
    failed: str
    no_connection: str
    how_good: str
    figure: str
    this_network: str
    constant: str
    unknown: str
    for_programs: str


TEXTS: dict[Language, Texts] = {
    "en": Texts(
        takes_images="It takes images, scaled to {size} pixels, {colours},",
        takes_rows="It takes rows of {count} values",
        grey="grey",
        colour="in colour",
        says_classes="and says which of {count} classes each is.",
        says_labels="and says which of {count} labels each has.",
        says_numbers="and says a number for each.",
        your_images="Your images",
        drop="Drop images here, or",
        choose="choose files",
        at_most="At most {count} at once, {size} MB together. They go to this server only.",
        your_table="Your table",
        drop_table="Drop a CSV file here, or",
        choose_table="choose a file",
        at_most_rows="At most {count} rows at once, {size} MB. They go to this server only.",
        your_row="Your row",
        empty_means_missing="A field left empty counts as a missing value.",
        missing="missing",
        yes="yes",
        no="no",
        predict="Predict",
        working="At work …",
        answers="Answers",
        nothing_yet="None yet.",
        first_of="The first {shown} of {count}.",
        none_of_them="none of them",
        all_probabilities="All probabilities",
        failed="That did not work",
        no_connection="The server does not answer.",
        how_good="How good it is",
        figure="On the test data",
        this_network="This network",
        constant="Constant predictor",
        unknown="What the figures do not say",
        for_programs="For programs",
    ),
    "es": Texts(
        takes_images="Recibe imágenes, ajustadas a {size} píxeles, {colours},",
        takes_rows="Recibe filas de {count} valores",
        grey="en gris",
        colour="en color",
        says_classes="y dice a cuál de {count} clases pertenece cada una.",
        says_labels="y dice cuáles de {count} etiquetas tiene cada una.",
        says_numbers="y dice un número para cada una.",
        your_images="Tus imágenes",
        drop="Suelta imágenes aquí, o",
        choose="elige archivos",
        at_most="Como máximo {count} a la vez, {size} MB en total. Solo van a este servidor.",
        your_table="Tu tabla",
        drop_table="Suelta un archivo CSV aquí, o",
        choose_table="elige un archivo",
        at_most_rows="Como máximo {count} filas a la vez, {size} MB. Solo van a este servidor.",
        your_row="Tu fila",
        empty_means_missing="Un campo vacío cuenta como un valor que falta.",
        missing="falta",
        yes="sí",
        no="no",
        predict="Predecir",
        working="Trabajando …",
        answers="Respuestas",
        nothing_yet="Ninguna todavía.",
        first_of="Las primeras {shown} de {count}.",
        none_of_them="ninguna",
        all_probabilities="Todas las probabilidades",
        failed="No ha funcionado",
        no_connection="El servidor no responde.",
        how_good="Qué tal acierta",
        figure="Con los datos de prueba",
        this_network="Esta red",
        constant="Predictor constante",
        unknown="Lo que las cifras no dicen (en inglés)",
        for_programs="Para programas",
    ),
    "ca": Texts(
        takes_images="Rep imatges, ajustades a {size} píxels, {colours},",
        takes_rows="Rep files de {count} valors",
        grey="en gris",
        colour="en color",
        says_classes="i diu a quina de {count} classes pertany cadascuna.",
        says_labels="i diu quines de {count} etiquetes té cadascuna.",
        says_numbers="i diu un nombre per a cadascuna.",
        your_images="Les teves imatges",
        drop="Deixa anar imatges aquí, o",
        choose="tria fitxers",
        at_most="Com a màxim {count} alhora, {size} MB en total. Només van a aquest servidor.",
        your_table="La teva taula",
        drop_table="Deixa anar un fitxer CSV aquí, o",
        choose_table="tria un fitxer",
        at_most_rows="Com a màxim {count} files alhora, {size} MB. Només van a aquest servidor.",
        your_row="La teva fila",
        empty_means_missing="Un camp buit compta com un valor que falta.",
        missing="falta",
        yes="sí",
        no="no",
        predict="Prediu",
        working="Treballant …",
        answers="Respostes",
        nothing_yet="Cap encara.",
        first_of="Les primeres {shown} de {count}.",
        none_of_them="cap",
        all_probabilities="Totes les probabilitats",
        failed="No ha funcionat",
        no_connection="El servidor no respon.",
        how_good="Com encerta",
        figure="Amb les dades de prova",
        this_network="Aquesta xarxa",
        constant="Predictor constant",
        unknown="El que les xifres no diuen (en anglès)",
        for_programs="Per a programes",
    ),
    "pt": Texts(
        takes_images="Recebe imagens, ajustadas a {size} pixels, {colours},",
        takes_rows="Recebe linhas de {count} valores",
        grey="em cinzento",
        colour="a cores",
        says_classes="e diz a qual de {count} classes pertence cada uma.",
        says_labels="e diz quais de {count} etiquetas tem cada uma.",
        says_numbers="e diz um número para cada uma.",
        your_images="As suas imagens",
        drop="Largue imagens aqui, ou",
        choose="escolha ficheiros",
        at_most="No máximo {count} de cada vez, {size} MB no total. Só vão para este servidor.",
        your_table="A sua tabela",
        drop_table="Largue um ficheiro CSV aqui, ou",
        choose_table="escolha um ficheiro",
        at_most_rows="No máximo {count} linhas de cada vez, {size} MB. Só vão para este servidor.",
        your_row="A sua linha",
        empty_means_missing="Um campo vazio conta como um valor em falta.",
        missing="em falta",
        yes="sim",
        no="não",
        predict="Prever",
        working="A trabalhar …",
        answers="Respostas",
        nothing_yet="Nenhuma ainda.",
        first_of="As primeiras {shown} de {count}.",
        none_of_them="nenhuma",
        all_probabilities="Todas as probabilidades",
        failed="Não funcionou",
        no_connection="O servidor não responde.",
        how_good="Quanto acerta",
        figure="Nos dados de teste",
        this_network="Esta rede",
        constant="Preditor constante",
        unknown="O que os números não dizem (em inglês)",
        for_programs="Para programas",
    ),
}


def spoken(accept_language: str) -> Language:
    """The language that a browser would rather have (RFC 9110, 12.5.4), English where it asks for none of these."""
    wanted: list[tuple[float, Language]] = []
    for choice in accept_language.split(",")[:50]:
        tag, _, weight = choice.partition(";")
        known: dict[str, Language] = {language: language for language in TEXTS}
        language = known.get(tag.strip().lower().partition("-")[0])
        try:
            weighs = float(weight.strip().removeprefix("q=") or 1)
        except ValueError:
            weighs = 0.0
        if language is not None and weighs > 0:
            wanted.append((weighs, language))
    return max(wanted, key=lambda one: one[0], default=(1.0, "en"))[1]

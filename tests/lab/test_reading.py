"""Bodies of requests: what honest clients send is understood, what hostile ones send is refused in one line."""

import base64
import csv
import email.policy
import io
import json
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_answering import outcome

from profundo.lab.limits import Limits, Refusal
from profundo.lab.request_inputs import accepted, media_types, read
from profundo.languages import LANGUAGES
from served import NASTY

SMALL = Limits(images=4, rows=5, values=40, text=30)


def understood(content_type, body, kind="features", limits=None):
    return read(accepted(content_type, "", kind), body, kind, limits or Limits())


def refused(content_type, body, kind="features", limits=None):
    with pytest.raises(Refusal) as caught:
        understood(content_type, body, kind, limits)
    assert "\n" not in str(caught.value)
    assert set(caught.value.told.everywhere) == set(LANGUAGES)
    return caught.value


def rows(text, limits=None):
    return understood("application/json", text.encode(), "features", limits).rows


# --------------------------------------------------------------------------------------------------------- media types
@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "image/svg+xml",
        "application/x-www-form-urlencoded",
        "text/csv; charset=utf-16",
        "application/pickle",
        "x" * 10_000,
    ],
)
@pytest.mark.parametrize("kind", ["image", "features"])
def test_another_media_type_is_refused_and_the_known_ones_are_named(content_type, kind):
    refusal = refused(content_type, b"x", kind)
    assert refusal.status == 415
    assert "utf-16" in content_type or "application/json" in str(refusal)


def test_images_go_to_networks_of_images_and_rows_to_networks_of_rows():
    assert refused("text/csv", b"a\n1\n", "image").status == 415
    assert refused("image/png", b"x", "features").status == 415
    for kind in ("image", "features"):
        assert all(accepted(media, "identity", kind) for media in media_types(kind))


def test_a_compressed_body_is_refused_before_it_is_read():
    with pytest.raises(Refusal, match="gzip") as caught:
        accepted("application/json", "gzip", "image")
    assert caught.value.status == 415


@pytest.mark.parametrize("kind", ["image", "features"])
def test_an_empty_body_is_refused(kind):
    for media in media_types(kind):
        assert refused(media, b"", kind).status == 400


# --------------------------------------------------------------------------------------------------------------- JSON
def test_rows_of_json_are_what_python_reads():
    told = [{"a": 1, "b": 2.5, "c": "yes", "d": None, "é☃": True}, {"a": -(2**63)}]
    assert rows(json.dumps({"rows": told})) == told


@given(
    st.lists(
        st.dictionaries(
            st.text(max_size=8),
            st.none()
            | st.booleans()
            | st.integers(-(2**62), 2**62)
            | st.floats(allow_nan=False, allow_infinity=False)
            | st.text(max_size=8),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_every_row_of_plain_values_arrives_as_it_was_sent(told):
    assert rows(json.dumps({"rows": told}, ensure_ascii=False)) == told


def test_images_of_json_are_base64():
    told = understood(
        "application/json", json.dumps({"images": [base64.b64encode(b"one").decode(), "dHdv"]}).encode(), "image"
    )
    assert (told.names, told.images) == (["image 1", "image 2"], [b"one", b"two"])


HOSTILE_JSON = {
    "NaN": '{"rows": [{"a": NaN}]}',
    "Infinity": '{"rows": [{"a": -Infinity}]}',
    "1e400": '{"rows": [{"a": 1e400}]}',
    "a wide integer": '{"rows": [{"a": 1' + "0" * 30 + "}]}",
    "an integer of 100,000 digits": '{"rows": [{"a": ' + "9" * 100_000 + "}]}",
    "one name twice": '{"rows": [{"a": 1, "a": 2}]}',
    "rows twice": '{"rows": [{"a": 1}], "rows": [{"a": 2}]}',
    "deep lists": "[" * 100_000 + "]" * 100_000,
    "deep objects": '{"rows":' * 100_000,
    "deep values": '{"rows": [{"a": ' + "[" * 500 + "]" * 500 + "}]}",
    "a list as a value": '{"rows": [{"a": [1]}]}',
    "an object as a value": '{"rows": [{"a": {"__proto__": 1}}]}',
    "a row that is a list": '{"rows": [[1, 2]]}',
    "half a surrogate pair": '{"rows": [{"a": "\\ud800"}]}',
    "half a surrogate pair as a name": '{"rows": [{"\\udfff": 1}]}',
    "a list on top": '[{"a": 1}]',
    "null": "null",
    "no rows": '{"rows": []}',
    "rows that are no list": '{"rows": {"a": 1}}',
    "something besides": '{"rows": [{"a": 1}], "model": "../../etc/passwd"}',
    "what would be imported": '{"_target_": "os.system", "args": ["id"]}',
    "images": '{"images": ["eA=="]}',
    "more text after it": '{"rows": [{"a": 1}]} {"rows": []}',
    "a comment": '{"rows": [{"a": 1 /* one */}]}',
    "single quotes": "{'rows': [{'a': 1}]}",
    "a byte order mark": '\ufeff{"rows": [{"a": 1}]}',
    "not ended": '{"rows": [{"a": 1}',
    "control characters": '{"rows": [{"a": "\x00\x1b[31m"}]}',
}


@pytest.mark.parametrize("name", HOSTILE_JSON)
def test_hostile_json_is_refused_in_one_line(name):
    assert refused("application/json", HOSTILE_JSON[name].encode()).status == 400


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xfe{}",
        b'{"rows": [{"a": "\xc3"}]}',
        b'{"rows": [{"a": "\xed\xa0\x80"}]}',
        b'{"rows": [{"\xc0\xaf": 1}]}',
        b"\x80\x04}q\x00.",
    ],
)
def test_invalid_utf8_is_refused(body):
    assert "UTF-8" in str(refused("application/json", body))
    assert "UTF-8" in str(refused("text/csv; charset=utf-8", body))


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_words_for_numbers_that_json_lacks_are_refused_wherever_they_are(word):
    for text in (f'{{"rows": {word}}}', f'{{"rows": [{{"a": {word}}}]}}'):
        assert f"{word} is no number in JSON" in str(refused("application/json", text.encode()))


def test_the_bounds_of_json_hold():
    assert rows(json.dumps({"rows": [{"a": 1}] * 5}), SMALL)
    assert refused("application/json", json.dumps({"rows": [{"a": 1}] * 6}).encode(), limits=SMALL).status == 413
    wide = {"rows": [{str(n): n for n in range(9)}] * 5}
    assert refused("application/json", json.dumps(wide).encode(), limits=SMALL).status == 413
    for row in ({"a": "x" * 31}, {"x" * 31: 1}):
        assert refused("application/json", json.dumps({"rows": [row]}).encode(), limits=SMALL).status == 400
    assert refused("application/json", json.dumps({"images": ["eA=="] * 5}).encode(), "image", SMALL).status == 413


def test_many_small_values_are_refused_before_they_take_memory(monkeypatch):
    """A byte of JSON can become a hundred bytes of objects."""
    monkeypatch.setattr(json, "loads", lambda *_, **__: pytest.fail("it was parsed"))
    for body in (b'{"rows": [' + b"{}," * 1_000_000 + b"{}]}", b'{"rows": ' + b"[" * 3_000_000, b"[0," * 1_100_000):
        assert refused("application/json", body).status == 413


@pytest.mark.parametrize("image", ["not base64!", "QQ", "QQ==\n", "Q Q=", 5, None, ["QQ=="], "é"])
def test_what_is_not_base64_is_refused_by_its_number(image):
    refusal = refused("application/json", json.dumps({"images": ["QQ==", image]}).encode(), "image")
    assert "image 2" in str(refusal)


# ---------------------------------------------------------------------------------------------------------------- CSV
@given(
    st.lists(
        st.lists(
            st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), min_size=1, max_size=6),
            min_size=2,
            max_size=2,
        ),
        min_size=1,
        max_size=6,
    )
)
def test_what_the_csv_writer_writes_is_read_back(table):
    text = io.StringIO()
    csv.writer(text).writerows([["a", "b"], *table])
    told = understood("text/csv", text.getvalue().encode()).rows
    assert [list(row.values()) for row in told] == table


def test_quotes_line_ends_and_a_byte_order_mark_are_understood():
    told = understood("text/csv; charset=utf-8", b'\xef\xbb\xbfa,"b,c"\r\n1,"two\nlines"\r\n\r\n3,"say ""hi"""\r\n')
    assert told.rows == [{"a": "1", "b,c": "two\nlines"}, {"a": "3", "b,c": 'say "hi"'}]
    assert told.names == ["row 1", "row 2"]


HOSTILE_CSV = {
    "ragged": b"a,b\n1,2\n3\n",
    "too long a row": b"a,b\n1,2,3\n",
    "a header alone": b"a,b\n",
    "empty lines alone": b"\n\n\n",
    "a quote that never ends": b'a,b\n1,"2\n' + b"3" * 200_000,
    "something after a quote": b'a,b\n"1"x,2\n',
    "a giant field": b"a\n" + b"1" * 1_000_000 + b"\n",
}


@pytest.mark.parametrize("name", HOSTILE_CSV)
def test_hostile_csv_is_refused_in_one_line(name):
    assert refused("text/csv", HOSTILE_CSV[name]).status == 400


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        ("sep=;\nimporte;ciudad\n1,5;Cádiz\n".encode("cp1252"), [{"importe": "1,5", "ciudad": "Cádiz"}]),
        (b"a;b\n1,5;2,5\n", [{"a": "1,5", "b": "2,5"}]),
        (b",a,b,b,\n0,1,2,3,\n", [{"a": "1"}]),
    ],
)
def test_a_csv_is_read_as_spreadsheets_and_pandas_write_it(body, rows):
    assert understood("text/csv", body).rows == rows


def test_a_fault_in_a_table_is_told_with_its_row():
    assert "row 2" in str(refused("text/csv", b"a,b\n1,2\n3\n"))


def test_a_million_equal_column_names_are_refused_at_once():
    assert refused("text/csv", b"a," * 3_000_000 + b"a\n1\n").status == 413


def test_the_bounds_of_csv_hold():
    assert len(understood("text/csv", b"a\n" + b"1\n" * 5, limits=SMALL).rows) == 5
    assert refused("text/csv", b"a\n" + b"1\n" * 6, limits=SMALL).status == 413
    assert refused("text/csv", b"a,b,c,d,e,f,g,h,i\n" + b"1,2,3,4,5,6,7,8,9\n" * 5, limits=SMALL).status == 413
    assert refused("text/csv", b"a\n" + b"1" * 31 + b"\n", limits=SMALL).status == 400


# ---------------------------------------------------------------------------------------------------------- multipart
def form(files, boundary=None):
    """As the standard library's e-mail package writes it, with binary parts."""
    whole = EmailMessage(policy=email.policy.HTTP)
    whole["Content-Type"] = "multipart/form-data"
    if boundary:
        whole.set_boundary(boundary)
    for name, content in files:
        part = EmailMessage(policy=email.policy.HTTP)
        part.set_content(content, maintype="image", subtype="png", cte="binary", disposition="form-data", filename=name)
        part.set_param("name", "image", header="content-disposition")
        whole.attach(part)
    head, _, body = whole.as_bytes().partition(b"\r\n\r\n")
    content_type = head.decode().replace("\r\n ", " ").partition("Content-Type: ")[2].partition("\r\n")[0]
    return content_type, body


def parts(files):
    """By hand, as browsers write it."""
    lines = [
        b'--XyZ\r\nContent-Disposition: form-data; name="image"; filename="%s"\r\n\r\n%s\r\n' % file for file in files
    ]
    return "multipart/form-data; boundary=XyZ", b"".join(lines) + b"--XyZ--\r\n"


def test_a_form_as_another_library_writes_it_is_read():
    files = [("one.png", b"\x89PNG\r\n\x1a\r\nbytes"), ("two.png", b"\x00\xff--almost a boundary\r\n--\r\n")]
    told = understood(*form(files), "image")
    assert dict(zip(told.names, told.images, strict=True)) == dict(files)


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=6))
def test_every_content_arrives_byte_for_byte(contents):
    told = understood(*parts([(b"f%d.png" % n, content) for n, content in enumerate(contents)]), "image")
    assert told.images == contents


@pytest.mark.parametrize("name", [*NASTY, "../../etc/passwd", "C:\\a.png", "a" * 300, "line\nbreak", "\x1b[31mred"])
def test_names_of_files_are_only_names(name):
    sent = name.replace("\\", "\\\\").replace('"', "%22").replace("\n", "%0A").encode()
    told = understood(*parts([(sent, b"x"), (sent, b"y")]), "image")
    first, second = told.names
    assert first.isprintable()
    assert second == f"{first} (2)"


def test_a_file_that_is_called_like_a_number_replaces_no_other():
    told = understood(*parts([(b"a (3)", b"x"), (b"a", b"y"), (b"a", b"z")]), "image")
    assert told.images == [b"x", b"y", b"z"]
    assert len(set(told.names)) == 3


def test_a_part_without_a_name_is_called_by_its_number():
    body = b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b\r\nX: y\r\n\r\nz\r\n--b--"
    assert understood("multipart/form-data; boundary=b", body, "image").names == ["image 1", "image 2"]


HOSTILE_FORMS = {
    "no boundary": ("multipart/form-data", b"--x\r\n\r\n"),
    "an empty boundary": ('multipart/form-data; boundary=""', b"--\r\n\r\nx\r\n----"),
    "a long boundary": ("multipart/form-data; boundary=" + "x" * 71, b"x"),
    "a boundary that is not there": ("multipart/form-data; boundary=zz", b"--x\r\nA: b\r\n\r\nx\r\n--x--"),
    "not ended": ("multipart/form-data; boundary=x", b"--x\r\nA: b\r\n\r\ncontent"),
    "no parts": ("multipart/form-data; boundary=x", b"--x--\r\n"),
    "a part without headers": ("multipart/form-data; boundary=x", b"--x\r\ncontent\r\n--x--"),
    "headers without an end": ("multipart/form-data; boundary=x", b"--x\r\n" + b"A: b\r\n" * 2000 + b"\r\nx\r\n--x--"),
    "a boundary of other letters": (
        "multipart/form-data; boundary*=utf-8''%e2%98%83",
        b"--\xe2\x98\x83\r\nA: b\r\n\r\nx\r\n--\xe2\x98\x83--",
    ),
}


@pytest.mark.parametrize("name", HOSTILE_FORMS)
def test_hostile_forms_are_refused_in_one_line(name):
    content_type, body = HOSTILE_FORMS[name]
    assert refused(content_type, body, "image").status == 400


def test_the_number_of_parts_is_bounded():
    assert len(understood(*parts([(b"a", b"x")] * 4), "image", SMALL).images) == 4
    assert refused(*parts([(b"a", b"x")] * 5), "image", SMALL).status == 413
    many = b"--x\r\nA: b\r\n\r\n" + b"\r\n--x\r\n" * 1_000_000
    assert refused("multipart/form-data; boundary=x", many, "image").status == 413


# ------------------------------------------------------------------------------------------------------------ whatever
@given(st.sampled_from(["image", "features"]), st.integers(0, 20), st.binary(max_size=300))
def test_any_bytes_are_understood_or_refused(kind, which, body):
    media = media_types(kind)[which % len(media_types(kind))]
    told = outcome(lambda: understood(media + "; boundary=b", body, kind))
    assert told in (400, 413) or len(told.names) == len(told.images) + len(told.rows) > 0


@given(st.text(st.characters(codec="latin-1"), max_size=80))
def test_any_content_type_is_understood_or_refused(content_type):
    told = outcome(lambda: accepted(content_type, "", "image"))
    assert told == 415 or told.get_content_type() in media_types("image")


# --------------------------------------------------------------------------------------------------- what takes long
def picture(size, form="PNG", **options):
    from PIL import Image

    file = io.BytesIO()
    Image.new("L", size).save(file, form, **options)
    return file.getvalue()


def test_pixels_of_a_whole_request_are_bounded_before_any_is_decoded(monkeypatch):
    from PIL import ImageFile

    small, large = picture((100, 100)), picture((400, 250))
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda _: pytest.fail("something was decoded"))
    limits = Limits(pixels=100_000)
    assert understood("image/png", large, "image", limits).images == [large]
    body = json.dumps({"images": [base64.b64encode(one).decode() for one in (large, small)]}).encode()
    refusal = refused("application/json", body, "image", limits)
    assert refusal.status == 413
    assert "at most 100,000 pixels" in str(refusal)
    assert "110,000" in str(refusal)
    parts = b"".join(b"--x\r\ncontent-type: image/png\r\n\r\n" + large + b"\r\n" for _ in range(2)) + b"--x--\r\n"
    assert refused("multipart/form-data; boundary=x", parts, "image", limits).status == 413


def test_of_many_frames_only_the_first_counts_and_scans_of_a_jpeg_do():
    from PIL import Image

    frames = [Image.new("L", (100, 100), shade) for shade in range(5)]
    film = picture((100, 100), "GIF", save_all=True, append_images=frames)
    assert understood("image/gif", film, "image", Limits(pixels=10_000)).images == [film]
    photo = picture((100, 100), "JPEG", progressive=True)
    assert understood("image/jpeg", photo, "image", Limits(pixels=10_000)).images == [photo]
    scan = photo[photo.rindex(b"\xff\xda") : photo.rindex(b"\xff\xd9")]
    bomb = photo[:-2] + scan * 1000 + photo[-2:]
    assert refused("image/jpeg", bomb, "image", Limits(pixels=100_000)).status == 413


def test_what_is_no_image_is_left_to_who_decodes_it():
    assert understood("image/png", b"no image", "image", Limits(pixels=1)).images == [b"no image"]

"""MiniMax's answers: words, codes, the second request and what goes wrong with it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from tests.providers.documents import (
    LINK,
    REFUSED,
    REJECTED,
    RETRY,
    SLOW,
    bent,
    ends,
    is_unreadable,
    junk,
    kind_of,
    links,
    one,
    reply,
    statuses,
)
from tests.providers.helpers import SEEN_AT
from tests.providers.recorded.minimax import BACKUP, FILE, SUCCESS, TASK, document
from wanpoll import Failure, Media, NotSupported, Outcome, Rate, Status, Task
from wanpoll._core.readings import NOT_YET, Answer, Missed, Observation, Refused, Rejected
from wanpoll.exceptions import TransportError
from wanpoll.providers import MiniMax

PROVIDER = MiniMax("sk-0123456789").bind({})


def read(answer: Any, status: int = 200) -> Any:
    return PROVIDER.read([TASK], reply(answer, status))


def read_rest(answer: Any, status: int = 200, seen: Observation | None = None) -> Any:
    return PROVIDER.read_rest(TASK, seen or one(read(SUCCESS)), reply(answer, status))


# -- the questions -----------------------------------------------------------------------------------------------------


def test_ask():
    """The id stands in the query, quoted."""
    request = PROVIDER.ask([Task("a:b")])

    assert (request.method, request.url) == ("GET", "https://api.minimax.io/v1/query/video_generation?task_id=a%3Ab")
    assert request.body is None


def test_ask_rest():
    """The file's id is quoted, whatever it is: it cannot add to the query."""
    request = PROVIDER.ask_rest(TASK, Observation(TASK.id, Status.SUCCEEDED, follow_up="9&x=1/é"))

    assert (
        request.method,
        request.url,
    ) == ("GET", "https://api.minimax.io/v1/files/retrieve?file_id=9%26x%3D1%2F%C3%A9")


def test_account():
    """A modest quota, the advised interval, one id in each question, fresh links on demand."""
    assert (PROVIDER.quota, PROVIDER.interval, PROVIDER.max_batch) == (Rate(5, per=1.0), 15.0, 1)
    assert (PROVIDER.can_cancel, PROVIDER.can_refresh) == (False, True)
    assert MiniMax().bind({"MINIMAX_API_KEY": "sk-environ"}).api_key == "sk-environ"


# -- words -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "expected"),
    [("Preparing", Status.PENDING), ("Queueing", Status.PENDING), ("Processing", Status.RUNNING)],
)
def test_not_yet(word, expected):
    """Each word of a task that goes on has its one meaning, and is read the short way."""
    assert NOT_YET[expected] is read(document(word, file_id=""))
    assert expected is one(read({"status": word})).status


@pytest.mark.parametrize("code", [False, 0.0, None, [], ""])
def test_a_code_that_is_none(code):
    """The short way takes nothing for the code of success that reading in full does not."""
    answer = document(code=code)

    assert is_unreadable(read(answer)) == is_unreadable(PROVIDER.explain(reply(answer)).reading)
    assert is_unreadable(read(answer)) or code == ""


@pytest.mark.parametrize("word", ["Fail", "Failed"])
def test_failed_words(word):
    """Both spellings of failure are an end, with the code that stands beside it, or else the word."""
    coded = one(read(document(word, code=1027, message="the video is sensitive", file_id="")))
    plain = one(read(document(word)))

    assert (Status.FAILED, Failure("1027", "the video is sensitive")) == (coded.status, coded.failure)
    assert (Status.FAILED, Failure(word, "the provider gave no reason")) == (plain.status, plain.failure)
    assert document(word) == plain.raw


@pytest.mark.parametrize("word", ["", "success", "SUCCESS", "Done", "Success ", "Expired"])
def test_unknown_words(word):
    """A word that is not in the table is no end; it is kept for the log."""
    observation = one(read(document(word, file_id="99")))

    assert (None, word, None) == (observation.status, observation.word, observation.follow_up)


@pytest.mark.parametrize("word", [None, 5, True, ["Success"], {"a": "Success"}])
def test_a_word_that_is_no_text(word):
    """A status that is no text is unreadable: asked again."""
    assert is_unreadable(read(document(word)))


@pytest.mark.parametrize("answer", [{}, [], None, 5, "Success", {"file_id": "99"}, b"", b"<html>", b"{"])
def test_neither_task_nor_error(answer):
    """HTTP 200 without a state and without an error is unreadable: asked again."""
    assert is_unreadable(read(answer))


@pytest.mark.parametrize("echoed", ["315", 315, "0314", 314.0, ["314"], True])
def test_answer_about_another_task(echoed):
    """An answer that echoes another id is a missed poll, however final it is."""
    assert is_unreadable(read(SUCCESS | {"task_id": echoed}))
    assert is_unreadable(read(document() | {"task_id": echoed}))


@pytest.mark.parametrize("echoed", ["314", 314, "", None])
def test_echoed_ids(echoed):
    """An id may be echoed as a number, or not at all."""
    assert Status.RUNNING is one(read(document() | {"task_id": echoed})).status


# -- codes -------------------------------------------------------------------------------------------------------------

CODES = [
    (1000, RETRY),
    (1001, RETRY),
    (1002, SLOW),
    (1024, RETRY),
    (1033, RETRY),
    (1004, REFUSED),
    (1008, REFUSED),
    (2049, REFUSED),
    (2013, REJECTED),
    (1026, RETRY),
    (1027, RETRY),
    (4711, RETRY),
    (-1, RETRY),
]


@pytest.mark.parametrize(("code", "expected"), CODES)
@pytest.mark.parametrize("word", ["", "Processing", None])
@pytest.mark.parametrize("written", [int, str])
def test_codes(code, expected, word, written):
    """HTTP 200 with a code and no word of an end is an error of the question, by the table."""
    reading = read(document(word, code=written(code), message="why", task_id="", file_id=""))

    assert expected == kind_of(reading)


@pytest.mark.parametrize(("code", "expected"), CODES)
def test_codes_carry_their_words(code, expected):
    """Whatever the verdict, code and message are told."""
    reading = read(document("", code=code, message="why"))

    if isinstance(reading, Missed):
        assert (200, f"{code}: why") == (reading.problem.status, reading.problem.detail)
    elif isinstance(reading, Refused):
        assert (str(code), "why") == (reading.code, reading.message)
    else:
        assert Rejected(Failure(str(code), "why")) == reading


@pytest.mark.parametrize("code", [1026, 1027, 2013])
@pytest.mark.parametrize("word", ["Success", "Fail", "Failed"])
def test_codes_of_the_task(code, word):
    """With the word of an end, these codes are the task's: it failed with them, and is no success."""
    observation = one(read(document(word, code=code, message="why", file_id="99")))

    assert (Status.FAILED, Failure(str(code), "why")) == (observation.status, observation.failure)
    assert observation.follow_up is None


@pytest.mark.parametrize(("code", "expected"), [row for row in CODES if row[0] not in (1026, 1027, 2013)])
def test_success_with_another_code(code, expected):
    """A success with the code of an error is no success: the question is asked again, or the account refused."""
    assert expected == kind_of(read(document("Success", code=code, file_id="99")))


@pytest.mark.parametrize("said", [[], "success", 5, {}, {"status_code": None}, {"status_code": 0.5}, {"a": 0}])
def test_codes_that_cannot_be_read(said):
    """Where it cannot be told whether there was an error, nothing ends."""
    assert is_unreadable(read(SUCCESS | {"base_resp": said}))


@pytest.mark.parametrize(
    ("status", "expected"),
    [(401, REFUSED), (402, REFUSED), (403, REFUSED), (429, SLOW), (400, RETRY), (404, RETRY), (500, RETRY)],
)
@pytest.mark.parametrize("answer", [b"<html>", b"", b"[]", b"5", {"error": {"message": "m", "type": "t"}}, SUCCESS])
def test_http_errors(status, expected, answer):
    """An HTTP error has the verdict of its status, whatever its body says: no end either."""
    assert expected == kind_of(read(answer, status))


def test_http_errors_with_a_code():
    """The code in the body of an HTTP error counts first, and an envelope's own words are told."""
    refused = read({"error": {"message": "login fail (1004)", "type": "authorized_error"}}, 401)

    assert Refused("authorized_error", "login fail (1004)") == refused
    assert kind_of(read(document("", code=1008), 500)) == REFUSED


# -- success, and the id of its file -----------------------------------------------------------------------------------


def test_success_is_not_an_end_yet():
    """A success names a file: it has no media and is to be completed."""
    observation = one(read(SUCCESS))

    assert (observation.status, observation.follow_up, observation.media) == (Status.SUCCEEDED, "99", ())
    assert observation.raw == SUCCESS


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ('"99"', "99"),
        ("99", "99"),
        ('"12345678901234567890"', "12345678901234567890"),
        ("12345678901234567890", "12345678901234567890"),
        ("18446744073709551617", "18446744073709551617"),
        ("99999999999999999999123", "99999999999999999999123"),
    ],
)
def test_file_ids(written, expected):
    """The id of a file is text, digit by digit, also where it is a number that no reader of JSON keeps."""
    body = json.dumps(SUCCESS).replace('"99"', written).encode()

    assert expected == one(read(body)).follow_up


@pytest.mark.parametrize("file_id", [None, "", 0, "0", 1.5, 1e25, True, ["99"], {"id": "99"}, "9" * 257])
def test_success_without_a_file(file_id):
    """A success without an id that can be asked for is a missed poll, and never a success without media."""
    assert is_unreadable(read(SUCCESS | {"file_id": file_id}))


# -- the second request ------------------------------------------------------------------------------------------------


def test_rest():
    """The file's answer completes the success: link, backup, the file's id, and the time when the link dies."""
    observation = one(read_rest(FILE))
    (media,) = observation.media

    assert (observation.status, observation.follow_up, observation.raw) == (Status.SUCCEEDED, None, SUCCESS)
    assert (media.url, media.kind, media.backup_url, media.file_id) == (LINK, "video", BACKUP, "99")
    assert datetime.fromtimestamp(1_751_000_000, UTC) == media.expires_at


def test_links_that_do_not_tell_their_end():
    """A file's link that does not tell when it dies is taken to live for the least that is reported: one hour."""
    file = {"file_id": 99, "download_url": "https://h.example/o.mp4"}
    (media,) = one(read_rest(FILE | {"file": file})).media
    (fresh,) = one(PROVIDER.read_refresh(Outcome(TASK, Status.SUCCEEDED, (media,)), reply({"file": file}))).media

    assert [media.expires_at, fresh.expires_at] == [datetime.fromtimestamp(SEEN_AT + 3600, UTC)] * 2


@pytest.mark.parametrize("missing", ["file_id", "backup_download_url", "filename"])
def test_rest_without_the_other_fields(missing):
    """Only the link is needed; the file's id is that which was asked for."""
    file = {name: value for name, value in FILE["file"].items() if name != missing}
    (media,) = one(read_rest(FILE | {"file": file})).media

    assert (media.url, media.file_id) == (LINK, "99")


@pytest.mark.parametrize("link", [None, "", "o.mp4", "ftp://h/o", 5, [LINK], {"url": LINK}])
def test_rest_without_a_link(link):
    """A file without a link is asked for again; one with a second link alone has one."""
    file = FILE["file"] | {"download_url": link}
    assert is_unreadable(read_rest(FILE | {"file": file | {"backup_download_url": link}}))
    assert one(read_rest(FILE | {"file": file | {"backup_download_url": LINK}})).media[0].url == LINK


@pytest.mark.parametrize(
    "answer",
    [
        {},
        [],
        None,
        b"",
        b"<html>",
        b"{",
        {"file": None},
        {"file": []},
        {"file": "x"},
        FILE | {"base_resp": []},
        SUCCESS,
    ],
)
def test_rest_that_cannot_be_read(answer):
    """A second answer that cannot be read is asked for again: the task neither failed nor succeeded."""
    assert is_unreadable(read_rest(answer))


@pytest.mark.parametrize("echoed", ["98", 98, ["99"], True])
def test_rest_about_another_file(echoed):
    """The link of another file is nobody's result."""
    assert is_unreadable(read_rest(FILE | {"file": FILE["file"] | {"file_id": echoed}}))


def test_rest_with_a_long_id():
    """An id of more than 64 bits is compared digit by digit, as a number, too."""
    seen = evolve(one(read(SUCCESS)), follow_up="99999999999999999999123")
    body = json.dumps(FILE).replace('"file_id": 99', '"file_id": 99999999999999999999123').encode()

    assert one(read_rest(body, seen=seen)).media[0].file_id == "99999999999999999999123"
    assert is_unreadable(read_rest(body.replace(b"999123", b"999124"), seen=seen))


@pytest.mark.parametrize(("code", "expected"), CODES)
@pytest.mark.parametrize("file", [None, FILE["file"]])
def test_rest_with_a_code(code, expected, file):
    """An error of the second request is retried or refuses the account; it never ends the task."""
    reading = read_rest({"file": file, "base_resp": {"status_code": code, "status_msg": "why"}})

    assert (RETRY if expected == REJECTED else expected) == kind_of(reading)
    if isinstance(reading, Missed):
        assert isinstance(reading.problem, TransportError)
        assert f"{code}: why" == reading.problem.detail


@pytest.mark.parametrize(
    ("status", "expected"),
    [(400, RETRY), (401, REFUSED), (403, REFUSED), (404, RETRY), (429, SLOW), (500, RETRY), (502, RETRY), (302, RETRY)],
)
@pytest.mark.parametrize("answer", [b"<html>", b"", FILE, {"error": {"code": "x", "message": "m"}}])
def test_rest_with_an_http_error(status, expected, answer):
    """A second request that fails is retried on its own, or refuses the account."""
    assert expected == kind_of(read_rest(answer, status))


# -- fresh links -------------------------------------------------------------------------------------------------------

OUTCOME = Outcome(TASK, Status.SUCCEEDED, (Media("https://h.example/old", "video", file_id="99"),))


def test_refresh():
    """The file that a result keeps the id of is asked for again."""
    observation = one(PROVIDER.read_refresh(OUTCOME, reply(FILE)))

    assert PROVIDER.ask_refresh(OUTCOME).url == "https://api.minimax.io/v1/files/retrieve?file_id=99"
    assert (TASK.id, Status.SUCCEEDED, [(LINK, "video")]) == (
        observation.task_id,
        observation.status,
        links(observation),
    )
    assert observation.media[0].file_id == "99"


def test_refresh_of_a_file_that_is_gone():
    """That the file is gone is told, and not asked again."""
    answer = {"file": None, "base_resp": {"status_code": 2013, "status_msg": "file not found"}}

    assert Rejected(Failure("2013", "file not found")) == PROVIDER.read_refresh(OUTCOME, reply(answer))
    assert kind_of(PROVIDER.read_refresh(OUTCOME, reply(b"", 500))) == RETRY
    assert is_unreadable(PROVIDER.read_refresh(OUTCOME, reply({"file": {}})))


@pytest.mark.parametrize("media", [(), (Media(LINK, "video"),)])
def test_refresh_without_a_file(media):
    """Without the id of a file there is nothing to ask, and the error says what to do."""
    outcome = evolve(OUTCOME, media=media)

    with pytest.raises(NotSupported, match="download"):
        PROVIDER.ask_refresh(outcome)


@pytest.mark.parametrize(("kept", "asked"), [(99, "99"), ("9\udc809", "9%3F9")])
def test_refresh_by_an_odd_id_of_a_file(kept, asked):
    """One that was stored as a number, or with half of a character, is asked for all the same."""
    request = PROVIDER.ask_refresh(evolve(OUTCOME, media=(Media(LINK, "video", file_id=kept),)))

    assert request.url.endswith(f"?file_id={asked}")


# -- saying why --------------------------------------------------------------------------------------------------------


def test_explain():
    """The rules that decided are told: word, file, code."""
    success = PROVIDER.explain(reply(SUCCESS))
    failed = PROVIDER.explain(reply(document("Fail", code=1027)))
    refused = PROVIDER.explain(reply(document("", code=1004)))

    assert success.notes[1:] == (
        "status is 'Success': SUCCEEDED",
        "file_id is '99': not an end before a second request gives the file's link",
    )
    assert failed.notes[1:] == ("status is 'Fail': FAILED", "base_resp.status_code is 1027: the task failed with it")
    assert refused.notes[1:] == ("error '1004' matches 1004 1008 2049: the account is refused",)
    assert PROVIDER.explain(reply(document())).reading == Answer((Observation(TASK.id, Status.RUNNING, "Processing"),))


# -- properties --------------------------------------------------------------------------------------------------------

WORDS = ("Success", "Fail", "Failed", "Processing", "99", 0, 1026, LINK)
SHAPES = (SUCCESS, document(), document("Fail", code=1027), document("", code=1004), FILE)


@given(bent(SHAPES, *WORDS) | junk(*WORDS), statuses)
def test_no_answer_ends_without_its_word(answer, status):
    """Whatever becomes of a recorded answer: no first answer is a success, and no failure is invented."""
    for end in ends(read(answer, status)):
        assert (status, end.status) == (200, Status.FAILED)
        assert answer["status"] in ("Success", "Fail", "Failed")


@given(bent((FILE,), *WORDS) | junk(*WORDS), statuses)
def test_no_success_without_media(answer, status):
    """Whatever becomes of the file's answer: it completes the success with the link at its path, or the second one."""
    for end in ends(read_rest(answer, status)):
        assert (status, end.status) == (200, Status.SUCCEEDED)
        (media,) = end.media
        assert media.url in (answer["file"].get("download_url"), answer["file"].get("backup_download_url"))
        assert end.media[0].file_id == "99"


@given(st.integers(1, 10**30))
def test_ids_stay_text(number):
    """The id of a file is what the body says, digit by digit."""
    for written in (str(number), f'"{number}"'):
        assert str(number) == one(read(json.dumps(SUCCESS).replace('"99"', written).encode())).follow_up

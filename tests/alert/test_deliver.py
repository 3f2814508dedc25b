"""Delivering through apprise to real servers: success only when the service said so, and what each failure means."""

from __future__ import annotations

import logging
import socket

import pytest

from monitor.alert import answers, deliver, services
from monitor.errors import DeliveryError
from tests.alert.rows import EVENT, delivery
from tests.sinks import Answer, Received, SmtpSink, WebhookSink

CANARY = "CanaryT0ken4711"


def refused(url: str, **changes: object) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        deliver.send(url, delivery(**changes))
    return caught.value


def test_a_webhook_gets_title_and_text() -> None:
    with WebhookSink() as sink:
        deliver.send(sink.apprise_url(), delivery())
        (request,) = sink.received
    assert request.method == "POST"
    assert request.json["title"] == "espresso-machine: price 499 → 449 (-10%)"
    assert request.json["message"] == f"price 499 → 449 (-10%)\n\nevent {EVENT}"
    assert request.json["type"] == "info"


def test_a_form_gets_the_same_text() -> None:
    with WebhookSink() as sink:
        deliver.send(sink.apprise_url(scheme="form"), delivery(kind="failure"))
        (request,) = sink.received
    assert request.form["message"] == [f"price 499 → 449 (-10%)\n\nevent {EVENT}"]
    assert request.form["type"] == ["failure"]


def test_a_mail_is_plain_text_even_when_a_page_wrote_markup() -> None:
    with SmtpSink() as sink:
        deliver.send(sink.apprise_url(), delivery(body="<script>x</script> [a](javascript:b)", title="watch: new"))
        (mail,) = sink.mails
    assert mail["Subject"] == "watch: new"
    assert mail.get_content_type() == "text/plain"
    assert mail.get_content().strip() == "<script>x</script> [a](javascript:b)"


def test_a_repeated_copy_is_marked() -> None:
    """C2."""
    with WebhookSink() as sink:
        deliver.send(sink.apprise_url(), delivery(repeat=True))
    assert sink.received[0].json["message"].endswith("(possible repeat: an earlier copy may have arrived)")


def test_an_empty_body_is_never_sent() -> None:
    """C6."""
    with WebhookSink() as sink:
        deliver.send(sink.apprise_url(), delivery(body=" "))
    assert sink.received[0].json["message"] == delivery().title


@pytest.mark.parametrize("status", [500, 502, 503, 408, 429])
def test_a_fault_of_the_service_may_pass(status: int) -> None:
    with WebhookSink(Answer(status)) as sink:
        error = refused(sink.apprise_url())
    assert (error.message, error.permanent, error.retry_after) == (f"json: answered {status}", False, None)


def test_retry_after_is_heard() -> None:
    with WebhookSink(Answer(429, headers={"Retry-After": "120"})) as sink:
        assert refused(sink.apprise_url()).retry_after == 120


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_target_that_refuses_us_is_tried_once_more_later(status: int) -> None:
    with WebhookSink(Answer(status)) as sink:
        error = refused(sink.apprise_url())
    assert error.permanent
    assert error.retry_after == deliver.AGAIN


def test_a_message_refused_for_its_length_is_sent_in_short() -> None:
    """C5."""

    def at_most(request: Received) -> Answer:
        return Answer(413 if len(request.json["message"]) > 2_000 else 200)

    with WebhookSink(at_most) as sink:
        deliver.send(sink.apprise_url(), delivery(body="x" * 3_900 + f"\n\nhttps://shop.example\nevent {EVENT}"))
        sent = sink.received[-1].json["message"]
    assert len(sink.received) == 2
    assert len(sent) <= 600
    assert sent.endswith(f"…\n\nhttps://shop.example\nevent {EVENT}")


@pytest.mark.parametrize("body", ["short", "x" * 3_000])
def test_a_message_refused_in_short_too_is_permanent(body: str) -> None:
    """C5."""
    with WebhookSink(Answer(400)) as sink:
        error = refused(sink.apprise_url(), body=body)
    assert isinstance(error, deliver.ContentError)
    assert (error.permanent, error.retry_after) == (True, deliver.AGAIN)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("query", ["", "?redirect=yes"])
def test_no_redirect_is_followed(status: int, query: str) -> None:
    with WebhookSink() as elsewhere, WebhookSink(Answer(status, headers={"Location": f"{elsewhere.url}/x"})) as sink:
        error = refused(sink.apprise_url() + query)
        assert elsewhere.received == []
    assert "redirect" in error.message
    assert not error.permanent


def test_a_failed_optional_service_is_no_success() -> None:
    """C6."""
    with WebhookSink(Answer(500)) as sink:
        assert refused(sink.apprise_url() + "?optional=yes").message == "json: answered 500"


def test_nobody_listening_is_no_doubt() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    error = refused(f"json://127.0.0.1:{port}/{CANARY}")
    assert error.message == "json: no connection (unknown host, network down or refused)"
    assert not isinstance(error, deliver.UnansweredError)


def test_no_answer_means_that_it_may_have_been_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "READ_TIMEOUT", 0.3)
    with WebhookSink(Answer(hang=True)) as sink:
        error = refused(sink.apprise_url())
        sink.release()
    assert isinstance(error, deliver.UnansweredError)
    assert error.message == "json: no answer in time"


def test_a_connection_that_breaks_off_may_have_delivered() -> None:
    with WebhookSink(Answer(close=True)) as sink:
        error = refused(sink.apprise_url())
    assert isinstance(error, deliver.UnansweredError)


@pytest.mark.parametrize("answer", [Answer(body=b"x" * 200, drip=0.05), Answer(body=b"x" * 3_000_000)])
def test_an_answer_without_end_is_cut_and_its_status_counts(answer: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "MAX_SECONDS", 0.3)
    with WebhookSink(answer) as sink:
        deliver.send(sink.apprise_url(), delivery())


def test_a_mail_server_that_refuses_is_no_success() -> None:
    with SmtpSink(refusal="550 no such user") as sink:
        error = refused(sink.apprise_url(to=f"{CANARY}@example.org"))
    assert error.message.startswith("mailto: ")
    assert CANARY not in error.message


@pytest.mark.parametrize(
    ("result", "why"),
    [(None, "none"), (False, "false"), (True, "a bare True is not apprise's word")],
)
def test_only_apprises_own_success_counts(result: object, why: str) -> None:
    """C6."""
    assert not deliver.taken(result), why


@pytest.mark.parametrize("status", ["FAILURE", "NOMATCH", "PARTIAL", "TIMEOUT", "SUCCESS"])
def test_no_status_without_exactly_one_service_counts(status: str) -> None:
    """C6."""
    from apprise.result import AppriseResult, AppriseResultStatus

    assert not deliver.taken(AppriseResult(AppriseResultStatus[status]))


@pytest.mark.parametrize(
    "url",
    [
        f"foo://host/{CANARY}",
        f"{CANARY}",
        "slack://" + CANARY,
        f"syslog://{CANARY}",
        f"json://{CANARY}:port:port/",
        "json://",
    ],
)
def test_a_url_that_cannot_be_used_is_permanent_and_not_shown(url: str) -> None:
    error = refused(url)
    assert error.permanent
    assert CANARY.lower() not in error.message.lower()


def test_no_token_reaches_a_log_or_an_error(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    errors = []
    with WebhookSink() as sink:
        url = f"json://user:{CANARY}@127.0.0.1:{sink.port}/{CANARY}/?+X-Key={CANARY}&-q={CANARY}"
        deliver.send(url, delivery())
        for status in (500, 404, 400, 302):
            sink.script(Answer(status, headers={"Location": f"/{CANARY}", "X": CANARY}, body=CANARY.encode()))
            errors.append(str(refused(url)))
        sink.script(Answer(close=True))
        errors.append(str(refused(url)))
    errors.append(str(refused(url)))
    errors.append(
        str(refused(f"mailto://{CANARY}:{CANARY}@127.0.0.1:{sink.port}?to={CANARY}@example.org&mode=insecure"))
    )
    assert sink.received
    shown = "\n".join(errors) + caplog.text + "".join(capfd.readouterr())
    assert CANARY.lower() not in shown.lower()


def test_the_libraries_cannot_be_made_to_talk(caplog: pytest.LogCaptureFixture) -> None:
    for name in ("apprise", "urllib3", "urllib3.connectionpool"):
        caplog.set_level(logging.DEBUG, logger=name)
    with WebhookSink() as sink:
        deliver.send(sink.apprise_url(CANARY), delivery())
        sink.script(Answer(500))
        refused(sink.apprise_url(CANARY))
        services.open_service(sink.apprise_url(CANARY))
    said = [record for record in caplog.records if record.name.startswith("apprise")]
    assert [record.levelname for record in said] == ["WARNING"]
    assert CANARY not in caplog.text


def test_other_users_of_requests_are_left_alone() -> None:
    import requests

    services.open_service("json://127.0.0.1")
    with WebhookSink() as elsewhere, WebhookSink(Answer(302, headers={"Location": elsewhere.url})) as sink:
        assert requests.get(sink.url, timeout=5).status_code == 200
        assert len(elsewhere.received) == 1


def test_a_plugin_that_fails_is_a_failed_delivery(monkeypatch: pytest.MonkeyPatch) -> None:
    """C6."""
    import apprise

    def explode(*_: object, **__: object) -> None:
        raise RuntimeError(f"json://{CANARY}")

    monkeypatch.setattr(apprise.Apprise, "notify", explode)
    error = refused("json://127.0.0.1")
    assert error.message == "json: the service failed (RuntimeError)"
    assert not error.permanent


def test_a_server_without_the_right_certificate_gets_nothing() -> None:
    with WebhookSink() as sink:
        error = refused(f"jsons://127.0.0.1:{sink.port}/")
        assert sink.received == []
    assert error.message == "jsons: no secure connection (certificate or TLS)"


def test_a_server_that_does_not_take_connections_in_time_got_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "CONNECT_TIMEOUT", 0.2)
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            error = refused(f"json://127.0.0.1:{port}/")
    assert error.message == "json: no connection in time"
    assert not isinstance(error, deliver.UnansweredError)


def test_a_chunked_answer_is_read() -> None:
    chunked = Answer(body=b"2\r\nok\r\n0\r\n\r\n", headers={"Transfer-Encoding": "chunked"})
    with WebhookSink(chunked) as sink:
        deliver.send(sink.apprise_url(), delivery())


@pytest.mark.parametrize(
    ("header", "date", "seconds"),
    [
        ("7", None, 7.0),
        (" 7 ", None, 7.0),
        ("999999999999", None, 86_400.0),
        ("Sat, 21 Nov 2026 12:01:00 GMT", "Sat, 21 Nov 2026 12:00:00 GMT", 60.0),
        ("Sat, 21 Nov 2026 11:00:00 GMT", "Sat, 21 Nov 2026 12:00:00 GMT", 0.0),
        ("Sat, 21 Nov 2026 12:01:00 GMT", None, None),
        ("Sat, 21 Nov 2026 12:01:00 -0000", "Sat, 21 Nov 2026 12:00:00 GMT", 60.0),
        ("soon", None, None),
        ("-5", None, None),
        ("²", None, None),
        (None, None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, date: str | None, seconds: float | None) -> None:
    assert answers.retry_after(header, date) == seconds

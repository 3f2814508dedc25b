"""What a mail server answered: the code of its refusal, and which recipients it took; apprise tells neither.

As with HTTP (`answers`), the standard library is observed for the sends that ask for it and left alone otherwise
(reliability.md row 114). Must not know what is sent.
"""

from __future__ import annotations

import smtplib
from collections.abc import Sequence
from functools import lru_cache, wraps
from typing import Any

from monitor.alert import answers, recipients


@lru_cache(maxsize=1)
def watch_smtplib() -> None:
    """Begin to observe `smtplib`; once per process."""
    login, sendmail = smtplib.SMTP.login, smtplib.SMTP.sendmail

    @wraps(login)
    def observed_login(server: Any, *args: Any, **options: Any) -> Any:
        answer = answers.present()
        try:
            return login(server, *args, **options)
        except smtplib.SMTPResponseException as error:
            if answer is not None:
                answer.mail(error.smtp_code)
            raise

    @wraps(sendmail)
    def observed_sendmail(server: Any, sender: str, to: Any, *args: Any, **options: Any) -> Any:
        answer, accepted = answers.present(), recipients.present()
        if answer is None or accepted is None:
            return sendmail(server, sender, to, *args, **options)
        left = [each for each in ([to] if isinstance(to, str) else to) if ("mail", each) not in accepted]
        if not left:
            return {}
        try:
            refused = sendmail(server, sender, left, *args, **options)
        except (OSError, smtplib.SMTPException) as error:
            _note(answer, error)
            raise
        _took(accepted, left, refused)
        for code, _ in refused.values():
            answer.mail(code)
        return refused

    smtplib.SMTP.login = observed_login  # type: ignore[assignment, method-assign]  # the observation is the point
    smtplib.SMTP.sendmail = observed_sendmail  # type: ignore[assignment, method-assign]  # as above


def _took(accepted: recipients.Accepted, asked: Sequence[str], refused: Any) -> None:
    for each in asked:
        if each not in refused:
            accepted.add(("mail", each))


def _note(answer: answers.Answer, error: Exception) -> None:
    """Keep what a refused mail means: its recipients, its sender or the mail itself; no answer is no refusal."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        for code, _ in error.recipients.values():
            answer.mail(code)
    elif isinstance(error, smtplib.SMTPResponseException):
        answer.mail(error.smtp_code, content=isinstance(error, smtplib.SMTPDataError))
    elif isinstance(error, OSError):
        answer.failure, answer.uncertain = "the connection broke off before an answer", True

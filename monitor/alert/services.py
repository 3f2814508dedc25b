"""Notification services: an apprise URL becomes one service that can be sent to, or one clear reason why it cannot.

The only module that imports apprise. Its words never hold a URL or a part of one: URLs are bearer secrets, and apprise
itself logs them (reliability.md finding 8). Must not know watches, targets' names or the outbox.
"""

from __future__ import annotations

import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from monitor.alert import discretion, recipients
from monitor.errors import MonitorError

# Services that act on this machine instead of a network: they run programs, open desktop windows or write system logs
# (reliability.md part 3, row 59).
LOCAL = frozenset({"blink1", "dbus", "gio", "glib", "gnome", "kde", "macosx", "qt", "syslog", "windows"})

CONNECT_TIMEOUT = 10.0  # seconds; a URL's own `cto` and `rto` win
READ_TIMEOUT = 20.0

_loading = threading.Lock()
_MQTT_5 = re.compile(r"[?&]version=v?5", re.IGNORECASE)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,30})://")


class ServiceError(MonitorError):
    """A URL that apprise cannot send to; names the scheme, never the URL."""

    exit_code = 2


def scheme(url: str) -> str | None:
    """Return the scheme of a URL in lower case, or None where there is none."""
    found = _SCHEME.match(url.strip())
    return found[1].lower() if found else None


def open_service(url: str) -> Any:
    """Return an Apprise object that holds exactly the one service of `url`; raises ServiceError."""
    apprise = _apprise()
    named = scheme(url)
    if named is None:
        raise ServiceError(
            "not an apprise URL: it has no scheme", hint="a URL begins like mailto://, ntfys:// or slack://"
        )
    _refuse_unavailable(named)
    with discretion.hiding(url):
        service = apprise.Apprise.instantiate(url.strip(), asset=_asset())
    if service is None:
        raise _unreadable(named, url)
    actual = str(service.schema or named).lower()
    if actual in LOCAL:
        raise _local(actual)
    kind = type(service)
    if service.socket_connect_timeout == kind.socket_connect_timeout:
        service.socket_connect_timeout = CONNECT_TIMEOUT
    if service.socket_read_timeout == kind.socket_read_timeout:
        service.socket_read_timeout = READ_TIMEOUT
    service.retry = 0  # repeating is the outbox's, which remembers, waits and marks; `retry=` of a URL does not win
    service.redirects = False  # a URL's own `redirect=yes` does not win (reliability.md row 119)
    if actual in {"mqtt", "mqtts"}:
        service.qos = max(1, service.qos)  # with 0, apprise's default, no broker says that it took a message (C6)
    opened = apprise.Apprise(asset=_asset())
    opened.add(service)
    return opened


def schemes(service: Any) -> frozenset[str]:
    """Return every scheme under which apprise knows the kind of a service."""
    names = [service.protocol, service.secure_protocol]
    return frozenset(
        str(each) for name in names if name for each in (name if isinstance(name, list | tuple | set) else [name])
    )


def written(service: Any, body: str) -> str:
    """Return a plain text as apprise writes it for a service: in its Markdown, escaped; HTML is counted as it reads."""
    from apprise import conversion
    from apprise.common import NotifyFormat

    convert: Any = conversion.convert_between  # untyped
    kind = service.resolve_format("text")
    if kind is NotifyFormat.HTML:
        return body
    text = convert(NotifyFormat.TEXT, kind, body) if kind is NotifyFormat.MARKDOWN else body
    return str(service.dialect_convert(text, kind))


@contextmanager
def remembering(accepted: recipients.Accepted) -> Iterator[None]:
    """Let the sends of this thread leave out the recipients that are in `accepted`, and add who takes the message."""
    from apprise.plugins import base

    token = base._delivery_tracker.set(accepted)  # type: ignore[arg-type]  # noqa: SLF001 - apprise has no other door
    try:
        with recipients.remembered(accepted):
            yield
    finally:
        base._delivery_tracker.reset(token)  # noqa: SLF001 - as above


def _refuse_unavailable(named: str) -> None:
    """Raise ServiceError for a service that is local, or whose library is not installed."""
    if named in LOCAL:
        raise _local(named)
    services = _catalogue()
    if named in services and not services[named].enabled:
        needs = services[named].requirements.get("packages_required") or []
        names = [needs] if isinstance(needs, str) else [str(package) for package in needs]
        hint = f"install {', '.join(names)}" if names else None
        raise ServiceError(f"{named}:// cannot be used here: what it needs is not installed", hint=hint)


def _unreadable(named: str, url: str) -> ServiceError:
    from monitor.files.problems import did_you_mean

    services = _catalogue()
    if named in {"mqtt", "mqtts"} and _MQTT_5.search(url):
        # apprise 2.2 gives paho-mqtt a `clean_session`, which that refuses for MQTT 5
        return ServiceError(
            f"{named}:// does not work with version 5 of MQTT", hint="leave version= out: 3.1.1 is used"
        )
    if named in services:
        return ServiceError(f"not a usable {named}:// URL", hint=f"see https://appriseit.com/services/ for {named}://")
    known = (word for word in services.schemas() if word not in LOCAL)
    return ServiceError(f"{named}:// is no notification service that apprise knows", hint=did_you_mean(named, known))


def _local(named: str) -> ServiceError:
    return ServiceError(
        f"{named}:// acts on this machine and is not allowed", hint="name a service that is reached over the network"
    )


def _apprise() -> Any:
    """Return apprise, loaded once even when several threads send first."""
    with _loading:
        return _loaded()


@lru_cache(maxsize=1)
def _loaded() -> Any:
    """Import apprise once, with its loggers silenced before it can speak."""
    from monitor.alert import answers, mail

    discretion.impose()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # apprise tries modules that newer Pythons no longer have
        import apprise

        _catalogue().schemas()  # load the services now, under our lock
    answers.watch_requests()
    mail.watch_smtplib()
    return apprise


def _catalogue() -> Any:
    """Return apprise's register of services by scheme."""
    from apprise import manager_plugins

    manager: Any = manager_plugins.NotificationManager  # untyped
    return manager()


def _asset() -> Any:
    """Return the settings of every send: plain text, nothing interpreted, nothing stored."""
    asset = _apprise().AppriseAsset(
        async_mode=False,
        service_timeout=0,
        allow_templates=False,
        storage_mode="memory",
        body_format="text",
        interpret_escapes=False,
        interpret_emojis=False,
        http_redirects=False,
        secure_logging=True,
        pgp_autogen=False,
        pem_autogen=False,
    )
    asset.app_id = "goal-monitor"
    asset.app_desc = "goal-monitor"
    asset.app_url = ""
    return asset

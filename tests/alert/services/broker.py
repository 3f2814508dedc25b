"""A real MQTT broker (mosquitto), started by a test on a free port, and a subscriber that keeps what it is sent."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

USER, PASSWORD = "reader", "Canary4711-mqtt"


def program(name: str) -> str:
    """Return the path of a program of Debian's mosquitto; the broker is in sbin, which is not on everybody's path."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    assert found, f"{name} is not installed: `make test` installs mosquitto as root on Debian, else install it by hand"
    return found


class Broker:
    """A broker on 127.0.0.1; `with` starts it, on the same port each time. With `closed`, only USER may connect."""

    def __init__(self, folder: Path, *, closed: bool = False) -> None:
        folder.mkdir(exist_ok=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._config = folder / "mosquitto.conf"
        lines = [f"listener {self.port} 127.0.0.1", "persistence false", "log_dest stdout"]
        lines += ["user root"]  # as root it would become a user who cannot read our files; otherwise it says nothing
        if closed:
            words = folder / "passwords"
            subprocess.run(
                [program("mosquitto_passwd"), "-b", "-c", str(words), USER, PASSWORD], check=True, timeout=20
            )
            lines += [f"password_file {words}"]
        else:
            lines += ["allow_anonymous true"]
        self._config.write_text("\n".join(lines) + "\n")

    def url(self, topic: str = "alerts/espresso", login: str = "", query: str = "") -> str:
        return f"mqtt://{login}127.0.0.1:{self.port}/{topic}{query}"

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [program("mosquitto"), "-c", str(self._config)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        until = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                assert self._process.poll() is None, self._process.communicate()[0]
                assert time.monotonic() < until, "the broker does not come up"
                time.sleep(0.02)
            else:
                return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self.log = self._process.communicate(timeout=20)[0]

    @contextmanager
    def subscriber(self, topic: str = "#", *, login: bool = False) -> Iterator[Subscriber]:
        found = Subscriber(self.port, topic, login=login)
        try:
            yield found
        finally:
            found.end()


class Subscriber:
    """A client that is subscribed with QoS 1 once it is made."""

    def __init__(self, port: int, topic: str, *, login: bool) -> None:
        from paho.mqtt import client as mqtt
        from paho.mqtt.enums import CallbackAPIVersion

        self.received: list[tuple[str, str]] = []
        self._arrived = threading.Condition()
        subscribed = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2)
        if login:
            self._client.username_pw_set(USER, PASSWORD)
        self._client.on_connect = lambda client, *_: client.subscribe(topic, qos=1)
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.on_message = self._keep
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert subscribed.wait(20), "the broker took no subscription"

    def _keep(self, _client: Any, _data: Any, message: Any) -> None:
        with self._arrived:
            self.received.append((message.topic, message.payload.decode()))
            self._arrived.notify_all()

    def wait_for(self, count: int, seconds: float = 20.0) -> list[tuple[str, str]]:
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.received) >= count, seconds), f"{self.received}"
            return list(self.received)

    def end(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

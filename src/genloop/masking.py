"""Secrets out of what people are shown: logins in addresses, and what the environment holds for logging in."""

import base64
import os
import re
from collections.abc import Iterator
from urllib.parse import unquote

MASK = "***"
LOGIN = re.compile(r"(?<=//)[^\s/]*@")  # user:password@ in an address
SECRET = re.compile(r"(^|_)(TOKEN|PASSWORD|PASSWD|SECRET|CREDENTIALS?|API_KEY|ACCESS_KEY)(_|$)")  # of variables
USER, PASSWORD = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"


def describe(error: BaseException, most: int = 300) -> str:
    """Return what an error says in one line of about so many characters at most, without secrets."""
    text = mask_secrets(" ".join(str(error).split())) or type(error).__name__
    half = most // 2
    return text if len(text) <= most else f"{text[:half]} ... {text[-half:]}"  # the cause stands at the end


def mask_secrets(text: str) -> str:
    """Return the text with stars for logins in addresses and for each secret that the environment holds."""
    shown = LOGIN.sub(f"{MASK}@", text)
    for secret in sorted(environment_secrets(), key=len, reverse=True):
        # Whole words only: a password "a" must not turn every line into stars.
        shown = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", MASK, shown)
    return shown


def environment_secrets() -> set[str]:
    """Return what the environment holds for logging in, in whatever form it may appear."""
    return set(_secrets())


def without_login(address: str) -> str:
    """Return an address as it may be shown: without user and password."""
    return LOGIN.sub("", address)


def _secrets() -> Iterator[str]:
    for name, value in os.environ.items():
        if value and (name == USER or SECRET.search(name)):
            yield value
        start, _, rest = value.rpartition("@")
        if rest and "://" in start:
            login = start.partition("://")[2]
            yield from _forms(*login.partition(":")[::2])
    yield from _forms(os.environ.get(USER, ""), os.environ.get(PASSWORD, ""))


def _forms(user: str, password: str) -> Iterator[str]:
    """Yield how a login may appear: as it is written, as it is meant, in parts, and as it is sent."""
    for one, other in ((user, password), (unquote(user), unquote(password))):
        yield from (part for part in (one, other, *re.split("[/@:]", other)) if part)
        if one and other:
            yield base64.b64encode(f"{one}:{other}".encode()).decode()

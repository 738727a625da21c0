"""The one place where OpenAI-compatible clients are made, and where their failures become our errors."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from configs.errors import ServerBusy, ServerError, ServerGarbled, ServerRefused, ServerUnreachable

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from pydantic import SecretStr

# Servers without authentication ignore the key, but the client insists on one.
_NO_KEY = "none"
_MAX_REASON = 300


def make_client(url: str, api_key: SecretStr | None, timeout: float, *, retries: int) -> AsyncOpenAI:
    """A client for one server. It repeats what failed `retries` times, with growing, jittered waits.

    Ingest can wait and asks for some; a reader cannot, and is told at once.
    """
    from openai import AsyncOpenAI

    return AsyncOpenAI(
        base_url=url, api_key=api_key.get_secret_value() if api_key else _NO_KEY, timeout=timeout, max_retries=retries
    )


def explain(error: Exception, role: str, client: AsyncOpenAI, setting: str) -> ServerError:
    """Any failure of a call to `client` as one of our errors.

    Args:
        error: what the call raised.
        role: what the server is for, as the message names it ("embedding", "generation").
        client: whose key must not appear in the message, and whose address must.
        setting: the section that holds its url and key.
    """
    import openai

    where = str(client.base_url).rstrip("/")
    said = _reason(error, client)
    if isinstance(error, openai.APITimeoutError) or _is_httpx(error, "TimeoutException"):
        return ServerUnreachable(
            f"the {role} server did not answer in time",
            where=where,
            fix=f"See whether it is overloaded, or raise {setting}.timeout.",
        )
    # openai 3 wraps what breaks a stream as well as what keeps it from starting.
    cut = error.__cause__ is not None and any(
        _is_httpx(error.__cause__, n) for n in ("ReadError", "RemoteProtocolError")
    )
    if isinstance(error, openai.APIConnectionError) and not cut:
        return ServerUnreachable(
            f"the {role} server does not answer",
            where=where,
            fix=f"Start it (citewell serve {role}), or correct {setting}.url.",
        )
    if isinstance(error, openai.APIConnectionError) or _is_httpx(error, "TransportError"):
        return ServerUnreachable(
            f"the {role} server broke off in mid-answer",
            where=where,
            fix="Ask again; see the server's log if it goes on.",
        )
    if isinstance(error, (openai.AuthenticationError, openai.PermissionDeniedError)):
        return ServerRefused(
            f"the {role} server refuses the API key", where=where, fix=f"Set CITEWELL_{setting.upper()}__API_KEY."
        )
    if isinstance(error, openai.NotFoundError):
        return ServerRefused(
            f"the {role} server knows no such model or path ({said})",
            where=where,
            fix=f"Correct {setting}.model or {setting}.url (it usually ends in /v1).",
        )
    if (
        isinstance(error, openai.RateLimitError)
        or getattr(error, "status_code", None) == 503
        or _stream_code(error) in (429, 503)
    ):
        return ServerBusy(f"the {role} server is overloaded ({said})", where=where, fix="Try again in a while.")
    if isinstance(error, openai.InternalServerError):
        return ServerError(
            f"the {role} server failed ({error.status_code}: {said})", where=where, fix="See the server's log."
        )
    if isinstance(error, openai.APIStatusError):
        fix = "Lower generation.context_tokens or retrieval.limit." if "context length" in said else ""
        return ServerRefused(f"the {role} server answered {error.status_code}: {said}", where=where, fix=fix)
    if isinstance(error, openai.APIResponseValidationError) or not isinstance(error, openai.OpenAIError):
        return ServerGarbled(
            f"the {role} server's answer is not what the OpenAI protocol says ({said})",
            where=where,
            fix=f"Is {setting}.url an OpenAI-compatible server?",
        )
    return ServerError(f"the {role} server failed: {said}", where=where)


def _is_httpx(error: BaseException, name: str) -> bool:
    """Whether it is httpx's error of that name; openai 3 brings an httpx of its own (httpx2), openai 2 the common one."""
    return any(cls.__name__ == name and cls.__module__.startswith("httpx") for cls in type(error).__mro__)


def _reason(error: Exception, client: AsyncOpenAI) -> str:
    """What the server said, on one line, cut short, without the key."""
    body = getattr(error, "body", None)
    said = body.get("message") if isinstance(body, dict) else None
    text = " ".join(str(said or getattr(error, "message", None) or error or type(error).__name__).split())
    if client.api_key != _NO_KEY and client.api_key:
        text = text.replace(client.api_key, "***")
    return text if len(text) <= _MAX_REASON else text[:_MAX_REASON] + "…"


def _stream_code(error: Exception) -> int | None:
    """The status inside a 200 stream: SGLang reports an overload as `data: {"error": {"code": 503}}`."""
    body = getattr(error, "body", None)
    if isinstance(body, str):
        try:
            body = json.loads(body)
        except ValueError:
            return None
    code = body.get("code") if isinstance(body, dict) else None
    return code if isinstance(code, int) else None

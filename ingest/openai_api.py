"""The one place where OpenAI-compatible clients are made, and where their failures become our errors."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from configs.errors import ServerBusy, ServerError, ServerGarbled, ServerRefused, ServerUnreachable

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from pydantic import SecretStr

# Servers without authentication ignore the key, but the client insists on one.
_NO_KEY = "none"
_MAX_REASON = 300
# Answers that say "try once more" with a status of a client's fault: timed out, a part behind it failed (TEI).
_NOT_OUR_FAULT = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.FAILED_DEPENDENCY)
# In whose words a model is unknown, a text too long or a size of vectors not to be had: SGLang's, vLLM's, Infinity's,
# TEI's, Ollama's; llama.cpp and Ollama say "too long" with a 500.
_NO_SUCH_MODEL = re.compile(r"\bmodel\b.*(does not exist|not found)", re.IGNORECASE)
_TOO_LONG = re.compile(
    r"context (length|size)|too (large|long)\b|longer than|(at most|less than) \d+ (tokens|characters)", re.IGNORECASE
)
_OTHER_SIZE = re.compile(r"matryoshka|\bdimensions\b", re.IGNORECASE)


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
    if isinstance(error, openai.NotFoundError) or (
        isinstance(error, openai.BadRequestError) and _NO_SUCH_MODEL.search(said)
    ):
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
    if isinstance(error, openai.APIStatusError):
        if error.status_code in _NOT_OUR_FAULT or (
            isinstance(error, openai.InternalServerError) and not _TOO_LONG.search(said)
        ):
            return ServerError(
                f"the {role} server failed ({error.status_code}: {said})", where=where, fix="See the server's log."
            )
        return ServerRefused(
            f"the {role} server answered {error.status_code}: {said}", where=where, fix=_remedy(said, setting)
        )
    if isinstance(error, openai.APIResponseValidationError) or not isinstance(error, openai.OpenAIError):
        return ServerGarbled(
            f"the {role} server's answer is not what the OpenAI protocol says ({said})",
            where=where,
            fix=f"Is {setting}.url an OpenAI-compatible server?",
        )
    return ServerError(f"the {role} server failed: {said}", where=where)


def _remedy(said: str, setting: str) -> str:
    """What to do about a refusal, by what the server said; empty where that says nothing known."""
    if setting == "embedding" and _OTHER_SIZE.search(said):
        return "Unset embedding.dimensions, or start the server so that it gives fewer (SGLang, vLLM: is_matryoshka)."
    if _TOO_LONG.search(said):
        lower = "chunking.size" if setting == "embedding" else "generation.context_tokens or retrieval.limit"
        return f"Lower {lower}."
    return ""


def _is_httpx(error: BaseException, name: str) -> bool:
    """Whether it is httpx's error of that name; openai 3 brings an httpx of its own (httpx2), openai 2 the common one."""
    return any(cls.__name__ == name and cls.__module__.startswith("httpx") for cls in type(error).__mro__)


def _reason(error: Exception, client: AsyncOpenAI) -> str:
    """What the server said, on one line, cut short, without the key."""
    body = getattr(error, "body", None)
    said = (body.get("message") or _detail(body.get("detail"))) if isinstance(body, dict) else None
    text = " ".join(str(said or getattr(error, "message", None) or error or type(error).__name__).split())
    if client.api_key != _NO_KEY and client.api_key:
        text = text.replace(client.api_key, "***")
    return text if len(text) <= _MAX_REASON else text[:_MAX_REASON] + "…"


def _detail(detail: object) -> str | None:
    """FastAPI's own form of a refusal, without the input that it repeats: a text, or a list of what is wrong with it."""
    if isinstance(detail, list):
        return "; ".join(str(one.get("msg")) for one in detail if isinstance(one, dict))
    return detail if isinstance(detail, str) else None


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

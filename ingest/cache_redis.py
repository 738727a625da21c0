"""The embedding cache on a Redis server, shared by machines; each vector lives for `cache.ttl_days`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from configs.errors import CacheUnusable, NotInstalled, SettingsError

if TYPE_CHECKING:
    from types import TracebackType

    from redis.asyncio import Redis

    from configs.settings import CacheSettings

_PREFIX = b"citewell:"
_DAY = 86_400
# Keys removed in one call.
_PAGE = 1_000


class RedisStore:
    """See `ingest.embedding_cache.Store`."""

    def __init__(self, settings: CacheSettings) -> None:
        self._url = settings.url
        self._seconds = max(1, round(settings.ttl_days * _DAY))
        self._client = _client(settings)

    async def get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """See `Store.get`."""
        with _Explained(self._url):
            return list(await self._client.mget([_PREFIX + key for key in keys]))

    async def put(self, pairs: Sequence[tuple[bytes, bytes]]) -> None:
        """See `Store.put`."""
        with _Explained(self._url):
            async with self._client.pipeline(transaction=False) as pipeline:
                for key, vector in pairs:
                    pipeline.set(_PREFIX + key, vector, ex=self._seconds)
                await pipeline.execute()

    async def clear(self) -> None:
        """See `Store.clear`: of all who share this server, for theirs are the same."""
        with _Explained(self._url):
            page: list[bytes] = []
            async for key in self._client.scan_iter(match=_PREFIX + b"*", count=_PAGE):
                page.append(key)
                if len(page) >= _PAGE:
                    await self._client.unlink(*page)
                    page = []
            if page:
                await self._client.unlink(*page)

    async def state(self) -> str:
        """See `Store.state`."""
        with _Explained(self._url):
            told = await self._client.info()
        return f"{self._url}: Redis {told['redis_version']}, {told['used_memory_human']} in use by all that it holds"

    async def close(self) -> None:
        """See `Store.close`."""
        with _Explained(self._url):
            await self._client.aclose()


def _client(settings: CacheSettings) -> Redis:
    try:
        from redis.asyncio import Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff
    except ImportError:
        raise NotInstalled(
            "a cache on Redis needs its client",
            fix="pip install 'citewell[redis]' (in a checkout: pip install -e '.[redis]')",
        ) from None
    try:
        return Redis.from_url(
            settings.url,
            password=settings.api_key.get_secret_value() if settings.api_key else None,
            socket_timeout=settings.timeout,
            socket_connect_timeout=settings.timeout,
            retry=Retry(NoBackoff(), 1),
        )
    except ValueError as error:
        raise SettingsError(
            f"cache.url is no address of a Redis: {error}", fix="For example: redis://localhost:6379/0"
        ) from None


class _Explained:
    """What the client raises, as our error; the password is in none of it."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        from redis.exceptions import AuthenticationError, RedisError

        if isinstance(error, AuthenticationError):
            raise CacheUnusable(
                "Redis refuses the password", where=self._url, fix="Set CITEWELL_CACHE__API_KEY."
            ) from error
        if isinstance(error, (RedisError, OSError)):
            raise CacheUnusable(
                f"Redis does not do its part ({type(error).__name__})",
                where=self._url,
                fix="Start it, correct cache.url, or set cache.kind to none.",
            ) from error

"""The store that the settings name."""

from __future__ import annotations

from reelscope_gateway.settings import GatewayRuntimeSettings
from reelscope_gateway.store.base import ClipStore, Incoming
from reelscope_gateway.store.file import FileStore
from reelscope_gateway.store.nats import NatsStore
from reelscope_gateway.store.s3 import S3Store
from reelscope_runtime.bus.base import Bus


def clip_store(settings: GatewayRuntimeSettings, bus: Bus) -> ClipStore:
    """Makes it.

    Raises:
        InvalidRequestError: It is set up incompletely.
    """
    incoming = Incoming(settings.media.root)
    if settings.gateway.store == "nats":
        return NatsStore(bus.media, incoming)
    if settings.gateway.store == "s3":
        return S3Store(settings.gateway.s3, incoming)
    return FileStore(settings.media.root, incoming)

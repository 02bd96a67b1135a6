"""Who can do what: the analyzers that services have announced."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from reelscope.analysis.v1.analysis_pb2 import AnalyzerInfo, ListAnalyzersResponse
from reelscope_runtime.bus.base import Bus
from reelscope_runtime.errors import UnknownAnalyzerError

POLL_S = 0.1
"""How often announcements are looked at while waiting for one."""


class AnalyzerDirectory:
    """Reads announcements, and remembers those of services that have gone quiet, so that their analyzers are reported as
    unavailable and not as unknown.

    Args:
        bus: Where services announce themselves.
        expected: Services that belong to this installation.
        wait_s: How long to wait for an expected service that has not announced itself yet.
    """

    def __init__(self, bus: Bus, *, expected: Sequence[str], wait_s: float) -> None:
        self._bus = bus
        self._expected = tuple(expected)
        self._wait_s = wait_s
        self._remembered: dict[str, list[AnalyzerInfo]] = {}

    async def living(self) -> dict[str, list[AnalyzerInfo]]:
        """Analyzers by service, of the services that are alive."""
        living: dict[str, list[AnalyzerInfo]] = {}
        for service, payload in sorted((await self._bus.announcements()).items()):
            living[service] = list(ListAnalyzersResponse.FromString(payload).analyzers)
            for analyzer in living[service]:
                analyzer.service = service
        self._remembered.update(living)
        return living

    async def missing(self) -> list[str]:
        """Expected services that are not alive."""
        living = await self.living()
        return [service for service in self._expected if service not in living]

    async def known(self) -> dict[str, AnalyzerInfo]:
        """Every analyzer that we know of, by name, in the order of the services and of their lists; those of an expected
        service that is not alive are marked as not available."""
        living = await self.living()
        known: dict[str, AnalyzerInfo] = {}
        order = [*self._expected, *(service for service in living if service not in self._expected)]
        for service in order:
            for analyzer in living.get(service, ()):
                known.setdefault(analyzer.name, analyzer)
            if service in living:
                continue
            for analyzer in self._remembered.get(service, ()):
                silent = AnalyzerInfo()
                silent.CopyFrom(analyzer)
                silent.available = False
                silent.unavailable_reason = f"the {service} service does not answer"
                known.setdefault(analyzer.name, silent)
        return known

    async def select(self, names: Sequence[str]) -> list[str]:
        """The analyzers that a request means: those named, each once, or all. Waits a little for services that are just
        starting; may be empty for "all" where none has announced itself at all.

        Raises:
            UnknownAnalyzerError: A name that no service has ever announced.
        """
        wanted = list(dict.fromkeys(names))
        known = await self._settled(lambda known: bool(wanted) and all(name in known for name in wanted))
        unknown = [name for name in wanted if name not in known]
        if unknown:
            missing = await self.missing()
            silent = f"; silent services, whose analyzers may be missing here: {', '.join(missing)}" if missing else ""
            raise UnknownAnalyzerError(
                f"there is no analyzer {', '.join(repr(name[:60]) for name in unknown[:5])}; there are: "
                f"{', '.join(sorted(known)) or 'none'}{silent}"
            )
        return wanted or list(known)

    async def settled(self, names: Sequence[str]) -> dict[str, AnalyzerInfo]:
        """What is known once all these names are, or once waiting for them has lasted long enough."""
        return await self._settled(lambda known: all(name in known and known[name].available for name in names))

    async def _settled(self, enough: Callable[[dict[str, AnalyzerInfo]], bool]) -> dict[str, AnalyzerInfo]:
        loop = asyncio.get_running_loop()
        until = loop.time() + self._wait_s
        while True:
            known = await self.known()
            if enough(known) or not await self.missing() or loop.time() >= until:
                return known
            await asyncio.sleep(POLL_S)

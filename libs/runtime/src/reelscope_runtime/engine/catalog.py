"""The analyzers and features of one service, checked when it starts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from graphlib import CycleError, TopologicalSorter

from reelscope.analysis.v1.analysis_pb2 import Segment, Summary
from reelscope_runtime.engine.node import Analyzer, AnyNode, Feature
from reelscope_runtime.errors import InternalError, UnknownAnalyzerError


class Catalog:
    """Every node by its name.

    Args:
        features: Nodes that others may require.
        analyzers: Nodes that callers may ask for.

    Raises:
        InternalError: A name is there twice, a requirement is unknown, requirements go in a circle, an input at a node's end
            is none, or an analyzer's detail is no field of Segment and Summary: the service must not start.
    """

    def __init__(self, features: Iterable[type[Feature]], analyzers: Iterable[type[Analyzer]]) -> None:
        self.analyzers: dict[str, type[Analyzer]] = {}
        self.nodes: dict[str, type[AnyNode]] = {}
        for feature in features:
            self._add(feature)
        for analyzer in analyzers:
            self._add(analyzer)
            self.analyzers[analyzer.name] = analyzer
            for message in (Segment, Summary):
                if analyzer.detail not in message.DESCRIPTOR.fields_by_name:
                    raise InternalError(f"{analyzer.name}: its detail {analyzer.detail!r} is no field of {message.__name__}")
        for node in self.nodes.values():
            self._check_inputs(node)
        try:
            order = TopologicalSorter({name: node.inputs() for name, node in self.nodes.items()}).static_order()
            self._order = tuple(order)
        except CycleError as error:
            raise InternalError(f"requirements go in a circle: {' -> '.join(error.args[1])}") from error

    def _add(self, node: type[AnyNode]) -> None:
        if node.name in self.nodes:
            other = self.nodes[node.name]
            raise InternalError(f"two nodes are named {node.name!r}: {other.__qualname__} and {node.__qualname__}")
        self.nodes[node.name] = node

    def _check_inputs(self, node: type[AnyNode]) -> None:
        for name in node.inputs():
            if name not in self.nodes:
                raise InternalError(f"{node.name} requires {name!r}, which is no feature or analyzer of this service")
        for name in node.at_end:
            if name not in node.inputs() or node.lookback_s < math.inf:
                raise InternalError(f"{node.name}: {name!r} at its end must be an input, and its lookback_s infinite")

    def select(self, names: Sequence[str]) -> tuple[str, ...]:
        """The analyzers that a caller asked for, without repetition; all of them where it named none.

        Raises:
            UnknownAnalyzerError: One of them is not ours.
        """
        for name in names:
            if name not in self.analyzers:
                known = ", ".join(sorted(self.analyzers))
                raise UnknownAnalyzerError(f"no analyzer {name!r} here; there are: {known}")
        return tuple(dict.fromkeys(names or self.analyzers))

    def closure(self, names: Iterable[str], *, wanted: bool = True) -> tuple[type[AnyNode], ...]:
        """The named nodes and all that they rest on, each after what it takes.

        Args:
            names: Of nodes.
            wanted: Whether what a node merely wants counts too.
        """
        found: set[str] = set()
        open_names = list(names)
        while open_names:
            name = open_names.pop()
            if name not in found:
                found.add(name)
                node = self.nodes[name]
                open_names.extend(node.inputs() if wanted else node.requires)
        return tuple(self.nodes[name] for name in self._order if name in found)

    def version_of(self, name: str) -> str:
        """The analyzer's version and, since they shape its result as much, those of the nodes that it rests on."""
        kinds = self.closure([name])
        return "+".join([self.nodes[name].version, *(f"{kind.name}.{kind.version}" for kind in kinds if kind.name != name)])

    def streams(self, name: str) -> frozenset[str]:
        """Which streams of the media ("video", "audio") the node looks at, itself or through what it requires."""
        streams: set[str] = set()
        for node in self.closure([name], wanted=False):
            if node.frames is not None:
                streams.add("video")
            if node.audio is not None:
                streams.add("audio")
        return frozenset(streams)

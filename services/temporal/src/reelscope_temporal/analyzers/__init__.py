"""The temporal service's analyzers."""

from reelscope_temporal.analyzers.qwen2_vl_temporal import Qwen2VlTemporal

ANALYZERS = (Qwen2VlTemporal,)

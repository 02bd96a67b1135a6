"""What the temporal analyzers look at: `samples` measures a few small frames a second, `subjects` names what is in them."""

from reelscope_temporal.features.samples import Samples
from reelscope_temporal.features.subjects import Subjects

FEATURES = (Samples, Subjects)

"""Integrated loudness after ITU-R BS.1770-4, and bringing a signal to a target under a ceiling.

Signals are float64, shape (channels, samples), full scale 1.
"""

import numpy as np
import numpy.typing as npt

Signal = npt.NDArray[np.float64]

BLOCK_S = 0.4
HOP_S = 0.1
ABSOLUTE_GATE_LUFS = -70.0
RELATIVE_GATE_LU = -10.0
_OFFSET = -0.691  # BS.1770-4: makes a 997 Hz sine in one channel read its level
_LIMITER_WINDOW_S = 0.004
_PASSES = 4  # limiting costs a little loudness, which the next pass gives back


def integrated_lufs(signal: Signal, rate: int) -> float:
    """Return the gated loudness in LUFS; -inf for silence."""
    weighted = np.fft.irfft(np.fft.rfft(signal) * _k_weighting(signal.shape[1], rate), signal.shape[1])
    block, hop = round(BLOCK_S * rate), round(HOP_S * rate)
    energy = np.cumsum(np.pad((weighted**2).sum(axis=0), (1, 0)))
    starts = np.arange(0, signal.shape[1] - block + 1, hop)
    power = (energy[starts + block] - energy[starts]) / block
    power = power[_lufs(power) > ABSOLUTE_GATE_LUFS]
    if power.size == 0:
        return -np.inf
    gate = _lufs(power.mean()) + RELATIVE_GATE_LU
    return float(_lufs(power[_lufs(power) > gate].mean()))


def master(signal: Signal, rate: int, *, target_lufs: float, ceiling: float) -> Signal:
    """Return the signal at `target_lufs` (to 0.1 LU), its samples limited to +-`ceiling`."""
    for _ in range(_PASSES):
        gain = 10.0 ** ((target_lufs - integrated_lufs(signal, rate)) / 20.0)
        signal = limit(signal * gain, rate, ceiling=ceiling)
    return signal


def limit(signal: Signal, rate: int, *, ceiling: float) -> Signal:
    """Return the signal, its peaks turned down to `ceiling` by a smooth gain that looks ahead."""
    half = round(_LIMITER_WINDOW_S * rate)
    wanted = np.minimum(1.0, ceiling / np.maximum(np.abs(signal).max(axis=0), 1e-9))
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(wanted, 2 * half, mode="edge"), 2 * half + 1)
    held = windows.min(axis=1)
    window = np.hanning(2 * half + 3)[1:-1]
    return signal * np.convolve(held, window / window.sum(), mode="valid")


def _lufs(power: npt.ArrayLike) -> npt.NDArray[np.float64]:
    return np.asarray(_OFFSET + 10.0 * np.log10(np.maximum(power, 1e-30)))


def _k_weighting(length: int, rate: int) -> npt.NDArray[np.complex128]:
    """Return the K-weighting's response on `rfft`'s frequencies, from its two analogue prototypes.

    The constants are those from which the standard's 48 kHz coefficients follow (De Man, "Evaluation of
    implementations of the EBU R128 loudness measurement", 2018).
    """
    z = np.exp(-2j * np.pi * np.arange(length // 2 + 1) / length)
    k = np.tan(np.pi * 1681.9744509555319 / rate)
    q, gain = 0.7071752369554196, 10.0 ** (3.99984385397 / 20.0)
    root = gain**0.499666774155
    shelf = _biquad(
        z,
        (gain + root * k / q + k * k, 2.0 * (k * k - gain), gain - root * k / q + k * k),
        (1.0 + k / q + k * k, 2.0 * (k * k - 1.0), 1.0 - k / q + k * k),
    )
    k = np.tan(np.pi * 38.13547087613982 / rate)
    q = 0.5003270373238773
    highpass = _biquad(z, (1.0, -2.0, 1.0), (1.0 + k / q + k * k, 2.0 * (k * k - 1.0), 1.0 - k / q + k * k))
    return np.asarray(shelf * highpass * (1.0 + k / q + k * k), dtype=np.complex128)


def _biquad(
    z: npt.NDArray[np.complex128], b: tuple[float, float, float], a: tuple[float, float, float]
) -> npt.NDArray[np.complex128]:
    """Return a second-order section's response; `z` holds z^-1 on the unit circle."""
    return (b[0] + b[1] * z + b[2] * z * z) / (a[0] + a[1] * z + a[2] * z * z)

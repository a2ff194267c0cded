"""The scanner: blur of the reconstruction kernel, and noise with the spectrum of filtered back-projection."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft, ndimage


@dataclass(frozen=True)
class Scanner:
    """Acquisition and reconstruction parameters of one scan, drawn from a seed."""

    noise_hu: float  # standard deviation at the centre of the patient
    kernel_per_mm: float  # frequency at which the kernel falls to 1/e
    blur_mm: float  # standard deviation of the in-plane blur
    lateral: float  # extra noise along rows: rays from side to side cross more tissue
    streaks_hu: float  # standard deviation of horizontal streaks
    slice_mm: float  # slice thickness

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Scanner:
        """Draw a scanner, from smooth and low-noise to sharp and noisy."""
        return cls(
            noise_hu=float(np.exp(rng.uniform(np.log(11), np.log(34)))),
            kernel_per_mm=rng.uniform(0.30, 0.55),
            blur_mm=rng.uniform(0.45, 0.75),
            lateral=rng.uniform(0.1, 1.0),
            streaks_hu=rng.uniform(0, 2.5),
            slice_mm=float(rng.choice([1.0, 2.0, 3.0, 5.0])),
        )

    def blur(self, hu: np.ndarray, pixel_mm: float) -> np.ndarray:
        """HU (H, W) blurred by the reconstruction kernel."""
        return ndimage.gaussian_filter(hu, self.blur_mm / pixel_mm)

    def noise(
        self, rng: np.random.Generator, shape: tuple[int, int], pixel_mm: float, thickness: np.ndarray
    ) -> np.ndarray:
        """Noise in HU, (H, W) float32, with a standard deviation of `noise_hu` times `thickness`.

        Its power spectrum is |f| exp(-(f/f0)²): the ramp filter of filtered back-projection amplifies high
        frequencies, and the kernel attenuates them (Riederer et al. 1978).
        """
        rows = fft.fftfreq(shape[0], pixel_mm)[:, None]
        columns = fft.rfftfreq(shape[1], pixel_mm)[None, :]
        frequency = np.hypot(rows, columns)
        along_rows = rows**2 / np.maximum(frequency**2, 1e-9)
        power = (0.004 + frequency) * np.exp(-((frequency / self.kernel_per_mm) ** 2))
        power *= 1 + 2.5 * self.lateral * along_rows**2
        white = rng.standard_normal(shape, dtype=np.float32)
        spectrum = fft.rfft2(white) * np.sqrt(power).astype(np.float32)
        grain = fft.irfft2(spectrum, s=shape).astype(np.float32)
        grain *= np.float32(self.noise_hu / grain.std())
        bands = ndimage.gaussian_filter1d(rng.standard_normal(shape[0]), 2.5 / pixel_mm)
        bands = np.float32(self.streaks_hu) * (bands / max(bands.std(), 1e-6)).astype(np.float32)
        middle = (1 - np.linspace(-1, 1, shape[1]) ** 2).astype(np.float32)
        return (grain + bands[:, None] * middle) * thickness

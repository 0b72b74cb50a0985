"""The mel spectrum that both codecs start from."""

import librosa
import torch
from torch import Tensor


def mel_filters(rate: int, fft: int, mels: int, highest: float | None = None) -> Tensor:
    """Return Slaney's mel filters, (mel, bin), from 0 Hz to `highest` or half the rate."""
    return torch.from_numpy(librosa.filters.mel(sr=rate, n_fft=fft, n_mels=mels, fmin=0.0, fmax=highest))


def mel_spectra(waves: Tensor, filters: Tensor, *, hop: int, frames: int) -> Tensor:
    """Return magnitude mel spectra (B, frame, mel) of windows (B, sample); Hann, centred, reflected."""
    fft = 2 * (filters.shape[1] - 1)
    window = torch.hann_window(fft, device=waves.device)
    spectra = torch.stft(waves, fft, hop, window=window, return_complex=True).abs()
    return (filters.to(waves.device) @ spectra[..., :frames]).transpose(1, 2)

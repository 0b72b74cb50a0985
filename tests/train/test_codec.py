import numpy as np
import pytest
import torch

from artsound.train import synthetic
from artsound.train.codec import MelCodec, find_phases
from artsound.train.settings import SmallPrior


def sounds(count: int) -> torch.Tensor:
    made = [
        synthetic.draw_sound(synthetic.attributes(0, one), np.random.default_rng([2, one]))[:16_384]
        for one in range(count)
    ]
    return torch.from_numpy(np.stack(made))


def fitted() -> MelCodec:
    codec = MelCodec(SmallPrior())
    codec.fit(sounds(60).split(20))
    return codec


def test_latents_carry_most_of_the_mel_spectrum() -> None:
    codec = fitted()
    new = sounds(80)[60:]
    mel = codec.mel(new)
    lost = (codec.mel_of(codec.encode(new)) - mel).var() / mel.var()
    assert lost < 0.3


def test_latents_have_unit_variance_and_no_offset() -> None:
    latents = fitted().encode(sounds(60))
    assert abs(latents.var().item() - 1) < 0.1
    assert latents.mean().abs() < 0.1


def test_the_fit_does_not_depend_on_the_batches() -> None:
    one, other = MelCodec(SmallPrior()), MelCodec(SmallPrior())
    one.fit(sounds(60).split(60))
    other.fit(sounds(60).split(7))
    assert torch.allclose(one.basis, other.basis, atol=1e-4)


def test_decoded_sound_has_the_mean_spectrum_that_was_coded() -> None:
    codec = fitted()
    latents = codec.encode(sounds(4))
    decoded = codec.decode(latents)
    assert decoded.shape == (4, 16_384)
    spectra = [mel.exp().mean(1) for mel in (codec.mel(decoded), codec.mel_of(latents))]
    for made, wanted in zip(*spectra, strict=True):
        assert torch.corrcoef(torch.stack([made, wanted]))[0, 1] > 0.95


def test_decoding_twice_gives_the_same_sound() -> None:
    codec = fitted()
    latents = codec.encode(sounds(2))
    assert torch.equal(codec.decode(latents), codec.decode(latents))


def test_phases_are_found_as_well_as_by_librosa_and_alike_in_any_batch() -> None:
    import librosa

    waves = sounds(3)
    spectra = torch.stft(waves, 512, 128, window=torch.hann_window(512), return_complex=True).abs()
    ours = find_phases(spectra, hop=128, samples=16_384)
    theirs = librosa.griffinlim(spectra.numpy(), hop_length=128, length=16_384, random_state=0)

    def lost(made: torch.Tensor) -> float:
        found = torch.stft(made, 512, 128, window=torch.hann_window(512), return_complex=True).abs()
        return float((found - spectra).norm() / spectra.norm())

    assert lost(ours) < 1.5 * lost(torch.from_numpy(theirs)) < 0.15
    assert torch.allclose(find_phases(spectra[1:2], hop=128, samples=16_384), ours[1:2], atol=1e-4)


def test_frames_that_do_not_overlap_are_refused() -> None:
    with pytest.raises(ValueError, match="hop 400 is more than half of fft 512"):
        SmallPrior(hop=400)

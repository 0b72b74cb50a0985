"""A checkpoint of Stable Audio 3's classes with random weights, small enough for a test."""

import warnings
from pathlib import Path

import torch

from artsound.models.torch_ready import torchvision_ready


def write_checkpoint(folder: Path, *, distilled: bool = False) -> Path:
    """Write transformer, autoencoder, duration embedder and scheduler as diffusers lays them out."""
    torchvision_ready()
    from diffusers import AutoencoderSAME, FlowMatchEulerDiscreteScheduler, StableAudio3DiTModel
    from diffusers.pipelines.stable_audio_3 import StableAudio3DurationEmbedder

    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # diffusers' own use of torch
        torch.manual_seed(0)
        transformer = StableAudio3DiTModel(
            io_channels=8,
            embed_dim=32,
            depth=2,
            num_heads=2,
            cond_token_dim=12,
            global_cond_dim=12,
            local_add_cond_dim=9,
            timestep_features_dim=16,
            num_memory_tokens=2,
        )
        torch.nn.init.normal_(transformer.prompt_padding_embedding)
        transformer.save_pretrained(folder / "transformer")
        AutoencoderSAME(
            patch_size=16,
            encoder_channels=8,
            encoder_c_mults=[2],
            encoder_strides=[4],
            encoder_transformer_depths=[1],
            latent_dim=8,
            dim_heads=8,
            sampling_rate=8_000,
        ).save_pretrained(folder / "vae")
        StableAudio3DurationEmbedder(output_dim=12, fourier_dim=16).save_pretrained(
            folder / "duration_embedder"
        )
    FlowMatchEulerDiscreteScheduler(
        num_train_timesteps=1, shift=1.0, stochastic_sampling=distilled
    ).save_pretrained(folder / "scheduler")
    return folder

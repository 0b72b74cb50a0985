"""A checkpoint of Stable Audio 3's classes with random weights, small enough for a test."""

import warnings
from pathlib import Path

import torch

from artsound.models.torch_ready import torchvision_ready


def write_checkpoint(folder: Path, *, distilled: bool = False) -> Path:
    """Write transformer, autoencoder, duration embedder, scheduler and text encoder as diffusers does."""
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
        _write_words(folder)
    FlowMatchEulerDiscreteScheduler(
        num_train_timesteps=1, shift=1.0, stochastic_sampling=distilled
    ).save_pretrained(folder / "scheduler")
    return folder


def _write_words(folder: Path) -> None:
    from transformers import GemmaTokenizer, T5GemmaConfig, T5GemmaEncoderModel, T5GemmaModuleConfig

    letters = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "▁", *(chr(33 + n) for n in range(120))]
    reader = T5GemmaModuleConfig(
        vocab_size=len(letters),
        hidden_size=12,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=6,
        sliding_window=16,
        initializer_range=0.5,  # large, so that unlike captions say unlike things
    )
    T5GemmaEncoderModel(T5GemmaConfig(encoder=reader, is_encoder_decoder=False)).save_pretrained(
        folder / "text_encoder"
    )
    vocabulary = {letter: number for number, letter in enumerate(letters)}
    GemmaTokenizer(vocab=vocabulary, merges=[], model_max_length=64).save_pretrained(folder / "tokenizer")

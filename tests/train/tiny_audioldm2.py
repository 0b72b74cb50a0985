"""A checkpoint of AudioLDM2's classes with random weights, small enough for a test."""

from pathlib import Path

import torch

from artsound.models.torch_ready import torchvision_ready


def write_checkpoint(folder: Path, prediction: str = "epsilon") -> Path:
    """Write unet, vae, vocoder, scheduler, GPT-2, CLAP, T5 and their tokenizers as the hub lays them out."""
    torchvision_ready()
    from diffusers import (
        AudioLDM2ProjectionModel,
        AudioLDM2UNet2DConditionModel,
        AutoencoderKL,
        DDIMScheduler,
    )
    from transformers import (
        ClapConfig,
        ClapFeatureExtractor,
        ClapModel,
        GPT2Config,
        GPT2LMHeadModel,
        RobertaTokenizer,
        SpeechT5HifiGan,
        SpeechT5HifiGanConfig,
        T5Config,
        T5EncoderModel,
        T5Tokenizer,
    )

    with torch.random.fork_rng():
        torch.manual_seed(0)
        AudioLDM2UNet2DConditionModel(
            block_out_channels=(8, 16),
            layers_per_block=1,
            norm_num_groups=8,
            sample_size=16,
            in_channels=4,
            out_channels=4,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            attention_head_dim=4,
            cross_attention_dim=([None, 32, 24], [None, 32, 24]),
        ).save_pretrained(folder / "unet")
        AutoencoderKL(
            block_out_channels=(8, 8, 16),
            in_channels=1,
            out_channels=1,
            norm_num_groups=8,
            down_block_types=("DownEncoderBlock2D",) * 3,
            up_block_types=("UpDecoderBlock2D",) * 3,
            latent_channels=4,
            scaling_factor=0.4,
        ).save_pretrained(folder / "vae")
        vocoder = SpeechT5HifiGanConfig(
            model_in_dim=16,
            sampling_rate=16_000,
            upsample_initial_channel=64,
            upsample_rates=[5, 4, 2, 2, 2],
            upsample_kernel_sizes=[10, 8, 4, 4, 4],
            resblock_kernel_sizes=[3],
            resblock_dilation_sizes=[[1, 3]],
            normalize_before=False,
        )
        SpeechT5HifiGan(vocoder).save_pretrained(folder / "vocoder")
        gpt2 = GPT2Config(n_embd=32, n_layer=2, n_head=4, n_ctx=64, n_positions=64, vocab_size=50)
        gpt2.max_new_tokens = 8
        GPT2LMHeadModel(gpt2).save_pretrained(folder / "language_model")
        t5 = T5Config(vocab_size=300, d_model=24, d_kv=8, d_ff=32, num_layers=1, num_heads=2)
        T5EncoderModel(t5).save_pretrained(folder / "text_encoder_2")
        words = {
            "vocab_size": 300,
            "hidden_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "intermediate_size": 32,
            "max_position_embeddings": 80,
        }
        sounds = {
            "patch_embeds_hidden_size": 8,
            "depths": [1, 1],
            "num_attention_heads": [1, 2],
            "hidden_size": 16,
            "num_hidden_layers": 2,
            "spec_size": 64,
            "num_mel_bins": 16,
            "patch_size": 4,
            "patch_stride": [4, 4],
            "window_size": 4,
        }
        clap = ClapConfig(text_config=words, audio_config=sounds, projection_dim=12)
        ClapModel(clap).save_pretrained(folder / "text_encoder")
        AudioLDM2ProjectionModel(12, 24, 32).save_pretrained(folder / "projection_model")
    ClapFeatureExtractor(
        feature_size=16, truncation="rand_trunc", padding="repeatpad", frequency_min=50, max_length_s=2
    ).save_pretrained(folder / "feature_extractor")
    letters = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "Ġ", *(chr(33 + n) for n in range(120))]
    RobertaTokenizer(
        vocab={letter: number for number, letter in enumerate(letters)}, merges=[], model_max_length=64
    ).save_pretrained(folder / "tokenizer")
    vocabulary = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *((chr(33 + n), -2.0) for n in range(120))]
    T5Tokenizer(vocab=vocabulary, extra_ids=0, model_max_length=128).save_pretrained(folder / "tokenizer_2")
    DDIMScheduler(
        beta_start=0.0015,
        beta_end=0.0195,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        prediction_type=prediction,
    ).save_pretrained(folder / "scheduler")
    return folder

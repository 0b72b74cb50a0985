"""Tiny captioners with random weights, written to disk in the layout of the real ones: one a family."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers as tf

from tests.models.tiny import chat_tokenizer, chat_words

SEEN = {"depth": 1, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2, "out_hidden_size": 32}
TURN = (
    "{{% for m in messages %}}<|im_start|>{{{{ m['role'] }}}}\n{{% for c in m['content'] %}}"
    "{{% if c['type'] != 'text' %}}{}{{% else %}}{{{{ c['text'] }}}}{{% endif %}}"
    "{{% endfor %}}<|im_end|>\n{{% endfor %}}"
    "{{% if add_generation_prompt %}}<|im_start|>assistant\n{{% endif %}}"
)


def qwen3_vl(folder: Path) -> Path:
    """Write a Qwen3-VL of a few thousand weights."""
    tokenizer = chat_tokenizer()
    number = tokenizer.convert_tokens_to_ids
    turning = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 3, 3]}
    torch.manual_seed(0)
    config = tf.Qwen3VLConfig(
        text_config=chat_words(tokenizer) | {"head_dim": 16, "rope_parameters": turning},
        vision_config=SEEN | {"num_position_embeddings": 64, "deepstack_visual_indexes": [0]},
        image_token_id=number("<|image_pad|>"),
        video_token_id=number("<|video_pad|>"),
        vision_start_token_id=number("<|vision_start|>"),
        vision_end_token_id=number("<|vision_end|>"),
    )
    tf.Qwen3VLForConditionalGeneration(config).save_pretrained(folder)
    tf.Qwen3VLProcessor(
        image_processor=tf.Qwen2VLImageProcessor(min_pixels=32 * 32, max_pixels=32 * 32 * 16, patch_size=16),
        tokenizer=tokenizer,
        video_processor=tf.Qwen3VLVideoProcessor(),
        chat_template=TURN.format("<|vision_start|><|image_pad|><|vision_end|>"),
    ).save_pretrained(folder)
    return folder


def llava(folder: Path) -> Path:
    """Write a LLaVA of a few thousand weights: CLIP's eye, Llama's mouth."""
    tokenizer = chat_tokenizer("<image>")
    torch.manual_seed(0)
    eye = {"image_size": 32, "patch_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = tf.LlavaConfig(
        vision_config={"model_type": "clip_vision_model", "hidden_size": 32, "intermediate_size": 64} | eye,
        text_config=chat_words(tokenizer) | {"model_type": "llama"},
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        image_seq_length=16,
    )
    tf.LlavaForConditionalGeneration(config).save_pretrained(folder)
    tf.LlavaProcessor(
        image_processor=tf.CLIPImageProcessor(
            size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
        ),
        tokenizer=tokenizer,
        patch_size=8,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=TURN.format("<image>"),
    ).save_pretrained(folder)
    return folder


def audio_flamingo(folder: Path) -> Path:
    """Write an Audio Flamingo 3 of a few thousand weights."""
    tokenizer = chat_tokenizer("<sound>")
    config = tf.AudioFlamingo3Config(
        audio_config=_ear(),
        text_config=chat_words(tokenizer) | {"model_type": "qwen2"},
        audio_token_id=tokenizer.convert_tokens_to_ids("<sound>"),
    )
    tf.AudioFlamingo3ForConditionalGeneration(config).save_pretrained(folder)
    _hearing(tf.AudioFlamingo3Processor, tokenizer, folder)
    return folder


def music_flamingo(folder: Path) -> Path:
    """Write a Music Flamingo of a few thousand weights."""
    tokenizer = chat_tokenizer("<sound>", "<|sound_bos|>", "<|sound_eos|>")
    number = tokenizer.convert_tokens_to_ids
    config = tf.MusicFlamingoConfig(
        audio_config=_ear(),
        text_config=chat_words(tokenizer) | {"model_type": "qwen2"},
        audio_token_id=number("<sound>"),
        audio_bos_token_id=number("<|sound_bos|>"),
        audio_eos_token_id=number("<|sound_eos|>"),
    )
    tf.MusicFlamingoForConditionalGeneration(config).save_pretrained(folder)
    _hearing(tf.MusicFlamingoProcessor, tokenizer, folder)
    return folder


def _ear() -> dict[str, Any]:
    torch.manual_seed(0)
    size = {"hidden_size": 40, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    return {"model_type": "audioflamingo3_encoder"} | size


def _hearing(processor: Callable[..., Any], tokenizer: Any, folder: Path) -> None:
    extractor = tf.WhisperFeatureExtractor(feature_size=128)
    processor(
        feature_extractor=extractor, tokenizer=tokenizer, chat_template=TURN.format("<sound>")
    ).save_pretrained(folder)

"""Tiny models with random weights, written to disk in the layout of the real ones."""

import json
from pathlib import Path
from typing import Any

from artsound.models.torch_ready import torchvision_ready

torchvision_ready()  # before transformers imports it

import numpy as np  # noqa: E402
import torch  # noqa: E402
import transformers as tf  # noqa: E402
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers  # noqa: E402

tf.utils.logging.disable_progress_bar()
END, PAD = "<|im_end|>", "<|endoftext|>"
SPECIAL = (
    *(PAD, "<|im_start|>", END, "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"),
    *("<|AUDIO|>", "<|audio_bos|>", "<|audio_eos|>"),
)
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% else %}{{ c['text'] }}{% endif %}"
    "{% endfor %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def _trained(special: tuple[str, ...]) -> Tokenizer:
    """Train a byte-level BPE on next to nothing."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=list(special),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(["a small text to train a tokenizer on"], trainer)
    return tokenizer


def chat_tokenizer(*more: str) -> Any:
    """Make the tokenizer of a chat model, with the marks of its media."""
    return tf.PreTrainedTokenizerFast(
        tokenizer_object=_trained((*SPECIAL, *more)),
        eos_token=END,
        pad_token=PAD,
        additional_special_tokens=[*SPECIAL[1:], *more],
    )


def chat_words(tokenizer: Any) -> dict[str, Any]:
    """Give the settings of a language model of a few thousand weights."""
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "initializer_range": 0.2,  # large, so that what is shown changes what is said
        "bos_token_id": None,
        "eos_token_id": tokenizer.convert_tokens_to_ids(END),
        "pad_token_id": tokenizer.convert_tokens_to_ids(PAD),
    }


def vision_chat(folder: Path) -> Path:
    """Write a Qwen2.5-VL of a few thousand weights."""
    tokenizer = chat_tokenizer()
    number = tokenizer.convert_tokens_to_ids
    torch.manual_seed(0)
    turning = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 3, 3]}
    seen = {"depth": 1, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2, "out_hidden_size": 32}
    config = tf.Qwen2_5_VLConfig(
        text_config=chat_words(tokenizer) | {"rope_parameters": turning},
        vision_config=seen | {"fullatt_block_indexes": [0], "window_size": 56},
        image_token_id=number("<|image_pad|>"),
        video_token_id=number("<|video_pad|>"),
        vision_start_token_id=number("<|vision_start|>"),
        vision_end_token_id=number("<|vision_end|>"),
    )
    tf.Qwen2_5_VLForConditionalGeneration(config).save_pretrained(folder)
    tf.Qwen2_5_VLProcessor(
        image_processor=tf.Qwen2VLImageProcessor(min_pixels=28 * 28, max_pixels=28 * 28 * 16),
        tokenizer=tokenizer,
        video_processor=tf.Qwen2VLVideoProcessor(),
        chat_template=TEMPLATE,
    ).save_pretrained(folder)
    return folder


def audio_chat(folder: Path) -> Path:
    """Write a Qwen2-Audio of a few thousand weights."""
    tokenizer = chat_tokenizer()
    number = tokenizer.convert_tokens_to_ids
    torch.manual_seed(0)
    heard = {"model_type": "qwen2_audio_encoder", "d_model": 32, "encoder_layers": 1}
    config = tf.Qwen2AudioConfig(
        audio_config=heard | {"encoder_attention_heads": 2, "encoder_ffn_dim": 64},
        text_config=chat_words(tokenizer) | {"model_type": "qwen2"},
        audio_token_index=number("<|AUDIO|>"),
    )
    tf.Qwen2AudioForConditionalGeneration(config).save_pretrained(folder)
    extractor = tf.WhisperFeatureExtractor(feature_size=128)
    tf.Qwen2AudioProcessor(feature_extractor=extractor, tokenizer=tokenizer).save_pretrained(folder)
    return folder


def clip(folder: Path, *, dim: int = 16, seed: int = 0, custom: bool = False, **preparation: Any) -> Path:
    """Write an open_clip ViT of a few thousand weights, in the layout of its hub.

    `custom` writes one with a text tower of its own, as SigLIP, EVA and MobileCLIP have it.
    """
    seen = {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16}
    words = {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1}
    config = {"embed_dim": dim, "vision_cfg": seen, "text_cfg": words}
    return _open_clip(folder, config | ({"custom_text": True} if custom else {}), seed, **preparation)


def clip_vit_b_32(folder: Path) -> Path:
    """Write an open_clip model of the shape of ViT-B/32, for measurements."""
    import open_clip

    return _open_clip(folder, open_clip.get_model_config("ViT-B-32"), seed=0)


def _open_clip(folder: Path, config: dict[str, Any], seed: int, **given: Any) -> Path:
    import open_clip
    from safetensors.torch import save_file

    open_clip.factory._MODEL_CONFIGS["tiny"] = config
    torch.manual_seed(seed)
    model = open_clip.create_model("tiny")
    folder.mkdir(parents=True, exist_ok=True)
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    preparation = {"mean": [0.48, 0.46, 0.41], "std": [0.27, 0.26, 0.28]}
    preparation |= {"interpolation": "bicubic", "resize_mode": "shortest"} | given
    about = {"model_cfg": config, "preprocess_cfg": preparation}
    (folder / "open_clip_config.json").write_text(json.dumps(about))
    return folder


def clap(folder: Path, *, dim: int = 16, fused: bool = False) -> Path:
    """Write a CLAP of a few ten thousand weights: a small HTSAT and a small RoBERTa."""
    heard = {
        "patch_embeds_hidden_size": 8,
        "depths": [1, 1],
        "num_attention_heads": [1, 2],
        "hidden_size": 16,
    }
    return _clap(folder, heard | {"enable_fusion": fused}, dim)


def clap_htsat(folder: Path) -> Path:
    """Write a CLAP whose audio half has the shape of LAION's HTSAT-base checkpoints, for measurements."""
    heard = {"patch_embeds_hidden_size": 128, "depths": [2, 2, 12, 2], "num_attention_heads": [4, 8, 16, 32]}
    return _clap(folder, heard | {"hidden_size": 1024}, 512)


def clap_both(folder: Path) -> tuple[Path, Path]:
    """Write one small CLAP twice: for transformers, and as LAION publishes its checkpoints."""
    heard = {
        "patch_embeds_hidden_size": 8,
        "depths": [1, 2],
        "num_attention_heads": [1, 2],
        "hidden_size": 16,
    }
    # LAION's class knows no other width of words, and takes RoBERTa's own guard against division by zero
    words = {"hidden_size": 768, "num_attention_heads": 12, "layer_norm_eps": 1e-5}
    theirs, laion = _clap(folder / "transformers", heard, 16, words), folder / "laion"
    laion.mkdir()
    for name in ("vocab.json", "merges.txt"):
        (laion / name).write_bytes((theirs / "words" / name).read_bytes())
    state = _as_laion(tf.ClapModel.from_pretrained(theirs).state_dict())
    best = np.float64(0.5)  # published checkpoints keep such things too
    torch.save({"epoch": 3, "best": best, "state_dict": state}, laion / "laion.pt")
    return theirs, laion


RENAMED = (  # transformers → LAION
    ("audio_model.audio_encoder.", "audio_branch."),
    ("text_model.", "text_branch."),
    ("audio_branch.batch_norm.", "audio_branch.bn0."),
    ("attention.output.dense", "attn.proj"),
    ("attention.self.relative_position", "attn.relative_position"),
    ("intermediate.dense", "mlp.fc1"),
    ("output.dense", "mlp.fc2"),
    ("layernorm_before", "norm1"),
    ("layernorm_after", "norm2"),
    ("projection.linear1", "projection.0"),
    ("projection.linear2", "projection.2"),
)


def _as_laion(state: dict[str, Any]) -> dict[str, Any]:
    """Rename the weights of a ClapModel, join what LAION keeps joined, and add what only training uses."""
    made: dict[str, Any] = {}
    for name, tensor in state.items():
        if name.endswith("token_type_ids"):
            continue
        renamed = name
        for theirs, laion in RENAMED[: 2 if name.startswith("text_model") else None]:
            renamed = renamed.replace(theirs, laion)
        made[f"module.{renamed}"] = tensor
    for query in [name for name in made if "audio_branch" in name and "attention.self.query" in name]:
        parts = [made.pop(query.replace("query", part)) for part in ("query", "key", "value")]
        made[query.replace("attention.self.query", "attn.qkv")] = torch.cat(parts)
    random = torch.Generator().manual_seed(1)
    spare = {"audio_branch.head.weight": (527, 527), "audio_branch.head.bias": (527,)}
    spare |= {"audio_branch.tscam_conv.weight": (527, 16, 8, 3), "audio_branch.tscam_conv.bias": (527,)}
    for half in ("text", "audio"):
        for layer in (0, 3):
            spare[f"{half}_transform.sequential.{layer}.weight"] = (16, 16)
            spare[f"{half}_transform.sequential.{layer}.bias"] = (16,)
    return made | {f"module.{name}": torch.rand(shape, generator=random) for name, shape in spare.items()}


def _clap(folder: Path, heard: dict[str, Any], dim: int, text: dict[str, Any] | None = None) -> Path:
    special = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
    trained = _trained(special)
    roberta = folder / "words"
    roberta.mkdir(parents=True)
    trained.model.save(str(roberta))
    tokenizer = tf.RobertaTokenizer.from_pretrained(roberta)
    assert len(tokenizer) > 200
    torch.manual_seed(0)
    words = {"vocab_size": len(tokenizer), "hidden_size": 32, "num_hidden_layers": 1, "intermediate_size": 32}
    config = tf.ClapConfig(
        text_config=words
        | {"num_attention_heads": 2, "max_position_embeddings": 66, "type_vocab_size": 1}
        | (text or {}),
        audio_config={"enable_fusion": False} | heard | {"num_mel_bins": 64, "spec_size": 256},
        projection_dim=dim,
    )
    tf.ClapModel(config).eval().save_pretrained(folder)
    extractor = tf.ClapFeatureExtractor(truncation="rand_trunc", padding="repeatpad", frequency_min=50)
    tf.ClapProcessor(feature_extractor=extractor, tokenizer=tokenizer).save_pretrained(folder)
    return folder


def imagebind(folder: Path, *, dim: int = 16) -> Path:
    """Write a small ImageBind as its authors publish theirs: all towers in one pickle."""
    from artsound.models.bare import IMAGEBIND, module_of

    package = module_of("imagebind", "models.imagebind_model", install=IMAGEBIND)
    widths = {"vision": 32, "text": 32, "audio": 24, "depth": 8, "thermal": 12, "imu": 8}
    sizes = {f"{tower}_embed_dim": width for tower, width in widths.items()}
    sizes |= {f"{tower}_num_blocks": 2 if tower == "vision" else 1 for tower in widths}
    torch.manual_seed(0)
    model = package.ImageBindModel(
        out_embed_dim=dim, vision_num_heads=16, text_num_heads=16, audio_num_heads=12, **sizes
    )
    folder.mkdir()
    torch.save(model.state_dict(), folder / "imagebind_tiny.pth")
    return folder

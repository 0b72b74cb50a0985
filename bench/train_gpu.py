"""Claim, where a GPU is at hand: a training step of AudioLDM2's shape against its floor of operations, bf16.

    python -m bench.train_gpu

Weights are random, of the published sizes; nothing is downloaded. The floor is two passes of the U-Net, at
170.6 GFLOP a sample of 10.24 s each, by the dense bf16 speed of an H100.
"""

import json
import sys
import time

import torch

from artsound.models.torch_ready import torchvision_ready
from artsound.train.audioldm2 import AudioLdm2, Parts
from artsound.train.objective import ProjectorObjective
from artsound.train.prior import Slot
from artsound.train.projector import Conditioner, Ends
from artsound.train.run import recompute
from artsound.train.settings import AudioLdm2Prior, Objective, Projector

BATCHES = (8, 16, 32)
STEPS, WARM = 10, 3
PASS = 170.6e9  # operations of one U-Net pass of one sample
SPEED = 989e12  # operations a second, dense bf16, H100


def prior() -> AudioLdm2:
    """Make AudioLDM2 of the published sizes with random weights."""
    torchvision_ready()
    from diffusers import AudioLDM2UNet2DConditionModel, AutoencoderKL, DDIMScheduler
    from transformers import SpeechT5HifiGan, SpeechT5HifiGanConfig

    unet = AudioLDM2UNet2DConditionModel(
        sample_size=256,
        in_channels=8,
        out_channels=8,
        block_out_channels=(128, 256, 384, 640),
        attention_head_dim=8,
        cross_attention_dim=([None, 768, 1024],) * 4,
    )
    vae = AutoencoderKL(
        in_channels=1,
        out_channels=1,
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(128, 256, 512),
        layers_per_block=2,
        latent_channels=8,
    )
    vocoder = SpeechT5HifiGan(SpeechT5HifiGanConfig(model_in_dim=64, sampling_rate=16_000))
    kept = DDIMScheduler(beta_start=0.0015, beta_end=0.0195, beta_schedule="scaled_linear").alphas_cumprod
    parts = Parts(unet, vae, vocoder, kept.float(), "epsilon", None, None, "random", "random", None)
    return AudioLdm2(AudioLdm2Prior(t5_slot="null"), parts)


def step_time(made: ProjectorObjective, shape: tuple[int, ...], count: int) -> dict[str, float]:
    """Take some steps on random data that is already on the GPU."""
    device = torch.device("cuda")
    parameters = [one for one in made.parameters() if one.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=1e-4)
    batch = {
        "audio.latents": torch.randn(count, *shape, device=device).half(),
        "visual.content": torch.randn(count, 17, 1024, device=device).half(),
    }
    generator = torch.Generator(device).manual_seed(0)
    torch.cuda.reset_peak_memory_stats()
    started = 0.0
    for number in range(WARM + STEPS):
        if number == WARM:
            torch.cuda.synchronize()
            started = time.perf_counter()
        with torch.autocast("cuda", torch.bfloat16):
            loss = made(batch, generator)["loss"]
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
    torch.cuda.synchronize()
    spent = (time.perf_counter() - started) / STEPS
    return {
        "step s": spent,
        "samples/s": count / spent,
        "GB": torch.cuda.max_memory_allocated() / 1e9,
        "share of the floor": 2 * count * PASS / SPEED / spent,
    }


def main() -> None:
    """Print step time, rate and memory for some batches, with and without recomputed activations."""
    if not torch.cuda.is_available():
        print("no GPU here: not measured")
        return
    found = {}
    for anew in (False, True):
        one = prior()
        one.to(torch.device("cuda"))
        if anew:
            recompute(one.network)
        null = one.null()
        ones = {name: torch.ones_like(value) for name, value in null.items()}
        ends = Ends({"content": Slot(17, 1024)}, one.cond_spec, null, ones, null)
        conditioner = Conditioner(ends, Projector(width=768, layers=4, heads=8), one.learned_spec)
        made = ProjectorObjective(one, conditioner, Objective(loa=0.0)).to("cuda")
        for count in BATCHES:
            found[f"batch {count}{', recomputed' if anew else ''}"] = step_time(made, one.latent_shape, count)
    json.dump({"gpu": torch.cuda.get_device_name(), **found}, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()

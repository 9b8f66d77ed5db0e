"""Distil the teachers' features into the student, from scratch, on unlabelled pictures.

    python tools/backbone/distil.py --shared ../shared --out build/backbone --steps 6000

Writes ``checkpoint.pt`` every few minutes and goes on from it when called again with the same arguments.
Loss: mean squared error to the standardised teacher channels (FitNets, Romero et al. 2015,
https://arxiv.org/abs/1412.6550, with linear regressors), each teacher weighing the same at each stride.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import time
from itertools import islice
from pathlib import Path

import torch
from pictures import crops, load_pictures
from student import Heads, Student
from teachers import IMAGENET_MEAN, IMAGENET_STD, Teachers
from torch import Tensor, nn

FOLDERS = (
    "data/unlabeled/imagenet-samples", "data/unlabeled/caltech101", "data/car-parts/train",
    "data/detection/bccd", "data/classification/steel-defects", "data/photos",
)  # fmt: skip


def loss_of(predicted: Tensor, target: Tensor, widths: list[int]) -> Tensor:
    """Mean over teachers of the mean squared error over their channels."""
    errors = ((predicted.float() - target) ** 2).mean((0, 2, 3)).split(widths)
    return torch.stack([error.mean() for error in errors]).mean()


def learning_rate(step: int, steps: int, peak: float) -> float:
    """Linear warm-up over 200 steps, then cosine to zero."""
    if step < 200:
        return peak * (step + 1) / 200
    return peak * 0.5 * (1 + math.cos(math.pi * (step - 200) / max(1, steps - 200)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, required=True, help="folder with data/ and models/")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--size", type=int, default=192)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    device = torch.device(arguments.device)
    arguments.out.mkdir(parents=True, exist_ok=True)

    pictures = load_pictures([arguments.shared / folder for folder in FOLDERS])
    print(f"{len(pictures)} pictures", flush=True)
    teachers = Teachers(arguments.shared / "models").to(device)
    calibration = crops(pictures, arguments.size, arguments.batch, arguments.seed + 1)
    teachers.measure(x.to(device, memory_format=torch.channels_last) for x in islice(calibration, 20))
    validation = [x.to(device) for x in islice(crops(pictures, arguments.size, 32, arguments.seed + 2), 4)]
    mean = torch.tensor(IMAGENET_MEAN, device=device)[:, None, None]
    deviation = torch.tensor(IMAGENET_STD, device=device)[:, None, None]

    student = Student().to(device)
    heads = Heads(student.shape, *(sum(w) for w in teachers.widths)).to(device)
    model: nn.Module = nn.ModuleDict({"student": student, "heads": heads}).to(memory_format=torch.channels_last)
    average = copy.deepcopy(model)
    decayed = [p for p in model.parameters() if p.ndim > 1]
    plain = [p for p in model.parameters() if p.ndim <= 1]
    optimiser = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.02}, {"params": plain, "weight_decay": 0.0}], lr=arguments.rate
    )
    checkpoint, start = arguments.out / "checkpoint.pt", 0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True, map_location=device)
        model.load_state_dict(state["model"])
        average.load_state_dict(state["average"])
        optimiser.load_state_dict(state["optimiser"])
        start = state["step"]
        print(f"resumed at step {start}", flush=True)

    def losses(net: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
        with torch.autocast(device.type, torch.bfloat16):
            fine, coarse = teachers(x.contiguous(memory_format=torch.channels_last))
            normal = ((x - mean) / deviation).contiguous(memory_format=torch.channels_last)
            out8, out16 = net["heads"](*net["student"](normal))  # type: ignore[index]
        return loss_of(out8, fine, teachers.widths[0]), loss_of(out16, coarse, teachers.widths[1])

    def save(step: int) -> None:
        temporary = checkpoint.with_suffix(".tmp")
        torch.save(
            {"model": model.state_dict(), "average": average.state_dict(), "optimiser": optimiser.state_dict(),
             "step": step, "moments": teachers.moments, "widths": teachers.widths}, temporary,
        )  # fmt: skip
        temporary.replace(checkpoint)

    log = (arguments.out / "log.jsonl").open("a")
    began = saved = time.perf_counter()
    for step, batch in enumerate(crops(pictures, arguments.size, arguments.batch, arguments.seed, start), start):
        if step >= arguments.steps:
            break
        model.train()
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, arguments.steps, arguments.rate)
        loss8, loss16 = losses(model, batch.to(device))
        optimiser.zero_grad(set_to_none=True)
        (loss8 + loss16).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimiser.step()
        with torch.no_grad():
            decay = min(0.998, (step + 1) / (step + 20))
            for mine, theirs in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
                if mine.is_floating_point():
                    mine.lerp_(theirs, 1 - decay)
        if (step + 1) % 100 == 0 or step + 1 == arguments.steps:
            average.eval()
            with torch.no_grad():
                held = torch.stack([torch.stack(losses(average, x)) for x in validation]).mean(0)
            row = {
                "step": step + 1, "seconds": round(time.perf_counter() - began), "stride8": round(held[0].item(), 4),
                "stride16": round(held[1].item(), 4),
            }  # fmt: skip
            print(row, flush=True)
            log.write(json.dumps(row) + "\n")
            log.flush()
        if time.perf_counter() - saved > 180:
            save(step + 1)
            saved = time.perf_counter()
    save(max(start, arguments.steps))


if __name__ == "__main__":
    main()

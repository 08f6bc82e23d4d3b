"""Train SRResNet from a .gsdd file with a plain PyTorch loop that can be stopped and resumed.

    python examples/train_srresnet.py photos.gsdd --test test_photos/ -o srresnet.safetensors

A checkpoint lies beside the output while the training runs. After Ctrl-C or a crash the same command goes on from the
last checkpoint, and ends with the same weights as a training that was never interrupted.
"""

import argparse
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_model
from torch.nn import functional as F
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader

import gsdd
from gsdd.networks.srresnet import SRResNet

# Of the part of the training that is done, 0 to 1, to the share of the learning rate.
SCHEDULES: dict[str, Callable[[float], float]] = {
    "cosine": lambda done: (1 + math.cos(math.pi * done)) / 2,
    "constant": lambda done: 1.0,
}


def parse(words: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Train SRResNet from a .gsdd file.")
    parser.add_argument("file", help="the .gsdd file, or its URL")
    parser.add_argument("-o", "--output", type=Path, default=Path("srresnet.safetensors"), help="model to write")
    parser.add_argument("--test", type=Path, help="folder of real photos to measure PSNR-Y on at the end")
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--gt-size", type=int, default=96, help="side of the HR crops in pixels")
    parser.add_argument("--lr", type=float, default=2e-4)
    parser.add_argument("--schedule", choices=SCHEDULES, default="cosine")
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--blocks", type=int, default=16)
    # Workers start anew each epoch, and 35 pairs alone would make an epoch of two batches.
    parser.add_argument("--repeat", type=int, default=100, help="how often a pair counts in an epoch")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--checkpoint-every", type=int, default=500, help="steps between two checkpoints")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return parser.parse_args(words)


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Replace the checkpoint in one move: a crash leaves the old one or the new one."""
    torch.save(state, path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)


def load_checkpoint(path: Path, parts: Mapping[str, Any], device: str) -> int:
    """Put every part where it was; return how many steps were done."""
    state = torch.load(path, map_location=device, weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(state[name])
    print(f"resumed after step {state['step']}")
    return state["step"]


def train(args: argparse.Namespace) -> SRResNet:
    """Do all steps that are left."""
    torch.manual_seed(args.seed)
    model = SRResNet(args.channels, args.blocks).to(args.device)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    scheduler = LambdaLR(optimizer, lambda step: SCHEDULES[args.schedule](step / args.steps))

    pairs = gsdd.DistilledPairs(args.file, gt_size=args.gt_size, repeat=args.repeat, device=args.device)
    sampler = gsdd.ResumableSampler(pairs, seed=args.seed)
    loader = DataLoader(
        pairs, args.batch, sampler=sampler, num_workers=args.workers, collate_fn=pairs.collate, drop_last=True
    )
    parts = {"model": model, "optimizer": optimizer, "scheduler": scheduler, "sampler": sampler}
    checkpoint = args.output.with_suffix(".checkpoint")
    step = load_checkpoint(checkpoint, parts, args.device) if checkpoint.exists() else 0

    while step < args.steps:
        for taken, batch in enumerate(loader, 1):  # one epoch, or the rest of one
            lr, hr = batch["lq"].to(args.device), batch["gt"].to(args.device)
            loss = F.l1_loss(model(lr), hr)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            step += 1
            if step % args.checkpoint_every == 0 or step == args.steps:
                print(f"step {step}/{args.steps}  L1 {loss.item():.4f}  lr {scheduler.get_last_lr()[0]:.1e}")
                states = {name: part.state_dict() for name, part in parts.items()}
                # Workers have fetched more than was trained on, so the sampler is told how much that was.
                states["sampler"] = sampler.state_dict(taken=taken * args.batch)
                save_checkpoint(checkpoint, {**states, "step": step})
            if step == args.steps:
                break
    return model


def main(words: Sequence[str] | None = None) -> None:
    """Train, write the model, and measure it."""
    args = parse(words)
    model = train(args)
    save_model(model, str(args.output))
    print(f"{args.output}: {sum(parameter.numel() for parameter in model.parameters()):,} parameters")
    if args.test:
        score = gsdd.evaluate(args.output, args.test, metrics=["psnr-y"], device=args.device).scores[0]
        print(f"PSNR-Y on {score.images} photos of {args.test}: {score.mean:.2f} dB (4 px shaved)")
    args.output.with_suffix(".checkpoint").unlink(missing_ok=True)


if __name__ == "__main__":
    main()

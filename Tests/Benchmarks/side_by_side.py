#!/usr/bin/env python3
"""PyTorch and motrans on the same networks, the same tensors and the same cores, in turn.

Run by hand, with a Python that has torch, diffusers, transformers, safetensors and numpy, on a machine that does
nothing else:

    python3 Tests/Benchmarks/side_by_side.py --quick        # the tiny size, under a minute
    python3 Tests/Benchmarks/side_by_side.py --sizes tiny small --markdown

Every measurement has a process of its own, so that thread pools do not fight and peak memory is that of the workload;
the two programs alternate (--rounds). Weights are random and are written once, as diffusers and transformers write
them. Errors are ||a - b|| / ||b|| against PyTorch in float32: of the prediction, of the latents after sampling, of the image,
of the embedding; for a training step, of all LoRA gradients together.

What is compared:
  forward        the denoising network on two videos: a plain batch of 2 in both
  guided-step    the denoising network for one video under two texts, as guidance needs: PyTorch runs a batch of 2;
                 motrans computes what comes before the first look at the text once
  training-step  one video: forward, mean squared error of the noise, backward, AdamW; a LoRA of rank 32 on attn1 and ff
                 of the spatial and attn1, attn2 and ff of the temporal transformers (1.42 M, 4.11 M, 21.3 M numbers)
  sampling       8 DDIM steps with guidance; motrans computes what comes before the text once for both halves
  vae            AutoencoderKL of Stable Diffusion, one frame of 576x320 decoded (--sizes does not touch it)
  clip           the image tower of CLIP ViT-H/14, one image (nor this)

Exits with 1 when float32 results differ by more than they may: 1e-4, of gradients, loss and their norm 1e-3.
"""

import argparse
import contextlib
import functools
import json
import math
import multiprocessing
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # nothing is downloaded
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

import numpy
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, DDIMScheduler, UNet3DConditionModel
from diffusers.models.resnet import TemporalConvLayer
from safetensors.numpy import load_file as load_arrays
from safetensors.torch import load_file, save_file
from torch.utils.checkpoint import checkpoint

RANK = 32
STEPS = 8
GUIDANCE = 9.0
SIZES = {
    # `motrans bench` has the same three built in. The last level has no transformers in any, as in ZeroScope.
    "tiny": dict(channels=(64, 128, 128), layers=1, head=32, text=128, latents=(8, 16, 16), checkpointing=False),
    "small": dict(channels=(128, 256, 256), layers=2, head=64, text=128, latents=(8, 32, 32), checkpointing=False),
    "full": dict(
        channels=(320, 640, 1280, 1280), layers=2, head=64, text=1024, latents=(8, 24, 40), checkpointing=True),
}
UNET_WORKLOADS = ["forward", "guided-step", "training-step", "sampling"]
IMAGE_WORKLOADS = ["vae", "clip"]
PHASES = ["forward", "backward", "optimiser"]
# How often, in each process; --repeat overrides.
REPETITIONS = {
    "tiny": {"forward": 5, "guided-step": 5, "training-step": 4, "sampling": 2},
    "small": {"forward": 2, "guided-step": 2, "training-step": 2, "sampling": 1},
    "full": {"forward": 1, "guided-step": 1, "training-step": 1, "sampling": 1},
    "": {"vae": 1, "clip": 3},
}
QUICK = {"forward": 3, "guided-step": 3, "training-step": 2, "sampling": 1}
QUICK_ROUNDS = {"forward": 2, "guided-step": 2, "training-step": 2, "sampling": 1}


def say(text):
    print(text, file=sys.stderr, flush=True)


# --- The networks and their inputs, written once ---------------------------------------------------------------------


def make_network(name):
    """The network of a size, or of an image workload, with random weights."""
    torch.manual_seed(0)
    if name == "vae":
        return AutoencoderKL(
            block_out_channels=(128, 256, 512, 512), layers_per_block=2, latent_channels=4,
            down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4)
    if name == "clip":
        from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

        return CLIPVisionModelWithProjection(
            CLIPVisionConfig(
                hidden_size=1280, intermediate_size=5120, num_hidden_layers=32, num_attention_heads=16, patch_size=14,
                image_size=224, projection_dim=1024, hidden_act="gelu"))
    size = SIZES[name]
    levels = len(size["channels"])
    network = UNet3DConditionModel(
        block_out_channels=size["channels"], layers_per_block=size["layers"], cross_attention_dim=size["text"],
        attention_head_dim=size["head"],
        down_block_types=("CrossAttnDownBlock3D",) * (levels - 1) + ("DownBlock3D",),
        up_block_types=("UpBlock3D",) + ("CrossAttnUpBlock3D",) * (levels - 1))
    for module in network.modules():
        if isinstance(module, TemporalConvLayer):
            # Zero before training, and then an error inside would not be seen.
            module.conv4[-1].reset_parameters()
    return network


def make_inputs(name, workload):
    """The tensors of a workload, by the names of the reference classes."""
    generator = torch.Generator().manual_seed(1)
    draw = functools.partial(torch.randn, generator=generator)
    if workload == "vae":
        return {"latents": draw(1, 4, 40, 72)}
    if workload == "clip":
        return {"pixel_values": draw(1, 3, 224, 224)}
    size = SIZES[name]
    sample = draw(1, 4, *size["latents"])
    if workload == "training-step":
        text = draw(1, 77, size["text"])
        return {
            "sample": sample, "encoder_hidden_states": text, "timestep": torch.tensor([500]),
            "noise": draw(*sample.shape)}
    text = draw(2, 77, size["text"])
    if workload == "forward":
        return {
            "sample": sample.repeat(2, 1, 1, 1, 1), "encoder_hidden_states": text, "timestep": torch.tensor([500])}
    inputs = {"sample": sample, "encoder_hidden_states": text}
    return inputs | {"timestep": torch.tensor([500])} if workload == "guided-step" else inputs


def write_network(name, folder):
    """Writes a network unless it is there; with the inputs of its workloads."""
    if not (folder / "done").exists():
        say(f"{name}: writing random weights to {folder}")
        network = make_network(name)
        network.save_pretrained(folder)
        for workload in [name] if name in IMAGE_WORKLOADS else UNET_WORKLOADS:
            inputs = {name: value.contiguous() for name, value in make_inputs(name, workload).items()}
            save_file(inputs, inputs_file(folder, workload))
        (folder / "done").touch()


def inputs_file(folder, workload):
    return folder / f"{workload}.inputs.safetensors"


# --- PyTorch ---------------------------------------------------------------------------------------------------------


def reference_fill(name, shape):
    """motrans' ReferenceFill of a matrix: numbers that follow from the tensor's name."""
    start = 0x811C9DC5
    for byte in name.encode():
        start = ((start ^ byte) * 0x01000193) & 0xFFFFFFFF
    with numpy.errstate(over="ignore"):
        x = numpy.uint32(start) + numpy.arange(math.prod(shape), dtype=numpy.uint32) * numpy.uint32(0x9E3779B9)
        x = (x ^ (x >> numpy.uint32(16))) * numpy.uint32(0x7FEB352D)
        x = (x ^ (x >> numpy.uint32(15))) * numpy.uint32(0x846CA68B)
        x ^= x >> numpy.uint32(16)
    values = (2 * (x / 2**32) - 1) * math.sqrt(3 / math.prod(shape[1:]))
    return torch.from_numpy(values.astype(numpy.float32)).reshape(shape)


class LoRALinear(torch.nn.Module):
    """y = W x + b + up(down(x)), as MotionDirector and motrans have it: scale 1, float32 factors."""

    def __init__(self, base, path):
        super().__init__()
        rank = min(RANK, base.in_features, base.out_features)
        self.base = base
        self.names = [f"unet.{path}.lora_A.weight", f"unet.{path}.lora_B.weight"]
        self.down = torch.nn.Parameter(reference_fill(self.names[0], (rank, base.in_features)))
        self.up = torch.nn.Parameter(reference_fill(self.names[1], (base.out_features, rank)))

    def forward(self, x):
        return self.base(x) + F.linear(F.linear(x, self.down.to(x.dtype)), self.up.to(x.dtype))


def is_lora_target(path):
    parts = path.split(".")
    first = "attn1" in parts or "ff" in parts
    temporal = "temp_attentions" in parts or parts[0] == "transformer_in"
    return temporal and (first or "attn2" in parts) or "attentions" in parts and first


def add_lora(unet):
    """Wraps the trained layers; gives their modules in order."""
    paths = [p for p, m in unet.named_modules() if isinstance(m, torch.nn.Linear) and is_lora_target(p)]
    layers = []
    for path in paths:
        parent, _, name = path.rpartition(".")
        owner = unet.get_submodule(parent)
        layer = LoRALinear(getattr(owner, name), path)
        setattr(owner, name, layer)
        layers.append(layer)
    return layers


def checkpoint_blocks(unet):
    """diffusers' UNet3DConditionModel has no checkpointing of its own: people wrap its blocks."""
    for block in [*unet.down_blocks, unet.mid_block, *unet.up_blocks]:
        block.forward = functools.partial(checkpoint, block.forward, use_reentrant=False)


class Record:
    """What a PyTorch process measured, on disk after every repetition: a limit then loses only what is not done."""

    def __init__(self, file):
        self.file = file
        self.facts = {"seconds": [], "phases": {}}

    def save(self):
        self.facts["peak_running_bytes"] = peak_memory()
        self.facts["peak_bytes"] = max(self.facts.get("peak_bytes", 0), self.facts["peak_running_bytes"])
        scratch = self.file.with_suffix(".part")
        scratch.write_text(json.dumps(self.facts))
        scratch.replace(self.file)

    def repeat(self, count, body):
        for _ in range(count):
            start = time.perf_counter()
            body()
            self.facts["seconds"].append(time.perf_counter() - start)
            self.save()


def peak_memory():
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("/proc/self/status has no VmHWM: peak memory is measured on Linux only")


def restart_peak_memory():
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def run_torch(case, precision, repetitions, threads, result, outputs):
    """The body of a PyTorch process."""
    if threads:
        torch.set_num_threads(threads)
    dtype = torch.float32 if precision == "float32" else torch.bfloat16
    folder, workload = case["folder"], case["workload"]
    inputs = {
        name: value.to(dtype) if value.is_floating_point() else value
        for name, value in load_file(inputs_file(folder, workload)).items()}
    if workload == "vae":
        network = AutoencoderKL.from_pretrained(folder, torch_dtype=dtype)
    elif workload == "clip":
        from transformers import CLIPVisionModelWithProjection

        network = CLIPVisionModelWithProjection.from_pretrained(folder).to(dtype)
    else:
        network = UNet3DConditionModel.from_pretrained(folder, torch_dtype=dtype)
    # Not train(): the temporal convolutions have a dropout, which motrans leaves to the LoRA.
    network.requires_grad_(False).eval()
    record = Record(result)
    record.facts["peak_bytes"] = peak_memory()
    restart_peak_memory()
    if workload == "training-step":
        return train(network, case, inputs, record, repetitions, outputs)
    with torch.inference_mode():
        if workload == "sampling":
            return sample(network, inputs, record, repetitions, outputs)
        if workload == "vae":
            forward = lambda: {"sample": network.decode(inputs["latents"]).sample}
        elif workload == "clip":
            forward = lambda: {"image_embeds": network(inputs["pixel_values"]).image_embeds}
        else:
            if workload == "guided-step":
                inputs["sample"] = inputs["sample"].repeat(2, 1, 1, 1, 1)
            forward = lambda: {
                "sample": network(inputs["sample"], inputs["timestep"], inputs["encoder_hidden_states"]).sample}
        save_outputs(forward(), outputs)
        record.repeat(repetitions, forward)


def save_outputs(tensors, file):
    save_file({name: tensor.float().contiguous() for name, tensor in tensors.items()}, file)


def train(unet, case, inputs, record, repetitions, outputs):
    layers = add_lora(unet)
    factors = [factor for layer in layers for factor in (layer.down, layer.up)]
    names = [name for layer in layers for name in layer.names]
    if case["checkpointing"]:
        checkpoint_blocks(unet)
    optimiser = torch.optim.AdamW(factors, lr=5e-4, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2)

    def step(first=False):
        marks = [time.perf_counter()]
        prediction = unet(inputs["sample"], inputs["timestep"], inputs["encoder_hidden_states"]).sample
        loss = F.mse_loss(prediction.float(), inputs["noise"].float())
        marks.append(time.perf_counter())
        loss.backward()
        marks.append(time.perf_counter())
        if first:
            norm = math.sqrt(sum(float(f.grad.double().square().sum()) for f in factors))
            record.facts["training"] = {
                "loss": loss.item(), "gradient_norm": norm, "lora_parameters": sum(f.numel() for f in factors)}
            save_outputs({name: f.grad for name, f in zip(names, factors)}, outputs)
            marks[-1] = time.perf_counter()
        optimiser.step()
        optimiser.zero_grad()
        marks.append(time.perf_counter())
        if not first:
            for name, begin, end in zip(PHASES, marks, marks[1:]):
                record.facts["phases"].setdefault(name, []).append(end - begin)

    step(first=True)
    record.repeat(repetitions, step)


def sample(unet, inputs, record, repetitions, outputs):
    scheduler = DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False,
        steps_offset=1)

    def run(limit=STEPS):
        scheduler.set_timesteps(STEPS)
        latents = inputs["sample"]
        for timestep in scheduler.timesteps[:limit]:
            negative, prompt = unet(
                torch.cat([latents] * 2), timestep, inputs["encoder_hidden_states"]).sample.chunk(2)
            latents = scheduler.step(negative + GUIDANCE * (prompt - negative), timestep, latents).prev_sample
        return latents

    run(1)

    def whole():
        save_outputs({"sample": run()}, outputs)

    record.repeat(repetitions, whole)


# --- Running the two in turn -----------------------------------------------------------------------------------------


def forked(limit, body, *arguments):
    """Runs `body` in a process of its own; False when it did not end within `limit` seconds.

    A fork has torch imported already and no threads yet: this process never computes with torch.
    """
    sys.stdout.flush()
    process = multiprocessing.get_context("fork").Process(target=body, args=arguments)
    process.start()
    process.join(limit)
    if process.is_alive():
        process.kill()
        process.join()
        return False
    if process.exitcode != 0:
        raise SystemExit(f"error: a PyTorch process ended with {process.exitcode}; what it said is above")
    return True


def measure_torch(case, precision, limit, options, scratch):
    result, outputs = scratch / "torch.json", scratch / f"torch-{precision}.safetensors"
    result.unlink(missing_ok=True)
    ended = forked(
        limit, run_torch, case, precision, case["repetitions"], options.threads, result, outputs)
    facts = json.loads(result.read_text()) if result.exists() else {"seconds": []}
    return facts | {"over": not ended and not facts["seconds"], "outputs": outputs}


def measure_motrans(case, precision, limit, options, scratch):
    outputs = scratch / f"motrans-{precision}.safetensors"
    workload = case["workload"]
    command = [
        options.motrans, "bench", case["folder"], "--inputs", inputs_file(case["folder"], workload),
        "--outputs", outputs, "--repeat", case["repetitions"], "--precision", precision, "--json"]
    if workload in UNET_WORKLOADS:
        command += ["--workload", workload, "--rank", RANK, "--steps", STEPS, "--guidance", GUIDANCE]
    if case["checkpointing"] and not options.keep_activations:
        command += ["--checkpointing"]
    if options.threads:
        command += ["--threads", options.threads]
    try:
        run = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return {"seconds": [], "over": True, "outputs": outputs}
    if run.returncode != 0:
        raise SystemExit(f"error: {' '.join(map(str, command))} ended with {run.returncode}:\n{run.stderr}")
    document = json.loads(run.stdout)
    facts = document["results"][0]
    training = facts.get("training", {})
    phases = {name: timings["all"] for name, timings in training.get("phases", {}).items()}
    return facts | {
        "seconds": facts["seconds"]["all"], "phases": phases, "kernels": document["kernels"],
        "threads": document["threads"], "over": False, "outputs": outputs}


def joined(runs):
    """The runs of one program in all rounds as one."""
    seconds = [second for run in runs for second in run["seconds"]]
    facts = {"seconds": seconds, "over": all(run["over"] for run in runs)}
    if seconds:
        facts |= {
            "minimum": min(seconds), "median": statistics.median(seconds),
            "peak_bytes": max(run.get("peak_bytes", 0) for run in runs),
            "peak_running_bytes": max(run.get("peak_running_bytes", 0) for run in runs)}
        names = list(runs[0].get("phases", {}))
        if names:
            facts["phases"] = {
                name: min(second for run in runs for second in run.get("phases", {}).get(name, [math.inf]))
                for name in names}
    for name in ["training", "kernels", "threads"]:
        known = [run[name] for run in runs if name in run]
        if known:
            facts[name] = known[0]
    if "training" in facts:
        facts["training"] = {k: facts["training"][k] for k in ("loss", "gradient_norm", "lora_parameters")}
    return facts


def error(file, reference):
    """||a - b|| / ||b|| over all tensors of the reference; None when one of the files is not there."""
    if not file.exists() or not reference.exists():
        return None
    found, expected = load_arrays(file), load_arrays(reference)
    missing = sorted(set(expected) - set(found))
    if missing:
        raise SystemExit(f"error: {file} lacks {len(missing)} of the reference's tensors, {missing[0]} among them")
    difference = sum(float(numpy.square(found[n].astype(numpy.float64) - e).sum()) for n, e in expected.items())
    return math.sqrt(difference / sum(float(numpy.square(e.astype(numpy.float64)).sum()) for e in expected.values()))


def compare(case, options, scratch):
    """The rows of one workload, one for each precision."""
    rows = []
    reference = scratch / "torch-float32.safetensors"
    for file in scratch.glob("*"):
        file.unlink()
    whole = {}
    for precision in options.precisions:
        runs = {"torch": [], "motrans": []}
        limit = options.limit
        if options.quick and precision == "bf16" and "torch" in whole:
            # A processor that has no bf16 takes minutes: that it is no faster is all that --quick wants to know.
            limit = min(limit, round(1 + 1.2 * whole["torch"]))
        # What took too long on the first workload takes too long on the others.
        is_hopeless = options.quick and precision in options.hopeless
        if is_hopeless:
            runs["torch"].append({"seconds": [], "over": True, "outputs": scratch / "not-tried"})
        for number in range(case["rounds"]):
            for program, measure in [("torch", measure_torch), ("motrans", measure_motrans)]:
                if any(run["over"] for run in runs[program]):
                    continue  # it would be over again
                begin = time.monotonic()
                run = measure(case, precision, limit, options, scratch)
                whole[program] = time.monotonic() - begin
                runs[program].append(run)
                time_of = f"{min(run['seconds']):.3f} s" if run["seconds"] else f"over {limit:g} s"
                say(
                    f"{label(case)}, {precision}, round {number + 1} of {case['rounds']}: {program} {time_of}, "
                    f"the process {whole[program]:.1f} s")
        row = {"size": case["size"], "workload": case["workload"], "precision": precision, "limit": limit}
        for program in runs:
            row[program] = joined(runs[program])
            row[program]["error"] = error(runs[program][0]["outputs"], reference)
        row["torch"]["tried"] = not is_hopeless
        if row["torch"]["over"]:
            options.hopeless.add(precision)
        if "minimum" in row["torch"] and "minimum" in row["motrans"]:
            row["ratio"] = row["torch"]["minimum"] / row["motrans"]["minimum"]
            row["ratio_of_medians"] = row["torch"]["median"] / row["motrans"]["median"]
        rows.append(row)
    return rows


# --- Telling ---------------------------------------------------------------------------------------------------------


def label(case):
    return f"{case['size']} {case['workload']}".strip()


def seconds_text(facts, limit):
    if "minimum" not in facts:
        return f"over {limit:g} s" if facts.get("tried", True) else "not tried"
    digits = lambda s: f"{s * 1000:.0f} ms" if s < 1 else f"{s:.2f} s"
    return f"{digits(facts['minimum'])} / {digits(facts['median'])}"


def table(rows):
    headings = [
        "", "precision", "PyTorch min / median", "motrans min / median", "ratio", "of medians", "GB PyTorch / motrans",
        "error PyTorch", "error motrans"]
    number = lambda value, form: "-" if value is None else format(value, form)
    gigabytes = lambda facts: number(facts.get("peak_running_bytes", 0) / 1e9 or None, ".2f")
    lines = [
        [
            label(row), row["precision"], seconds_text(row["torch"], row["limit"]),
            seconds_text(row["motrans"], row["limit"]),
            number(row.get("ratio"), ".2f"), number(row.get("ratio_of_medians"), ".2f"),
            f"{gigabytes(row['torch'])} / {gigabytes(row['motrans'])}", number(row["torch"]["error"], ".1e"),
            number(row["motrans"]["error"], ".1e")]
        for row in rows]
    return headings, lines


def print_text(headings, lines):
    widths = [max(len(line[i]) for line in [headings, *lines]) for i in range(len(headings))]
    for line in [headings, ["-" * width for width in widths], *lines]:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())


def print_markdown(headings, lines):
    for line in [headings, ["---"] * 2 + ["---:"] * (len(headings) - 2), *lines]:
        print("| " + " | ".join(line) + " |")


def training_lines(rows):
    """Loss, norm of the gradients and the parts of a step, in words."""
    for row in rows:
        if "training" not in row["torch"] or "training" not in row["motrans"]:
            continue
        a, b = row["torch"]["training"], row["motrans"]["training"]
        yield (
            f"{label(row)}, {row['precision']}: LoRA of {a['lora_parameters']} and {b['lora_parameters']} numbers; "
            f"loss {a['loss']:.6g} and {b['loss']:.6g}, norm of the gradients {a['gradient_norm']:.6g} and "
            f"{b['gradient_norm']:.6g}")
        for program in ["torch", "motrans"]:
            phases = row[program].get("phases", {})
            yield f"  {program}: " + ", ".join(f"{name} {phases[name]:.3f} s" for name in PHASES if name in phases)


def problems(rows):
    """Where float32 results differ by more than they may."""
    for row in rows:
        if row["precision"] != "float32":
            continue
        limit = 1e-3 if row["workload"] == "training-step" else 1e-4
        if row["motrans"]["error"] is not None and not row["motrans"]["error"] <= limit:
            yield f"{label(row)}: the error of motrans is {row['motrans']['error']:.2e}, above {limit:.0e}"
        if "training" in row["torch"] and "training" in row["motrans"]:
            a, b = row["torch"]["training"], row["motrans"]["training"]
            for name in ["loss", "gradient_norm", "lora_parameters"]:
                if not abs(a[name] - b[name]) <= 1e-3 * abs(a[name]):
                    yield f"{label(row)}: {name} is {a[name]:.6g} in PyTorch and {b[name]:.6g} in motrans"


def processor():
    with contextlib.suppress(OSError):
        for line in open("/proc/cpuinfo"):
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return "unknown processor"


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the tiny size alone, few repetitions; what is too slow in one workload is not tried in others")
    parser.add_argument("--sizes", nargs="+", choices=list(SIZES), help="default: tiny small")
    parser.add_argument(
        "--workloads", nargs="+", choices=UNET_WORKLOADS + IMAGE_WORKLOADS,
        help="default: all; quick: not vae and clip")
    parser.add_argument("--repeat", type=int, help="repetitions in each process; default: by size and workload")
    parser.add_argument("--rounds", type=int, help="how often the two take turns; default: 2, quick 1 for sampling")
    parser.add_argument(
        "--limit", type=float, default=300,
        help="seconds that a process may take; default: 300; quick gives bf16 about as long as float32 took")
    parser.add_argument(
        "--precisions", nargs="+", choices=["float32", "bf16"], default=["float32", "bf16"], help="default: both")
    parser.add_argument("--threads", type=int, help="of both; default: what each takes by itself")
    parser.add_argument(
        "--keep-activations", action="store_true",
        help="no checkpointing for motrans where PyTorch needs it (full training step)")
    parser.add_argument("--motrans", type=pathlib.Path, default=root / ".build/release/motrans", help="the binary")
    parser.add_argument(
        "--folder", type=pathlib.Path, help="where the networks stay for the next time; default: nowhere")
    parser.add_argument("--json", type=pathlib.Path, help="a file for everything that was measured")
    parser.add_argument("--markdown", action="store_true", help="the table as Markdown")
    options = parser.parse_args()
    options.hopeless = set()
    if not os.access(options.motrans, os.X_OK):
        parser.error(f"there is no program {options.motrans}: `make release` builds it, or give --motrans PATH")
    if any(n is not None and n < 1 for n in (options.repeat, options.rounds, options.threads, options.limit)):
        parser.error("--repeat, --rounds, --threads and --limit are numbers from 1 on")
    if options.quick and options.sizes:
        parser.error("--quick is the tiny size: leave out --quick or --sizes")
    sizes = options.sizes or (["tiny"] if options.quick else ["tiny", "small"])
    workloads = options.workloads or UNET_WORKLOADS + ([] if options.quick else IMAGE_WORKLOADS)
    options.precisions = sorted(set(options.precisions), reverse=True)  # float32, the reference of errors, first

    begin = time.monotonic()
    networks = options.folder or pathlib.Path(tempfile.mkdtemp(prefix="side-by-side-"))
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="side-by-side-results-"))
    rows = []
    try:
        wanted = [(size, size, [w for w in workloads if w in UNET_WORKLOADS]) for size in sizes]
        wanted += [("", name, [name]) for name in workloads if name in IMAGE_WORKLOADS]
        for size, name, of_network in wanted:
            if not of_network:
                continue
            folder = networks.resolve() / name
            forked(None, write_network, name, folder)
            for workload in of_network:
                usual = QUICK[workload] if options.quick else REPETITIONS[size][workload]
                case = {
                    "size": size, "workload": workload, "folder": folder,
                    "repetitions": options.repeat or usual,
                    "rounds": options.rounds or (QUICK_ROUNDS[workload] if options.quick else 2),
                    "checkpointing": workload == "training-step" and SIZES[size]["checkpointing"]}
                rows += compare(case, options, scratch)
            if not options.folder:
                shutil.rmtree(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        if not options.folder:
            shutil.rmtree(networks, ignore_errors=True)

    machine = {
        "processor": processor(), "torch": torch.__version__,
        "motrans_kernels": next((row["motrans"]["kernels"] for row in rows if "kernels" in row["motrans"]), None),
        "threads": next((row["motrans"]["threads"] for row in rows if "threads" in row["motrans"]), None)}
    print(f"{machine['processor']}, {machine['threads']} threads; PyTorch {machine['torch']}")
    print(f"motrans: {machine['motrans_kernels']}\n")
    (print_markdown if options.markdown else print_text)(*table(rows))
    print("\n" + "\n".join(training_lines(rows)))
    if options.json:
        document = {"schema_version": 1, "machine": machine, "rows": rows}
        options.json.write_text(json.dumps(document, indent=1) + "\n")
    found = list(problems(rows))
    for problem in found:
        say(f"error: {problem}")
    say(f"took {time.monotonic() - begin:.0f} s")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()

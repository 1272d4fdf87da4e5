"""Writes MotionTraining/five-steps.json: five AdamW steps of MoTrans' motion stage (Eq. 2-7) in PyTorch.

Run by hand with torch and diffusers installed: python motion_training.py. The Swift tests only read the file. The network
is diffusers' own; LoRAs, appearance injector and motion enhancer are hung onto it with hooks, and the losses are written
from the paper, so that nothing here follows the Swift trainer. Weights and inputs follow from their names (ReferenceFill).
"""

import json
import math
import pathlib

import numpy
import torch
from diffusers import DDIMScheduler, UNet3DConditionModel

here = pathlib.Path(__file__).parent / "MotionTraining"
here.mkdir(exist_ok=True)

RANK, WIDTH, TOKEN = 4, 20, 24  # of the LoRAs, of a frame's embedding, of a token's
WORD = [2, 3]  # the motion's word has two pieces
STEPS = [
    # Timestep, the frame whose embedding the injector sees, the anchor of the debiased loss.
    {"timestep": 500, "frame": 2, "anchor": 1}, {"timestep": 12, "frame": 0, "anchor": 0},
    {"timestep": 999, "frame": 1, "anchor": 2}, {"timestep": 301, "frame": 2, "anchor": 1},
    {"timestep": 740, "frame": 0, "anchor": 0}]
PLAIN = {
    "plain_weight": 1, "debiased_weight": 0, "debiased_beta": 1, "residual_weight": 1e-4, "learning_rate": 5e-4,
    "injector_learning_rate": 5e-4, "weight_decay": 1e-2, "gradient_clip": 0, "spatial_scale": 1,
    "inject_point": "input", "fusion": "add", "normalize_image_embedding": False, "start": "filled"}
CASES = {
    "the paper's losses": PLAIN,
    # As training begins: B, W_p and the enhancer's second layer, weight and bias, are zeros.
    "from zeros": PLAIN | {"start": "zeros"},
    "every option": PLAIN | {
        "plain_weight": 0.5, "debiased_weight": 0.25, "debiased_beta": 0.8, "residual_weight": 0.1,
        "injector_learning_rate": 2e-3, "weight_decay": 1e-4, "gradient_clip": 0.5, "spatial_scale": 0.5,
        "inject_point": "inner", "fusion": "multiply", "normalize_image_embedding": True},
}


def unit(name, shape):
    """Numbers of -1 to 1 that follow from a name (diffusion.md 12.0)."""
    start = 0x811C9DC5
    for byte in name.encode():
        start = (start ^ byte) * 0x01000193 & 0xFFFFFFFF
    x = numpy.uint32(start) + numpy.arange(math.prod(shape), dtype=numpy.uint32) * numpy.uint32(0x9E3779B9)
    x = (x ^ x >> numpy.uint32(16)) * numpy.uint32(0x7FEB352D)
    x = (x ^ x >> numpy.uint32(15)) * numpy.uint32(0x846CA68B)
    x ^= x >> numpy.uint32(16)
    return (2 * (x / 2**32) - 1).reshape(shape)


def weight(name, shape):
    v = unit(name, shape)
    if len(shape) > 1:
        v = v * math.sqrt(3 / math.prod(shape[1:]))
    else:
        v = 1 + 0.25 * v if name.endswith(".weight") else 0.1 * v
    return torch.from_numpy(v.astype(numpy.float32))


def given(name, *shape):
    return torch.from_numpy((unit("input:" + name, shape) * math.sqrt(3)).astype(numpy.float32))


unet = UNet3DConditionModel(
    block_out_channels=(32, 64), down_block_types=("CrossAttnDownBlock3D", "DownBlock3D"),
    up_block_types=("UpBlock3D", "CrossAttnUpBlock3D"), layers_per_block=1, cross_attention_dim=TOKEN,
    attention_head_dim=8, norm_num_groups=8).eval().requires_grad_(False)
for name, parameter in unet.named_parameters():
    parameter.copy_(weight(name, list(parameter.shape)))
alphas = DDIMScheduler(
    beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False,
    steps_offset=1).alphas_cumprod


def linears(*parts, below):
    """The Linears of the transformers below some modules, as far as they are in attn1, attn2 or ff."""
    return {
        path: module for path, module in unet.named_modules()
        if isinstance(module, torch.nn.Linear) and any(f"{owner}." in f".{path}" for owner in below)
        and any(f".{part}." in path for part in parts)}


TEMPORAL = linears("attn1", "attn2", "ff", below=[".temp_attentions", ".transformer_in"])
SPATIAL = linears("attn1", "ff", below=[".attentions"])
SITES = {
    path: module for path, module in unet.named_modules() if type(module).__name__ == "TransformerTemporalModel"
    and "temp_attentions" in path}
assert (len(TEMPORAL), len(SPATIAL), len(SITES)) == (50, 24, 4)


class Adapters:
    """Everything that hangs on the network; `row` has what the injector adds at each site in this step."""

    def __init__(self, case):
        self.case = case
        is_filled = case["start"] == "filled"

        def trained(name, *shape, filled=True):
            tensor = weight(name, list(shape)) if filled or is_filled else torch.zeros(shape)
            return torch.nn.Parameter(tensor)

        self.temporal, self.injector, self.psi, self.handles = {}, {}, None, []
        for path, module in (TEMPORAL | SPATIAL).items():
            shapes = [(RANK, module.in_features), (module.out_features, RANK)]
            names = [f"unet.{path}.lora_{letter}.weight" for letter in "AB"]
            if path in TEMPORAL:
                factors = [trained(names[0], *shapes[0]), trained(names[1], *shapes[1], filled=False)]
                self.temporal |= dict(zip(names, factors))
                self.hang(module, factors, 1)
            else:
                self.hang(module, [weight(n, list(s)) for n, s in zip(names, shapes)], case["spatial_scale"])
        for path, module in SITES.items():
            name = f"appearance_injector.{path}.weight"
            channels = module.norm.num_channels
            self.injector[name] = trained(name, channels, WIDTH, filled=False)
            self.inject(module, self.injector[name])
        self.enhancer = {
            name: trained(f"motion_enhancer.{name}", *shape, filled=name.startswith("fc1"))
            for name, shape in [
                ("fc1.weight", (TOKEN, WIDTH + TOKEN)), ("fc1.bias", (TOKEN,)), ("fc2.weight", (TOKEN, TOKEN)),
                ("fc2.bias", (TOKEN,))]}

    def hang(self, module, factors, scale):
        def hook(_, inputs, output):
            return output + scale * (inputs[0] @ factors[0].T @ factors[1].T)

        self.handles.append(module.register_forward_hook(hook))

    def fused(self, hidden, row):
        return hidden + row if self.case["fusion"] == "add" else hidden * (1 + row)

    def inject(self, module, projection):
        if self.case["inject_point"] == "input":
            # [frames, channels, height, width]
            def before(_, arguments, keywords):
                row = (projection @ self.psi)[None, :, None, None]
                if arguments:
                    return (self.fused(arguments[0], row), *arguments[1:]), keywords
                return arguments, keywords | {"hidden_states": self.fused(keywords["hidden_states"], row)}

            self.handles.append(module.register_forward_pre_hook(before, with_kwargs=True))
        else:
            # [height · width, frames, channels]
            self.handles.append(
                module.proj_in.register_forward_hook(lambda _, inputs, output: self.fused(output, projection @ self.psi)))

    def residual(self, video, context):
        """Equation 3, for each piece of the word."""
        e = self.enhancer
        joined = torch.cat([video.expand(len(WORD), -1), context[0, WORD]], 1)
        hidden = torch.nn.functional.gelu(joined @ e["fc1.weight"].T + e["fc1.bias"])
        return hidden @ e["fc2.weight"].T + e["fc2.bias"]

    def take_off(self):
        for handle in self.handles:
            handle.remove()


def losses(adapters, index):
    case, step = adapters.case, STEPS[index]
    latents, noise = 0.5 * given("lat0", 1, 4, 3, 8, 8), given(f"noise{index + 1}", 1, 4, 3, 8, 8)
    embeddings, context = given("embeddings", 3, WIDTH), given("ctx", 1, 5, TOKEN)
    psi = embeddings[step["frame"]]
    adapters.psi = psi / psi.norm() if case["normalize_image_embedding"] else psi
    residual = adapters.residual(embeddings.mean(0), context)
    rows = torch.zeros_like(context[0]).index_add(0, torch.tensor(WORD), residual)
    a = alphas[step["timestep"]]
    noisy = a.sqrt() * latents + (1 - a).sqrt() * noise
    difference = unet(noisy, step["timestep"], context + rows[None]).sample - noise
    beta = case["debiased_beta"]
    debiased = math.sqrt(beta**2 + 1) * difference - beta * difference[:, :, step["anchor"]].unsqueeze(2)
    parts = {
        "plain": difference.pow(2).mean(), "debiased": debiased.pow(2).mean(),
        "residual": residual.pow(2).sum(1).mean()}
    return sum(case[f"{name}_weight"] * part for name, part in parts.items()), parts


def check_notes():
    """The network and its adapters are those of diffusion.md 12.2."""
    x, context = given("sample", 1, 4, 3, 8, 8), given("ctx", 1, 5, TOKEN)

    def rms():
        with torch.no_grad():
            return float(unet(x, 500, context).sample.pow(2).mean().sqrt())

    def alone(*kept):
        adapters = Adapters(PLAIN | {"spatial_scale": float("spatial" in kept)})
        adapters.psi = given("img", WIDTH) if "injector" in kept else torch.zeros(WIDTH)
        if "temporal" not in kept:
            for factor in adapters.temporal.values():
                factor.data.zero_()
        found = rms()
        adapters.take_off()
        return found

    for found, known in [
        (rms(), 0.620189), (alone("temporal"), 0.574269), (alone("spatial"), 0.584643), (alone("injector"), 0.594403)
    ]:
        assert abs(found - known) < 2e-6, (found, known)


def rounded(value):
    return float(f"{float(value.detach() if torch.is_tensor(value) else value):.9g}")


def train(case):
    adapters = Adapters(case)
    groups = [*adapters.temporal.values(), *adapters.enhancer.values()], [*adapters.injector.values()]
    everything = groups[0] + groups[1]
    optimiser = torch.optim.AdamW(
        [{"params": groups[0]}, {"params": groups[1], "lr": case["injector_learning_rate"]}],
        lr=case["learning_rate"], betas=(0.9, 0.999), eps=1e-8, weight_decay=case["weight_decay"])
    steps = []
    for index in range(len(STEPS)):
        total, parts = losses(adapters, index)
        optimiser.zero_grad()
        total.backward()
        norm = torch.nn.utils.clip_grad_norm_(everything, case["gradient_clip"] or math.inf)
        optimiser.step()
        steps.append(
            {"total": rounded(total)} | {name: rounded(part) for name, part in parts.items()}
            | {"gradient_norm": rounded(norm)})
    with torch.no_grad():
        total, parts = losses(adapters, len(STEPS) - 1)
    norm = lambda tensors: rounded(math.sqrt(sum(float(t.detach().double().pow(2).sum()) for t in tensors.values())))
    adapters.take_off()
    return {
        "settings": case, "steps": steps,
        # The last step's losses once more, after its update; and the length of all that was trained, by kind.
        "after": {"total": rounded(total)} | {name: rounded(part) for name, part in parts.items()},
        "norms": {
            "temporal": norm(adapters.temporal), "injector": norm(adapters.injector),
            "enhancer": norm(adapters.enhancer)}}


check_notes()
ABOUT = [
    "Made by Tests/Goldens/motion_training.py. Every tensor follows from its name: weights and inputs of diffusion.md 12.0.",
    "Network: UNet A of diffusion.md 12.2, weights by their names, in evaluation mode (no dropout).",
    f"Temporal LoRA, trained: rank {RANK}, unet.PATH.lora_A.weight and lora_B.weight on attn1, attn2 and ff of transformer_in and "
    f"temp_attentions ({len(TEMPORAL)} Linears), scale 1.",
    f"Spatial LoRA, active and frozen: the same names on attn1 and ff of attentions ({len(SPATIAL)} Linears), rank {RANK}, scale "
    "spatial_scale; filled in every case.",
    f"Injector, trained: appearance_injector.PATH.weight [C, {WIDTH}] at the {len(SITES)} temp_attentions; psi is row `frame` of "
    f"input:embeddings [3, {WIDTH}]. inner: behind proj_in. multiply: times 1 + row.",
    f"Enhancer, trained: motion_enhancer.fc1.weight [{TOKEN}, {WIDTH + TOKEN}], fc1.bias, fc2.weight [{TOKEN}, {TOKEN}], fc2.bias; the "
    f"video is the mean of input:embeddings, the tokens are rows {WORD[0]} and {WORD[1]} of input:ctx [1, 5, {TOKEN}].",
    "start zeros: lora_B of the temporal LoRA, the injector, fc2.weight and fc2.bias are zeros instead.",
    "Latents: 0.5 times input:lat0 [1, 4, 3, 8, 8], channels first; noise of step k, counted from 1: input:noiseK of the same shape.",
    "Schedule: scaled linear, 0.00085 to 0.012; the target is the noise.",
    "Losses: plain mean((e - n)^2); debiased with anchor and beta (diffusion.md 7.2); residual the sum over dimensions of E_r^2, averaged "
    "over the pieces; total is their sum by weight. debiased is told even where its weight is 0.",
    "AdamW, betas 0.9 and 0.999, epsilon 1e-8: LoRA and enhancer with learning_rate, the injector with injector_learning_rate. "
    "gradient_clip: of the norm of all gradients together, 0 for none; gradient_norm is that before clipping.",
    "steps: before each update; after: the last step's losses after its update; norms: of what was trained, in the end.",
]
result = {"about": ABOUT, "word": WORD, "steps": STEPS, "cases": []}
for name, case in CASES.items():
    result["cases"].append({"name": name} | train(case))
    print(name)
    for step in result["cases"][-1]["steps"] + [result["cases"][-1]["after"]]:
        print("  " + "  ".join(f"{key} {value:.8g}" for key, value in step.items()))
    print(" ", result["cases"][-1]["norms"])
text = json.dumps(result, indent=1)
(here / "five-steps.json").write_text(text + "\n")

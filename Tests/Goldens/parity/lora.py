"""A whole sampling with a LoRA, in diffusers with peft and in motrans; run by parity.py.

    python lora.py MOTRANS FOLDER     writes FOLDER/rows.json: what was compared, how far apart, as it should be or not

The reference is diffusers' TextToVideoSDPipeline on a small ZeroScope folder whose network holds the LoRA as peft puts
it there. motrans samples twice: `motrans run` from a seed, whose noise it draws as torch does, and `motrans sample` from
the latents that the reference starts with.
"""

import json
import pathlib
import shutil
import sys

from measure import run, say
from models import Text, UNet, VAE, filled, write_json

import diffusers
import torch
import transformers
from peft import LoraConfig, inject_adapter_in_model, set_peft_model_state_dict
from safetensors.torch import load_file, save_file

PROMPT = "The red cat is skateboarding"
STEPS, GUIDANCE, SEED, RANK = 6, 9, 7, 4
WIDTH, HEIGHT, FRAMES = 80, 48, 3
LATENTS = (1, 4, FRAMES, HEIGHT // 8, WIDTH // 8)
SAMPLING = (
    f"{{prompt: {PROMPT}, seeds: [{SEED}], guidance: {GUIDANCE}, inference-steps: {STEPS}, width: {WIDTH}, "
    f"height: {HEIGHT}, frames: {FRAMES}}}")
LIMIT, SAME = 1e-3, 1e-6
TOKENIZER = pathlib.Path(__file__).resolve().parents[1] / "Tokenizer"

# --- The model set ---------------------------------------------------------------------------------------------------


def write_set(folder):
    """A folder as ZeroScope's, and the YAML that names it; gives the YAML's path."""
    model = folder / "zeroscope"
    UNet().write(UNet.sizes["small"], model / "unet")
    VAE().write(VAE.sizes["small"], model / "vae")
    tokenizer = model / "tokenizer"
    tokenizer.mkdir()
    for file in ["vocab.json", "merges.txt", "tokenizer_config.json"]:
        shutil.copy(TOKENIZER / file, tokenizer / file)
    # The special map of ZeroScope: texts are filled up with "!".
    shutil.copy(TOKENIZER / "special_tokens_map.bang.json", tokenizer / "special_tokens_map.json")
    vocabulary = len(json.loads((tokenizer / "vocab.json").read_text()))
    text = dict(hidden=UNet.sizes["small"]["text"], layers=2, heads=4, vocabulary=vocabulary)
    Text().write(text, model / "text_encoder")
    (model / "scheduler").mkdir()
    write_json(
        model / "scheduler/scheduler_config.json",
        {
            "_class_name": "DDIMScheduler", "_diffusers_version": "0.17.0.dev0", "beta_start": 0.00085,
            "beta_end": 0.012, "beta_schedule": "scaled_linear", "num_train_timesteps": 1000,
            "prediction_type": "epsilon", "clip_sample": False, "clip_sample_range": 1.0, "set_alpha_to_one": False,
            "steps_offset": 1, "skip_prk_steps": True, "thresholding": False, "dynamic_thresholding_ratio": 0.995,
            "sample_max_value": 1.0, "trained_betas": None})
    write_json(
        model / "model_index.json",
        {
            "_class_name": "TextToVideoSDPipeline", "_diffusers_version": "0.17.0.dev0",
            "scheduler": ["diffusers", "DDIMScheduler"], "text_encoder": ["transformers", "CLIPTextModel"],
            "tokenizer": ["transformers", "CLIPTokenizer"], "unet": ["diffusers", "UNet3DConditionModel"],
            "vae": ["diffusers", "AutoencoderKL"]})
    (folder / "set.yaml").write_text("name: small-zeroscope\ndiffusers: zeroscope\n")
    return folder / "set.yaml"


# --- The reference ---------------------------------------------------------------------------------------------------


def temporal_modules(unet):
    """What a temporal LoRA adapts, in the order of registration, which is that of MotionDirector's files."""
    return [
        path for path, module in unet.named_modules()
        if isinstance(module, torch.nn.Linear) and ("temp_attentions." in path or path.startswith("transformer_in."))
        and any(part in path for part in (".attn1.", ".attn2.", ".ff."))]


class Reference:
    def __init__(self, folder):
        self.folder = folder / "zeroscope"
        self.noise = torch.randn(LATENTS, generator=torch.Generator().manual_seed(SEED))
        self.modules = temporal_modules(self.network())

    def network(self):
        return UNet().load(self.folder / "unet")

    def sample(self, lora=None):
        """The final latents; `lora` has the names of the file, unet.PATH.lora_A.weight."""
        unet = self.network()
        if lora:
            state = {name.removeprefix("unet."): tensor.float() for name, tensor in lora.items()}
            paths = sorted({name.rpartition(".lora_")[0] for name in state})
            rank = next(tensor.shape[0] for name, tensor in state.items() if ".lora_A." in name)
            inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=rank, target_modules=paths), unet)
            outcome = set_peft_model_state_dict(unet, state)
            loaded = sum(".lora_" in name for name, _ in unet.named_parameters())
            if outcome.unexpected_keys or loaded != len(state):
                raise SystemExit(f"peft put {len(state)} tensors into {loaded}: {outcome.unexpected_keys[:3]}")
        pipeline = diffusers.TextToVideoSDPipeline(
            vae=VAE().load(self.folder / "vae"), text_encoder=Text().load(self.folder / "text_encoder"),
            tokenizer=transformers.CLIPTokenizer.from_pretrained(self.folder / "tokenizer"), unet=unet,
            scheduler=diffusers.DDIMScheduler.from_pretrained(self.folder / "scheduler"))
        pipeline.set_progress_bar_config(disable=True)
        with torch.no_grad():
            latents = pipeline(
                PROMPT, height=HEIGHT, width=WIDTH, num_frames=FRAMES, num_inference_steps=STEPS,
                guidance_scale=GUIDANCE, latents=self.noise, output_type="latent").frames
        return latents


# --- motrans ---------------------------------------------------------------------------------------------------------


class Refused(Exception):
    pass


class Motrans:
    def __init__(self, binary, folder, model):
        self.binary, self.folder, self.model = binary, folder, model
        self.count = 0

    def call(self, *arguments):
        self.count += 1
        done = run([self.binary, *arguments], self.folder / f"motrans-{self.count}.log")
        if done.status != 0:
            raise Refused(f"motrans {arguments[0]} ended with {done.status}: {done.told()}")

    def results(self, pipeline, subject, to):
        """The files of a step's result, after running what it needs."""
        file = self.folder / f"{to}.yaml"
        file.write_text(pipeline)
        cache = self.folder / "cache"
        self.call("run", file, "--cache", cache, "--quiet")
        self.call("get", subject, "--pipeline", file, "--to", self.folder / to, "--cache", cache)
        return sorted(path for path in (self.folder / to).rglob("*") if path.is_file())

    def run_sampling(self, lora, name):
        """By a pipeline file, from the seed."""
        kind = "files" if lora and lora.is_dir() else "file"
        motion = f"    inputs: {{motion: {{{kind}: {lora.relative_to(self.folder)}}}}}\n" if lora else ""
        files = self.results(
            f"version: 1\nname: {name}\nmodel: {self.model.name}\nsteps:\n  samples:\n    stage: sampling\n{motion}"
            f"    settings: {SAMPLING}\n",
            "samples.latents", name)
        return self.latents(files)

    @staticmethod
    def latents(files):
        return load_file(next(file for file in files if file.suffix == ".safetensors"))["latents"]

    def sample(self, lora, name):
        """By `motrans sample`, from latents."""
        to = self.folder / f"{name}.latents.safetensors"
        self.call(
            "sample", PROMPT, "--model", self.model, *(["--lora", lora] if lora else []), "--latents-in",
            self.folder / "noise.safetensors", "--latents-out", to, "--guidance", GUIDANCE, "--steps", STEPS, "--width",
            WIDTH, "--height", HEIGHT, "--frames", FRAMES, "--to", self.folder / f"{name}.mp4", "--cache",
            self.folder / "cache", "--quiet")
        return load_file(to)["latents"]

    def train(self):
        """A temporal LoRA on a clip that motrans draws: the file that other tools look for, and its own sample of it."""
        clips = self.folder / "clips"
        self.call("world", "--motion", "zigzagging", "--to", clips, "--seed", 1)
        pipeline = (
            f"version: 1\nname: training\nmodel: {self.model.name}\nclips: clips/\nsteps:\n  frames:\n"
            f"    stage: frame-extraction\n    inputs: {{clips: \"${{clips}}\"}}\n"
            f"    settings: {{frames: {FRAMES}, size: [{WIDTH}, {HEIGHT}], fps: 2}}\n  motion:\n"
            f"    stage: motion-training\n    inputs: {{frames: \"${{frames}}\"}}\n"
            f"    settings: {{injector: false, enhancer: false, steps: 30, rank: {RANK}, learning-rate: 0.01}}\n"
            f"  samples:\n    stage: sampling\n    inputs: {{motion: \"${{motion}}\"}}\n    settings: {SAMPLING}\n")
        files = self.results(pipeline, "motion", "trained")
        latents = self.results(pipeline, "samples.latents", "trained-sample")
        return next(f for f in files if f.name == "pytorch_lora_weights.safetensors"), self.latents(latents)


# --- Spellings of diffusion.md 6.3 -----------------------------------------------------------------------------------


def spellings(folder, paths, lora):
    """One LoRA in files of every spelling: name, file, and whether it has the attention layers alone.

    Where a file names an alpha it is twice or half the rank, and the up factor makes up for it by a power of two, so that
    the product is the same to the last bit.
    """
    down = {p: lora[f"unet.{p}.lora_A.weight"] for p in paths}
    up = {p: lora[f"unet.{p}.lora_B.weight"] for p in paths}
    attention = [p for p in paths if ".ff." not in p]

    def write(name, tensors, metadata={}, file="weights.safetensors"):
        to = folder / name / file
        to.parent.mkdir(parents=True)
        tensors = {key: tensor.contiguous() for key, tensor in tensors.items()}
        save_file(tensors, to, {"format": "pt"} | metadata)
        return to

    def pairs(prefix, down_suffix, up_suffix, scale=1.0, chosen=paths, place=lambda p: p):
        result = {f"{prefix}{place(p)}{down_suffix}": down[p] for p in chosen}
        return result | {f"{prefix}{place(p)}{up_suffix}": up[p] * scale for p in chosen}

    def processor(path):
        owner, _, layer = path.removesuffix(".0").rpartition(".")
        return f"{owner}.processor.{layer}_lora"

    facts = {"r": RANK, "lora_alpha": 2 * RANK}
    yield "unet. lora_A/lora_B (peft in diffusers)", write("peft", pairs("unet.", ".lora_A.weight", ".lora_B.weight")), False
    yield (
        "no prefix, lora_adapter_metadata with alpha (save_lora_adapter)",
        write(
            "adapter", pairs("", ".lora_A.weight", ".lora_B.weight", 0.5), {"lora_adapter_metadata": json.dumps(facts)}),
        False)
    yield (
        "unet. lora.down/lora.up (old diffusers)", write("old", pairs("unet.", ".lora.down.weight", ".lora.up.weight")),
        False)
    yield (
        "unet. processor.to_q_lora (attention processors)",
        write("processors", pairs("unet.", ".down.weight", ".up.weight", chosen=attention, place=processor)), True)
    place = lambda p: p.replace(".", "_")
    alphas = {f"lora_unet_{place(p)}.alpha": torch.tensor(float(RANK) / 2) for p in paths}
    yield (
        "lora_unet_ lora_down/lora_up and alpha (kohya)",
        write("kohya", pairs("lora_unet_", ".lora_down.weight", ".lora_up.weight", 2, place=place) | alphas), False)
    base = pairs("base_model.model.", ".lora_A.weight", ".lora_B.weight", 0.5)
    yield (
        "base_model.model., alpha in the metadata (peft)",
        write("base", base, {"lora_adapter_metadata": json.dumps(facts)}), False)
    file = write("saved", base, file="adapter_model.safetensors")
    write_json(
        file.with_name("adapter_config.json"), facts | {"peft_type": "LORA", "target_modules": paths, "bias": "none"})
    yield "folder of base_model.model. and adapter_config.json with alpha (peft)", file.parent, False
    file = folder / "list/temporal_unet.pt"
    file.parent.mkdir()
    torch.save([tensor for p in paths for tensor in (up[p], down[p])], file)
    yield "list of up, down in order of registration (MotionDirector)", file, False


# --- What is compared ------------------------------------------------------------------------------------------------


class Table:
    def __init__(self, file):
        self.file, self.rows = file, []

    def compare(self, what, found, expected, limit, remark=""):
        """A row for two latents, each given or a function that makes them."""
        try:
            found, expected = (x() if callable(x) else x for x in (found, expected))
            error = float((found.double() - expected.double()).norm() / expected.double().norm())
            self.add(what, f"{error:.1e}{remark}", error <= limit)
        except Refused as refused:
            self.add(what, f"failed: {refused}", False)

    def add(self, what, told, good):
        self.rows.append({"what": what, "told": told, "good": good})
        self.file.write_text(json.dumps(self.rows, indent=1) + "\n")
        say(f"{what}: {told}")


def main():
    binary, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    model = write_set(folder)
    reference, motrans, table = Reference(folder), Motrans(binary, folder, model), Table(folder / "rows.json")
    save_file({"latents": reference.noise}, folder / "noise.safetensors")
    ways = [("run, from a seed", motrans.run_sampling, "run"), ("sample, from latents", motrans.sample, "sample")]

    plain = reference.sample()
    for way, sample, short in ways:
        table.compare(f"no LoRA; motrans {way}", lambda: sample(None, f"{short}-plain"), plain, LIMIT)

    # a) A LoRA that peft holds.
    lora, network = {}, reference.network()
    for path in reference.modules:
        layer = network.get_submodule(path)
        for name, shape in [("A", (RANK, layer.in_features)), ("B", (layer.out_features, RANK))]:
            name = f"unet.{path}.lora_{name}.weight"
            lora[name] = filled(name, shape, torch.float32)
    expected = reference.sample(lora)
    moved = float((expected - plain).norm() / plain.norm())
    files = list(spellings(folder / "spellings", reference.modules, lora))
    for way, sample, short in ways:
        table.compare(
            f"LoRA by peft ({len(reference.modules)} modules, moves the latents by {moved:.2f}); motrans {way}",
            lambda: sample(files[0][1], f"{short}-peft"), expected, LIMIT)

    # b) A LoRA that motrans trained.
    try:
        file, latents = motrans.train()
        trained = load_file(file)
        by_peft = reference.sample(trained)
        moved = float((by_peft - plain).norm() / plain.norm())
        what = f"LoRA trained by motrans ({len(trained) // 2} modules, moves the latents by {moved:.2f}), in peft; motrans"
        table.compare(f"{what} run, in the same pipeline", latents, by_peft, LIMIT)
        for way, sample, short in ways:
            table.compare(
                f"{what} {way}",
                lambda: sample(file, f"{short}-trained"), by_peft, LIMIT)
    except Refused as refused:
        table.add("LoRA trained by motrans", f"failed: {refused}", False)

    # c) Spellings, each beside the first.
    attention = {name: tensor for name, tensor in lora.items() if ".ff." not in name}
    attention_file = folder / "spellings/peft-attention.safetensors"
    save_file(attention, attention_file, {"format": "pt"})
    for way, sample, short in ways:
        try:
            first = {False: sample(files[0][1], f"{short}-first"), True: sample(attention_file, f"{short}-attention")}
        except Refused as refused:
            table.add(f"spellings; motrans {way}", f"failed: {refused}", False)
            continue
        for number, (what, file, is_attention) in enumerate(files[1:]):
            table.compare(
                f"{what}; motrans {way}", lambda: sample(file, f"{short}-spelling-{number}"), first[is_attention], SAME)

    # What lies beside a file and acts has to be part of what is known of it: a file alone, without the settings that tell
    # its scale, is refused, and with other settings nothing old may come back.
    saved = folder / "spellings/saved"
    config = json.loads((saved / "adapter_config.json").read_text())
    doubled = {name: tensor * (2 if "lora_B" in name else 1) for name, tensor in lora.items()}
    doubled_file = folder / "spellings/doubled.safetensors"
    save_file(doubled, doubled_file, {"format": "pt"})
    write_json(saved / "adapter_config.json", config | {"lora_alpha": 2 * config["lora_alpha"]})
    for way, sample, short in ways:
        try:
            sample(saved / "adapter_model.safetensors", f"{short}-alone")
            table.add(f"a file without the settings beside it; motrans {way}", "taken", False)
        except Refused:
            table.add(f"a file without the settings beside it; motrans {way}", "refused", True)
        table.compare(
            f"twice the alpha in adapter_config.json; motrans {way}", lambda: sample(saved, f"{short}-changed"),
            lambda: sample(doubled_file, f"{short}-doubled"), SAME)


if __name__ == "__main__":
    main()

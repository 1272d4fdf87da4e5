"""Random-weight folders in the layouts that people download, and what PyTorch makes of them.

Run by parity.py in processes of their own, so that each has memory and time of its own:

    python models.py write NAME SIZE FOLDER        a model folder, inputs and facts about them
    python models.py reference NAME SIZE FOLDER    what the reference class gives in float32

A tensor's numbers follow from its name in the hub's files, so that two spellings of one model are the same model.
Tensors are made one by one in the type of the file: writing takes the size of the file in memory, and little more.
"""

import collections
import json
import math
import os
import pathlib
import sys
import time
import zlib

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # nothing is downloaded
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

import diffusers
import torch
import transformers
from safetensors.torch import load_file, save_file

# --- Weights ---------------------------------------------------------------------------------------------------------


def filled(name, shape, dtype):
    """A tensor that keeps activations in range and is nowhere zero, so that an error in any layer is seen."""
    draw = torch.rand(shape, generator=torch.Generator().manual_seed(zlib.crc32(name.encode()))).mul_(2).sub_(1)
    if len(shape) > 1:
        draw.mul_(math.sqrt(3 / math.prod(shape[1:])))
    elif len(shape) == 0:
        draw.fill_(2.6592)  # the logarithm of CLIP's temperature
    elif name.endswith(".weight"):
        draw.mul_(0.25).add_(1)
    else:
        draw.mul_(0.1)
    return draw.to(dtype)


def state_of(make, dtype, hub_name=lambda name: name):
    """The tensors of a model under their names in the hub's files; the model itself is never in memory."""
    with torch.device("meta"):
        model = make()
    shapes = {hub_name(name): tuple(p.shape) for name, p in model.named_parameters()}
    return collections.OrderedDict((name, filled(name, shape, dtype)) for name, shape in shapes.items())


def save_bin(state, file):
    """As the training scripts of the time saved: a zip of torch.save, with the modules' versions beside the tensors."""
    state = collections.OrderedDict(state)
    state._metadata = collections.OrderedDict([("", {"version": 1})])
    torch.save(state, file)


def write_json(file, value):
    file.write_text(json.dumps(value, indent=2) + "\n")


def config_json(folder, config, **more):
    """A config.json of transformers, as its classes write it."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "config.json", json.loads(config.to_json_string(use_diff=True)) | more)


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def check_loaded(facts):
    """A weight that the reference did not find would be compared as whatever the constructor drew."""
    for what in ["missing_keys", "mismatched_keys", "error_msgs"]:
        if facts.get(what):
            raise SystemExit(f"the reference does not read this folder: {what} {list(facts[what])[:5]}")


# --- The models: `write` gives the label of the file format and the tensors, `inputs` all and the smallest -----------


class UNet:
    title = "ZeroScope UNet3DConditionModel"
    sizes = {
        # Not multiples of 8: sizes are found again on the way up.
        "small": dict(channels=(32, 64, 96, 96), text=40, head=16, groups=16, sample=(2, 4, 3, 6, 10)),
        "medium": dict(channels=(64, 128, 256, 256), text=256, head=64, groups=32, sample=(1, 4, 4, 16, 24)),
        "full": dict(channels=(320, 640, 1280, 1280), text=1024, head=64, groups=32, sample=(1, 4, 4, 16, 24)),
    }
    parameters = {"full": 1_411_233_860}

    def write(self, size, folder):
        config = {
            "_class_name": "UNet3DConditionModel", "_diffusers_version": "0.17.0.dev0", "act_fn": "silu",
            "attention_head_dim": size["head"], "block_out_channels": size["channels"],
            "cross_attention_dim": size["text"], "down_block_types": ["CrossAttnDownBlock3D"] * 3 + ["DownBlock3D"],
            "downsample_padding": 1, "in_channels": 4, "layers_per_block": 2, "mid_block_scale_factor": 1,
            "norm_eps": 1e-05, "norm_num_groups": size["groups"], "out_channels": 4, "sample_size": 32,
            "up_block_types": ["UpBlock3D"] + ["CrossAttnUpBlock3D"] * 3}
        folder.mkdir(parents=True)
        write_json(folder / "config.json", config)
        make = lambda: diffusers.UNet3DConditionModel.from_config(config)
        state = state_of(make, torch.float16)
        save_bin(state, folder / "diffusion_pytorch_model.bin")
        return ".bin fp16", state

    def inputs(self, size):
        shape = size["sample"]
        batch = shape[0]
        whole = {
            "sample": noise(*shape, seed=1), "timestep": torch.tensor([501, 999][:batch]),
            "encoder_hidden_states": noise(batch, 77, size["text"], seed=2)}
        small = {
            "sample": noise(1, 4, 1, 2, 2, seed=3), "timestep": torch.tensor([1]),
            "encoder_hidden_states": noise(1, 1, size["text"], seed=4)}
        return whole, small

    def load(self, folder):
        model, facts = diffusers.UNet3DConditionModel.from_pretrained(
            folder, torch_dtype=torch.float32, use_safetensors=False, output_loading_info=True)
        check_loaded(facts)
        return model

    def outputs(self, model, x):
        return {"sample": model(x["sample"], x["timestep"], x["encoder_hidden_states"]).sample}


class VAE:
    title = "AutoencoderKL, attention by its old names"
    sizes = {
        "small": dict(channels=(32, 32, 64, 64), image=(2, 3, 24, 40)),
        "medium": dict(channels=(64, 64, 128, 128), image=(1, 3, 64, 96)),
        "full": dict(channels=(128, 256, 512, 512), image=(1, 3, 160, 288)),
    }
    parameters = {"full": 83_653_863}
    old_names = [("to_q", "query"), ("to_k", "key"), ("to_v", "value"), ("to_out.0", "proj_attn")]

    def old_name(self, name):
        for new, old in self.old_names:
            name = name.replace(f".attentions.0.{new}.", f".attentions.0.{old}.")
        return name

    def write(self, size, folder):
        config = {
            "_class_name": "AutoencoderKL", "_diffusers_version": "0.17.0.dev0", "act_fn": "silu",
            "block_out_channels": size["channels"], "down_block_types": ["DownEncoderBlock2D"] * 4, "in_channels": 3,
            "latent_channels": 4, "layers_per_block": 2, "norm_num_groups": 32, "out_channels": 3, "sample_size": 768,
            "scaling_factor": 0.18215, "up_block_types": ["UpDecoderBlock2D"] * 4}
        folder.mkdir(parents=True)
        write_json(folder / "config.json", config)
        state = state_of(lambda: diffusers.AutoencoderKL.from_config(config), torch.float16, self.old_name)
        assert sum(".proj_attn." in name for name in state) == 4
        save_bin(state, folder / "diffusion_pytorch_model.bin")
        return ".bin fp16, old names", state

    def inputs(self, size):
        n, _, height, width = size["image"]
        whole = {
            "pixel_values": noise(*size["image"], seed=1) * 0.5, "latents": noise(n, 4, height // 8, width // 8, seed=2)}
        return whole, {"latents": noise(1, 4, 1, 1, seed=3)}

    def load(self, folder):
        model, facts = diffusers.AutoencoderKL.from_pretrained(
            folder, torch_dtype=torch.float32, use_safetensors=False, output_loading_info=True)
        check_loaded(facts)
        return model

    def outputs(self, model, x):
        posterior = model.encode(x["pixel_values"]).latent_dist
        return {"mean": posterior.mean, "logvar": posterior.logvar, "sample": model.decode(x["latents"]).sample}


def token_rows(vocabulary, count=2, length=77):
    """Texts as the tokenizer gives them: start, words, end, and 0 up to the length."""
    ids = torch.zeros(count, length, dtype=torch.int64)
    for row in range(count):
        words = 7 + 20 * row
        drawn = torch.randint(1, vocabulary - 2, (words,), generator=torch.Generator().manual_seed(row))
        ids[row, : words + 2] = torch.cat([torch.tensor([vocabulary - 2]), drawn, torch.tensor([vocabulary - 1])])
    return ids


class Text:
    title = "ZeroScope CLIPTextModel"
    sizes = {
        "small": dict(hidden=64, layers=3, heads=4, vocabulary=1000),
        "medium": dict(hidden=256, layers=6, heads=4, vocabulary=8000),
        "full": dict(hidden=1024, layers=23, heads=16, vocabulary=49408),
    }
    parameters = {"full": 340_387_840}

    def write(self, size, folder):
        config = transformers.CLIPTextConfig(
            hidden_size=size["hidden"], intermediate_size=4 * size["hidden"], num_hidden_layers=size["layers"],
            num_attention_heads=size["heads"], hidden_act="gelu", vocab_size=size["vocabulary"], projection_dim=512,
            max_position_embeddings=77, bos_token_id=0, eos_token_id=2, pad_token_id=1)
        config_json(folder, config, architectures=["CLIPTextModel"], torch_dtype="float16", eos_token_id=2)
        state = state_of(
            lambda: transformers.CLIPTextModel(config), torch.float16, lambda n: "text_model." + n.removeprefix("text_model."))
        # A buffer that was saved at the time, and that no reader may mistake for a weight.
        positions = {"text_model.embeddings.position_ids": torch.arange(77)[None]}
        save_bin(positions | state, folder / "pytorch_model.bin")
        return ".bin fp16, position_ids", state

    def inputs(self, size):
        rows = token_rows(size["vocabulary"])
        return {"input_ids": rows}, {"input_ids": rows[:1, :2].contiguous()}

    def load(self, folder):
        model, facts = transformers.CLIPTextModel.from_pretrained(
            folder, dtype=torch.float32, output_loading_info=True)
        check_loaded(facts)
        return model

    def outputs(self, model, x):
        states = model(x["input_ids"])
        return {"last_hidden_state": states.last_hidden_state, "pooler_output": states.pooler_output}


class CLIP:
    title = "OpenCLIP ViT-H/14, transformers' spelling"
    sizes = {
        "small": dict(
            text=64, text_layers=3, text_heads=4, vision=80, layers=3, heads=5, image=56, vocabulary=1000, out=48),
        "medium": dict(
            text=256, text_layers=4, text_heads=4, vision=320, layers=6, heads=4, image=112, vocabulary=8000, out=256),
        "full": dict(
            text=1024, text_layers=24, text_heads=16, vision=1280, layers=32, heads=16, image=224, vocabulary=49408,
            out=1024),
    }
    parameters = {"full": 986_109_441}

    def config(self, size):
        text = dict(
            hidden_size=size["text"], intermediate_size=4 * size["text"], num_hidden_layers=size["text_layers"],
            num_attention_heads=size["text_heads"], hidden_act="gelu", vocab_size=size["vocabulary"],
            projection_dim=size["out"], max_position_embeddings=77, bos_token_id=0, eos_token_id=2, pad_token_id=1)
        vision = dict(
            hidden_size=size["vision"], intermediate_size=4 * size["vision"], num_hidden_layers=size["layers"],
            num_attention_heads=size["heads"], hidden_act="gelu", image_size=size["image"], patch_size=14,
            projection_dim=size["out"])
        return transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=size["out"])

    def state(self, size):
        return state_of(lambda: transformers.CLIPModel(self.config(size)), torch.float32)

    def write(self, size, folder):
        config_json(folder, self.config(size), architectures=["CLIPModel"], torch_dtype="float32")
        state = self.state(size)
        save_file(state, folder / "model.safetensors", {"format": "pt"})
        return ".safetensors fp32", state

    def inputs(self, size):
        rows = token_rows(size["vocabulary"])
        pixels = noise(2, 3, size["image"], size["image"], seed=1)
        return {"input_ids": rows, "pixel_values": pixels}, {"input_ids": rows[:1, :2].contiguous()}

    def load(self, folder):
        model, facts = transformers.CLIPModel.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
        check_loaded(facts)
        return model

    def outputs(self, model, x):
        # The class's own forward gives unit lengths; the embeddings are taken before.
        text = model.text_projection(model.text_model(x["input_ids"]).pooler_output)
        image = model.visual_projection(model.vision_model(x["pixel_values"]).pooler_output)
        return {"text_embeds": text, "image_embeds": image}


class OpenCLIP(CLIP):
    title = "OpenCLIP ViT-H/14, open_clip's spelling"

    def write(self, size, folder):
        folder.mkdir(parents=True)
        model = {
            "embed_dim": size["out"],
            "vision_cfg": {
                "image_size": size["image"], "layers": size["layers"], "width": size["vision"],
                "head_width": size["vision"] // size["heads"], "patch_size": 14},
            "text_cfg": {
                "context_length": 77, "vocab_size": size["vocabulary"], "width": size["text"],
                "heads": size["text_heads"], "layers": size["text_layers"]}}
        mean, deviation = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
        write_json(
            folder / "open_clip_config.json", {"model_cfg": model, "preprocess_cfg": {"mean": mean, "std": deviation}})
        state = self.renamed(self.state(size))
        save_bin(state, folder / "open_clip_pytorch_model.bin")
        return ".bin fp32, open_clip", state

    single = {
        "vision_model.embeddings.class_embedding": "visual.class_embedding",
        "vision_model.embeddings.position_embedding.weight": "visual.positional_embedding",
        "vision_model.embeddings.patch_embedding.weight": "visual.conv1.weight",
        "visual_projection.weight": "visual.proj", "text_projection.weight": "text_projection",
        "text_model.embeddings.token_embedding.weight": "token_embedding.weight",
        "text_model.embeddings.position_embedding.weight": "positional_embedding", "logit_scale": "logit_scale"}
    inside = [
        ("vision_model.pre_layrnorm.", "visual.ln_pre."), ("vision_model.post_layernorm.", "visual.ln_post."),
        ("text_model.final_layer_norm.", "ln_final."), ("vision_model.encoder.layers.", "visual.transformer.resblocks."),
        ("text_model.encoder.layers.", "transformer.resblocks."), (".layer_norm", ".ln_"), (".self_attn.", ".attn."),
        (".mlp.fc1.", ".mlp.c_fc."), (".mlp.fc2.", ".mlp.c_proj.")]

    def renamed(self, state):
        """In open_clip's names: queries, keys and values in one matrix, projections transposed."""
        result = collections.OrderedDict()
        for name in list(state):
            if ".q_proj." in name:
                parts = [state.pop(name.replace(".q_proj.", f".{letter}_proj.")) for letter in "qkv"]
                joined = name.replace(".q_proj.", ".in_proj_")
                tensor = torch.cat(parts)
            elif ".k_proj." in name or ".v_proj." in name:
                continue
            else:
                joined, tensor = name, state.pop(name)
            for old, new in self.inside:
                joined = joined.replace(old, new)
            is_projection = joined in ("visual_projection.weight", "text_projection.weight")
            result[self.single.get(joined, joined)] = tensor.T.contiguous() if is_projection else tensor
        return result

    def load(self, folder):
        try:
            import open_clip
        except ImportError:
            return None
        return open_clip.create_model(f"local-dir:{folder}", precision="fp32")

    def outputs(self, model, x):
        return {
            "text_embeds": model.encode_text(x["input_ids"]), "image_embeds": model.encode_image(x["pixel_values"])}


class VideoMAE:
    title = "VideoMAE fine-tuned"
    sizes = {
        "small": dict(hidden=32, layers=3, heads=4, image=32, frames=4, decoder=16),
        "medium": dict(hidden=192, layers=4, heads=3, image=64, frames=8, decoder=64),
        "full": dict(hidden=768, layers=12, heads=12, image=224, frames=16, decoder=384),
    }
    parameters = {"full": 86_534_800}

    def config(self, size, **more):
        return transformers.VideoMAEConfig(
            hidden_size=size["hidden"], intermediate_size=4 * size["hidden"], num_hidden_layers=size["layers"],
            num_attention_heads=size["heads"], image_size=size["image"], num_frames=size["frames"], **more)

    def hub_name(self, name):
        for letter, word in [("q", "query"), ("v", "value")]:
            name = name.replace(f".attention.attention.{word}.bias", f".attention.attention.{letter}_bias")
        return name

    def write(self, size, folder):
        config = self.config(size, use_mean_pooling=True, num_labels=400)
        config_json(folder, config, architectures=["VideoMAEForVideoClassification"], torch_dtype="float32")
        state = state_of(
            lambda: transformers.VideoMAEForVideoClassification(config), torch.float32, self.hub_name)
        assert sum(name.endswith(".q_bias") for name in state) == size["layers"]
        save_bin(state, folder / "pytorch_model.bin")
        return ".bin fp32, q_bias", state

    def inputs(self, size):
        pixels = {"pixel_values": noise(1, size["frames"], 3, size["image"], size["image"], seed=1)}
        return pixels, None  # there is no smaller input than one video

    def load(self, folder):
        model, facts = transformers.VideoMAEForVideoClassification.from_pretrained(
            folder, dtype=torch.float32, output_loading_info=True)
        check_loaded(facts)
        return model

    def outputs(self, model, x):
        hidden = model.videomae(x["pixel_values"]).last_hidden_state
        return {"last_hidden_state": hidden, "logits": model(x["pixel_values"]).logits}


class VideoMAEPretrained(VideoMAE):
    title = "VideoMAE pretrained, with its decoder"
    parameters = {}

    def write(self, size, folder):
        heads = 2 if size["decoder"] < 64 else size["decoder"] // 64
        config = self.config(
            size, use_mean_pooling=False, decoder_hidden_size=size["decoder"], decoder_num_attention_heads=heads,
            decoder_intermediate_size=4 * size["decoder"], decoder_num_hidden_layers=4)
        config_json(folder, config, architectures=["VideoMAEForPreTraining"], torch_dtype="float32")
        make = lambda: transformers.VideoMAEForPreTraining(config)
        state = state_of(make, torch.float32, self.hub_name)
        # After the encoder, as the checkpoint has it; the class with the decoder does without in today's transformers.
        for kind in ["weight", "bias"]:
            name = f"videomae.layernorm.{kind}"
            state.setdefault(name, filled(name, (size["hidden"],), torch.float32))
        save_file(state, folder / "model.safetensors", {"format": "pt"})
        return ".safetensors fp32, decoder", state

    def load(self, folder):
        model, facts = transformers.VideoMAEModel.from_pretrained(
            folder, dtype=torch.float32, output_loading_info=True)
        check_loaded(facts)
        return model

    def outputs(self, model, x):
        return {"last_hidden_state": model(x["pixel_values"]).last_hidden_state}


class Llava:
    title = "LLaVA, the hub's shards"
    sizes = {"small": dict(shards=3)}
    parameters = {}

    def hub_name(self, name):
        for new, old in [
            ("model.language_model.", "language_model.model."), ("lm_head.", "language_model.lm_head."),
            ("model.vision_tower.vision_model.", "vision_tower.vision_model."),
            ("model.vision_tower.", "vision_tower.vision_model."),
            ("model.multi_modal_projector.", "multi_modal_projector."),
        ]:
            if name.startswith(new):
                return old + name[len(new):]
        raise ValueError(name)

    def write(self, size, folder):
        config = transformers.LlavaConfig(
            vision_config=transformers.CLIPVisionConfig(
                hidden_size=40, intermediate_size=80, num_attention_heads=5, num_hidden_layers=3, image_size=28,
                patch_size=14, hidden_act="quick_gelu"),
            text_config=transformers.LlamaConfig(
                hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4,
                num_key_value_heads=2, vocab_size=320, rms_norm_eps=1e-5, eos_token_id=2, pad_token_id=0),
            image_token_index=300)
        config_json(folder, config, architectures=["LlavaForConditionalGeneration"], torch_dtype="float16")
        state = state_of(lambda: transformers.LlavaForConditionalGeneration(config), torch.float16, self.hub_name)
        count, names, where = size["shards"], list(state), {}
        for index in range(count):
            file = f"model-{index + 1:05d}-of-{count:05d}.safetensors"
            part = names[index * len(names) // count : (index + 1) * len(names) // count]
            save_file({name: state[name] for name in part}, folder / file, {"format": "pt"})
            where |= dict.fromkeys(part, file)
        write_json(
            folder / "model.safetensors.index.json",
            {"metadata": {"total_size": sum(2 * t.numel() for t in state.values())}, "weight_map": where})
        return f"{count} .safetensors fp16", state

    def inputs(self, size):
        ids = torch.tensor([[1, 5] + [300] * 4 + [7, 9, 11, 200]])
        return {"input_ids": ids, "pixel_values": noise(1, 3, 28, 28, seed=1)}, {"input_ids": ids[:, :2].contiguous()}

    def load(self, folder):
        model, facts = transformers.LlavaForConditionalGeneration.from_pretrained(
            folder, dtype=torch.float32, output_loading_info=True)
        check_loaded(facts)
        return model

    def outputs(self, model, x):
        return {"logits": model(input_ids=x["input_ids"], pixel_values=x["pixel_values"]).logits}


MODELS = {
    "unet": UNet, "vae": VAE, "text": Text, "clip": CLIP, "openclip": OpenCLIP, "videomae": VideoMAE,
    "videomae-pretrained": VideoMAEPretrained, "llava": Llava}

# --- What a process does ---------------------------------------------------------------------------------------------


def write(model, size, folder):
    form, state = model.write(model.sizes[size], folder / "model")
    count = sum(tensor.numel() for tensor in state.values())
    if count != model.parameters.get(size, count):
        raise SystemExit(f"{model.title} has {count} parameters, not {model.parameters[size]}")
    whole, smallest = model.inputs(model.sizes[size])
    save_file(whole, folder / "inputs.safetensors")
    if smallest is not None:
        save_file(smallest, folder / "smallest.safetensors")
    write_json(folder / "facts.json", {"title": model.title, "parameters": count, "format": form, "size": size})


def reference(model, size, folder):
    start = time.monotonic()
    x = load_file(folder / "inputs.safetensors")
    network = model.load(folder / "model")
    by_other_name = network is None
    if by_other_name:  # open_clip is not installed: the same weights in transformers' spelling
        other = CLIP()
        network = transformers.CLIPModel(other.config(model.sizes[size]))
        network.load_state_dict(other.state(model.sizes[size]), assign=True)
        model = other
    network.eval()
    loaded = time.monotonic()
    with torch.no_grad():
        outputs = model.outputs(network, x)
    seconds = time.monotonic() - loaded
    for name, tensor in outputs.items():
        if not torch.isfinite(tensor).all():
            raise SystemExit(f"the reference's {name} is not finite")
    save_file({name: tensor.contiguous() for name, tensor in outputs.items()}, folder / "reference.safetensors")
    write_json(
        folder / "reference.json",
        {"load": loaded - start, "forward": seconds, "stand_in": "transformers" if by_other_name else None})


if __name__ == "__main__":
    action, name, size, folder = sys.argv[1:]
    {"write": write, "reference": reference}[action](MODELS[name](), size, pathlib.Path(folder))

"""Writes Llava/: logits, greedy tokens, losses and gradients of small LLaVA models, and a folder as transformers saves it.

Run by hand with torch and transformers 5 installed: python llava.py. The Swift tests only read the files. Weights and
inputs follow from their names in the hub's spelling (ReferenceFill), so only the saved folder holds numbers of its own.
"""

import json
import math
import pathlib
import shutil

import torch
from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

here = pathlib.Path(__file__).parent / "Llava"
here.mkdir(exist_ok=True)
torch.manual_seed(0)


def fill(name, shape, bound):
    start = 0x811C9DC5
    for byte in name.encode():
        start = (start ^ byte) * 0x01000193 & 0xFFFFFFFF
    values = []
    for j in range(math.prod(shape)):
        x = (start + j * 0x9E3779B9) & 0xFFFFFFFF
        x = (x ^ x >> 16) * 0x7FEB352D & 0xFFFFFFFF
        x = (x ^ x >> 15) * 0x846CA68B & 0xFFFFFFFF
        x ^= x >> 16
        values.append(2 * (x / 2**32) - 1)
    return bound(torch.tensor(values, dtype=torch.float64)).float().reshape(shape)


def weight(name, shape):
    if len(shape) > 1:
        return fill(name, shape, lambda v: v * math.sqrt(3 / (math.prod(shape) / shape[0])))
    if name.endswith(".weight"):
        return fill(name, shape, lambda v: 1 + 0.25 * v)
    return fill(name, shape, lambda v: 0.1 * v)


def hub_name(name):
    """The name in the hub's files of a parameter of transformers 5."""
    for new, old in [
        ("model.language_model.", "language_model.model."), ("lm_head.", "language_model.lm_head."),
        ("model.vision_tower.vision_model.", "vision_tower.vision_model."),
        ("model.vision_tower.", "vision_tower.vision_model."), ("model.multi_modal_projector.", "multi_modal_projector."),
    ]:
        if name.startswith(new):
            return old + name[len(new):]
    raise ValueError(name)


def configuration(text={}, **whole):
    vision = CLIPVisionConfig(
        hidden_size=40, intermediate_size=80, num_attention_heads=5, num_hidden_layers=3, image_size=28, patch_size=14,
        hidden_act="quick_gelu")
    text = LlamaConfig(**{
        "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "vocab_size": 64, "rms_norm_eps": 1e-5, "rope_theta": 1e4, "eos_token_id": 2,
        "pad_token_id": 0, "tie_word_embeddings": False} | text)
    return LlavaConfig(
        vision_config=vision, text_config=text, image_token_index=60, tie_word_embeddings=text.tie_word_embeddings,
        **whole)


def filled(config):
    model = LlavaForConditionalGeneration(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(weight(hub_name(name), list(parameter.shape)))
    return model


pixels = fill("input:pixels", [2, 3, 28, 28], lambda v: v * math.sqrt(3))
cases = {
    # The one of the reference notes, whose last row of logits and greedy tokens are known from elsewhere.
    "grouped": configuration(),
    "ungrouped": configuration({"num_key_value_heads": 4}),
    "one key head, wide heads": configuration({"num_key_value_heads": 1, "head_dim": 12}),
    "tied": configuration({"tie_word_embeddings": True}),
    "biased": configuration({"attention_bias": True, "mlp_bias": True, "rope_theta": 500.0}),
    "class token, last layer": configuration(vision_feature_layer=-1, vision_feature_select_strategy="full"),
    "first layer": configuration(vision_feature_layer=1),
}


def rounded(tensor):
    return [float(f"{x:.7g}") for x in tensor.flatten().tolist()]


result = []
for name, config in cases.items():
    model = filled(config)
    image = [60] * (5 if config.vision_feature_select_strategy == "full" else 4)
    ids = torch.tensor([[1, 5] + image + [7, 9, 11], [1] + image + [33, 12, 60 - 1, 3]])
    labels = ids.clone()
    labels[:, : len(image) + 3] = -100
    with torch.no_grad():
        features = model.get_image_features(pixel_values=pixels)
        features = getattr(features, "pooler_output", features)
        features = torch.stack(list(features)) if not torch.is_tensor(features) else features
        logits = model(input_ids=ids, pixel_values=pixels).logits
        greedy = model.generate(
            input_ids=ids[:1], pixel_values=pixels[:1], attention_mask=torch.ones_like(ids[:1]), max_new_tokens=24,
            do_sample=False)
    output = model(input_ids=ids, pixel_values=pixels, labels=labels)
    output.loss.backward()
    gradients = {} if name not in ["grouped", "ungrouped", "tied", "biased"] else {
        hub_name(n): rounded(p.grad.double().pow(2).sum().sqrt().reshape(1)) + rounded(p.grad.flatten()[:4])
        for n, p in model.named_parameters() if p.grad is not None}
    result.append({
        "name": name, "config": json.loads(config.to_json_string(use_diff=False)), "ids": ids.tolist(),
        "features": rounded(features[0]), "second_logits": rounded(logits[1]),
        "greedy": greedy[0][ids.shape[1]:].tolist(), "loss": float(output.loss.detach()),
        "labels": [[None if x < 0 else x for x in row] for row in labels.tolist()], "gradients": gradients})
    result[-1]["config"]["architectures"] = ["LlavaForConditionalGeneration"]
    print(name, rounded(logits[0, -1, :4]), result[-1]["greedy"], result[-1]["loss"])


def slim(value):
    """Without what says nothing of the model, so that the file is small."""
    if isinstance(value, dict):
        return {k: slim(v) for k, v in value.items() if v not in (None, False, {}, []) or k.startswith("tie")}
    return value


for case in result:
    case["config"] = slim(case["config"])
    for key in ["id2label", "label2id"]:
        for section in [case["config"], case["config"]["text_config"], case["config"]["vision_config"]]:
            section.pop(key, None)
    case["config"] = json.dumps(case["config"])
(here / "expected.json").write_text(json.dumps(result, separators=(",", ":")).replace('{"name"', '\n{"name"') + "\n")

# A folder in the spelling and with the config.json of today's transformers, in bfloat16.
small = LlavaConfig(
    vision_config=CLIPVisionConfig(
        hidden_size=16, intermediate_size=24, num_attention_heads=2, num_hidden_layers=2, image_size=28, patch_size=14),
    text_config=LlamaConfig(
        hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        vocab_size=48, eos_token_id=2, pad_token_id=0),
    image_token_index=40)
model = LlavaForConditionalGeneration(small).eval()
with torch.no_grad():
    for parameter in model.parameters():
        parameter.copy_((parameter + 0.3 * torch.randn_like(parameter)).bfloat16())
folder = here / "folder"
shutil.rmtree(folder, ignore_errors=True)
model.to(torch.bfloat16).save_pretrained(folder)
model = LlavaForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()
ids = torch.tensor([[1, 40, 40, 40, 40, 5, 6, 7]])
image = fill("input:pixels", [1, 3, 28, 28], lambda v: v * math.sqrt(3))
with torch.no_grad():
    logits = model(input_ids=ids, pixel_values=image).logits
    greedy = model.generate(
        input_ids=ids, pixel_values=image, attention_mask=torch.ones_like(ids), max_new_tokens=16, do_sample=False)
(folder / "expected.json").write_text(
    json.dumps({"ids": ids.tolist(), "logits": rounded(logits), "greedy": greedy[0][8:].tolist()}) + "\n")

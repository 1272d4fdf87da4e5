#!/usr/bin/env python3
"""Holds motrans to PyTorch on models as people download them: random weights, the real file layouts.

Run by hand, with a Python that has torch, diffusers, transformers, peft, open_clip_torch, safetensors and numpy:

    python Tests/Goldens/parity/parity.py --motrans .build/release/motrans --size small
    python Tests/Goldens/parity/parity.py --motrans .build/release/motrans --size full

Small takes some minutes. Full has ZeroScope's, ViT-H/14's and VideoMAE-base's sizes: about 10 GB of memory and 4 GB of disk
at a time (with --folder 12 GB, kept). Nothing is downloaded. Small has LLaVA and LoRAs besides; medium rehearses full.

Every folder is written, run by its reference class in float32, and run by `motrans forward`, each in a process of its
own. Memory is the peak of that process: PyTorch's has about 1 GB of libraries in it. "Of that load" is a run on the
smallest input there is. `lora` runs a whole sampling with a LoRA that peft holds, and the other way round (see lora.py).

Exits with 1 when a relative error ||out - ref|| / ||ref|| is above 1e-4 (1e-3 after a whole sampling), or something
could not be run.
"""

import argparse
import json
import os
import pathlib
import shutil
import sys
import tempfile

from measure import relative_errors, run, say

HERE = pathlib.Path(__file__).resolve().parent
NAMES = ["unet", "vae", "text", "clip", "openclip", "videomae", "videomae-pretrained", "llava"]
SMALL_ONLY = ["llava", "lora"]
LIMIT = 1e-4


class Failure(Exception):
    pass


def python(script, *arguments, log):
    """One of our scripts in a process of its own."""
    done = run([sys.executable, HERE / script, *arguments], log)
    if done.status != 0:
        raise Failure(f"{script} {arguments[0]} ended with {done.status}: {done.told()}")
    return done


def forward(options, folder, inputs, outputs):
    done = run(
        [options.motrans, "forward", folder / "model", "--inputs", folder / inputs, "--outputs", folder / outputs],
        folder / "motrans.log")
    if done.status != 0:
        raise Failure(f"motrans forward ended with {done.status}: {done.told()}")
    return done


def compare(name, options, scratch):
    """One model: its row of the table, as strings, and whether it is as it should be."""
    folder = scratch / options.size / name
    facts_file = folder / "facts.json"
    if not facts_file.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        say(f"{name}: writing random weights")
        python("models.py", "write", name, options.size, folder, log=folder / "write.log")
    facts = json.loads(facts_file.read_text())
    row = [facts["title"], f"{facts['parameters']:,}", facts["format"]]
    say(f"{name}: PyTorch")
    reference = python("models.py", "reference", name, options.size, folder, log=folder / "reference.log")
    times = json.loads((folder / "reference.json").read_text())
    say(f"{name}: motrans")
    try:
        whole = forward(options, folder, "inputs.safetensors", "outputs.safetensors")
        load = ""
        if (folder / "smallest.safetensors").exists():
            load = f"{forward(options, folder, 'smallest.safetensors', 'smallest-outputs.safetensors').seconds:.2f}"
    except Failure as failure:
        say(f"{name}: {failure}")
        return row + ["failed", "", "", "", "", ""], False
    errors = relative_errors(folder / "outputs.safetensors", folder / "reference.safetensors")
    told = ", ".join(f"{output} {error:.1e}" for output, error in errors.items())
    if times["stand_in"]:
        told += f" (reference: {times['stand_in']})"
    row += [
        told, f"{whole.seconds:.2f}", load, f"{times['load']:.2f} + {times['forward']:.2f}",
        f"{whole.peak_bytes / 1e9:.2f}", f"{reference.peak_bytes / 1e9:.2f}"]
    return row, all(error <= LIMIT for error in errors.values())


def print_markdown(headings, rows):
    if rows:
        for line in [headings, ["---"] * len(headings), *rows]:
            print("| " + " | ".join(line) + " |")
        print()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--motrans", type=pathlib.Path, required=True, help="the binary")
    parser.add_argument(
        "--size", choices=["small", "medium", "full"], default="small",
        help="medium is a rehearsal of full: its layouts and groups, a tenth of its widths")
    parser.add_argument("--only", help="some of " + ",".join([*NAMES, "lora"]) + "; videomae is both of its layouts")
    parser.add_argument("--folder", type=pathlib.Path, help="where everything stays for the next time; default: nowhere")
    options = parser.parse_args()
    options.motrans = options.motrans.resolve()
    if not os.access(options.motrans, os.X_OK):
        parser.error(f"there is no program {options.motrans}")
    everything = [n for n in [*NAMES, "lora"] if options.size == "small" or n not in SMALL_ONLY]
    wanted = options.only.split(",") if options.only else everything
    if "videomae" in wanted and options.only:
        wanted.insert(wanted.index("videomae") + 1, "videomae-pretrained")
    wanted = list(dict.fromkeys(wanted))
    for name in wanted:
        if name not in everything:
            parser.error(f"{name} is not one of {', '.join(everything)} at size {options.size}")

    scratch = (options.folder or pathlib.Path(tempfile.mkdtemp(prefix="parity-"))).resolve()
    scratch.mkdir(parents=True, exist_ok=True)
    rows, lora_rows, is_good = [], [], True
    try:
        for name in wanted:
            try:
                if name == "lora":
                    folder = scratch / "lora"
                    shutil.rmtree(folder, ignore_errors=True)
                    folder.mkdir()
                    try:
                        python("lora.py", options.motrans, folder, log=folder / "lora.log")
                    finally:  # what was compared before a failure is told too
                        results = folder / "rows.json"
                        for result in json.loads(results.read_text()) if results.exists() else []:
                            lora_rows.append([result["what"], result["told"], "yes" if result["good"] else "no"])
                            is_good &= result["good"]
                    continue
                row, is_right = compare(name, options, scratch)
            except Failure as failure:
                say(f"{name}: {failure}")
                row, is_right = [name, "", "", "failed", "", "", "", "", ""], False
            rows.append(row)
            is_good &= is_right
            if not options.folder:
                shutil.rmtree(scratch / options.size / name, ignore_errors=True)
    finally:
        if not options.folder:
            shutil.rmtree(scratch, ignore_errors=True)
    print_markdown(
        [
            "model", "parameters", "file", "relative error", "motrans s", "of that load s", "PyTorch load + forward s",
            "motrans GB", "PyTorch GB"], rows)
    print_markdown(["LoRA", "relative difference", "as it should be"], lora_rows)
    sys.exit(0 if is_good else 1)


if __name__ == "__main__":
    main()

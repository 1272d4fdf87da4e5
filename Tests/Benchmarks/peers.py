#!/usr/bin/env python3
"""motrans beside the tools that people use for such graphs, and a large artifact beside plain copies.

Run by hand, on a machine that does nothing else; needs Python 3.9 or later, GNU make, GNU time and, for the first time,
a package index that pip can reach:

    make release
    python3 Tests/Benchmarks/peers.py --motrans .build/release/motrans
    python3 Tests/Benchmarks/peers.py --motrans .build/release/motrans --only motrans make --sizes 7 --parts graphs

The peers are installed into a virtual environment in --workplace, which is kept when it is named, so that a second
measurement does not install again. Nothing is written anywhere else.

Graphs: chains of ten steps (of seven, if there are seven). Step 0 of chain c writes the parameter p<c>, step s what
step s-1 wrote and a line more; each is one `sh`. One job at a time. Each tool is set up as its users set it up:
parameters are entries of one file, except for make, which knows only files. `sh` is the same commands in one script.
  first run    from nothing
  nothing      the same again
  one param    one parameter changed: exactly one chain is stale
  dry run      after nothing has changed
Each cell is wall seconds (CPU seconds of the whole process tree); CPU seconds are what a busy machine does not spoil. Memory is
the largest process. All outputs are checked after the first run, and that one chain and no other changed.

Artifact: 1 GiB of random bytes, and 1 GiB of normal float32 in a safetensors file, put into a store and got back.
  motrans store  the phase `publication` of a step that copied the file: hashed, compressed where that pays, synced,
                 recorded. Wall time is the span in the step's trace, CPU time that of the run less that of `cp`.
  motrans get    every byte verified on the way
  dvc            `dvc add`, and `dvc checkout` of the file when it is gone (which verifies nothing)

Exits with 1 when a tool did not do its work.
"""

import argparse
import array
import filecmp
import hashlib
import json
import os
import pathlib
import platform
import random
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time

PACKAGES = ["dvc==3.67.1", "snakemake==9.27.1", "redun==0.44.1", "doit==0.37.0"]
ROWS = ["first run", "nothing", "one param", "dry run"]
# A row that takes longer than this is measured once.
LONG = 60
# DVC's time grows with the square of the number of stages: some 27 minutes for 1,000.
MOST_DVC = 100


class Wrong(Exception):
    """A tool did not do its work."""


def say(text):
    print(text, file=sys.stderr, flush=True)


# --- Measuring -------------------------------------------------------------------------------------------------------


def measure(command, folder, environment=None):
    """Runs a program to its end: wall and CPU seconds of it and all that it waited for, and the largest of them in MiB.

    GNU time stands between, because a process begins with the peak memory of the one that started it, which is Python."""
    memory = folder / ".memory"
    output = folder / ".output"
    gnu_time = shutil.which("time") or sys.exit("GNU time is needed: apt-get install time")
    with open(output, "wb") as words:
        start = time.perf_counter()
        process = subprocess.Popen(
            [gnu_time, "-q", "-f", "%M", "-o", memory, *command], cwd=folder, stdin=subprocess.DEVNULL, stdout=words,
            stderr=words, env={**os.environ, **(environment or {})})
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        last = output.read_text(errors="replace")[-2000:]
        raise Wrong(f"{' '.join(map(str, command))} ended with {process.returncode}:\n{last}")
    return {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "memory": int(memory.read_text().split()[-1]) / 1024}


def medians(measured):
    return {key: statistics.median(one[key] for one in measured) for key in measured[0]}


# --- The graph -------------------------------------------------------------------------------------------------------


class Graph:
    """Chains of ten steps; of fewer when there are fewer."""

    def __init__(self, size):
        self.length = min(size, 10)
        self.chains = size // self.length
        # All different: equal work is done once by those who know it by its content.
        self.parameters = {chain: chain for chain in range(self.chains)}

    @property
    def steps(self):
        return [(chain, step) for chain in range(self.chains) for step in range(self.length)]

    def text(self, chain, step):
        """What a step has to write."""
        return f"{self.parameters[chain]}\n" + "".join(f"{number}\n" for number in range(1, step + 1))


class Tool:
    """One tool: its files in a folder of its own, and its commands."""

    environment = {}

    def __init__(self, place, graph, tools):
        self.place, self.graph, self.tools = place, graph, tools

    def program(self, name):
        return str(self.tools / "bin" / name)

    def output(self, chain, step):
        return f"out/{chain}-{step}"

    def command(self, chain, step):
        """The shell's text of a step after the first."""
        return f"cat {self.output(chain, step - 1)} > {self.output(chain, step)}; " + (
            f"echo {step} >> {self.output(chain, step)}")

    def write_parameters(self):
        lines = [f"p{chain}: {value}\n" for chain, value in self.graph.parameters.items()]
        (self.place / "params.yaml").write_text("".join(lines))

    def run(self):
        raise NotImplementedError

    def dry(self):
        return None

    def outputs(self):
        """What every step wrote, by step."""
        return {step: (self.place / self.output(*step)).read_text() for step in self.graph.steps}

    def check(self, outputs):
        for step in self.graph.steps:
            if outputs[step] != self.graph.text(*step):
                raise Wrong(f"step {step} wrote {outputs[step]!r} and not {self.graph.text(*step)!r}")

    def set_up(self):
        (self.place / "out").mkdir(parents=True)
        self.write_parameters()
        self.describe()

    def describe(self):
        pass


class Shell(Tool):
    def describe(self):
        lines = ["set -e"]
        for chain, step in self.graph.steps:
            text = self.command(chain, step) if step else f"echo {self.graph.parameters[chain]} > out/{chain}-0"
            lines.append(f"sh -c '{text}'")
        (self.place / "all.sh").write_text("\n".join(lines) + "\n")

    def run(self):
        return ["sh", "all.sh"]


class Make(Tool):
    def write_parameters(self):
        # One file each: make knows nothing below files.
        (self.place / "parameters").mkdir(exist_ok=True)
        for chain, value in self.graph.parameters.items():
            file = self.place / f"parameters/p{chain}"
            if not file.exists() or file.read_text() != f"{value}\n":
                file.write_text(f"{value}\n")

    def describe(self):
        lines = ["all: " + " ".join(self.output(chain, self.graph.length - 1) for chain in range(self.graph.chains))]
        for chain, step in self.graph.steps:
            source = self.output(chain, step - 1) if step else f"parameters/p{chain}"
            text = self.command(chain, step) if step else f"cat {source} > {self.output(chain, step)}"
            lines += [f"{self.output(chain, step)}: {source}", f"\t@{text}"]
        (self.place / "Makefile").write_text("\n".join(lines) + "\n")

    def run(self):
        return ["make", "-s"]

    def dry(self):
        return ["make", "-s", "-n"]


class Doit(Tool):
    def describe(self):
        (self.place / "dodo.py").write_text(
            f"""
from doit.tools import config_changed

DOIT_CONFIG = {{"verbosity": 0}}
parameters = dict(line.strip().split(": ") for line in open("params.yaml"))


def task_step():
    for chain in range({self.graph.chains}):
        for step in range({self.graph.length}):
            out, before = f"out/{{chain}}-{{step}}", f"out/{{chain}}-{{step - 1}}"
            if step == 0:
                value = parameters[f"p{{chain}}"]
                yield dict(name=f"{{chain}}-{{step}}", actions=[f"echo {{value}} > {{out}}"], targets=[out],
                           uptodate=[config_changed(value)])
            else:
                yield dict(name=f"{{chain}}-{{step}}", actions=[f"cat {{before}} > {{out}}; echo {{step}} >> {{out}}"],
                           file_dep=[before], targets=[out])
""")

    def run(self):
        return [self.program("doit"), "run"]

    def dry(self):
        # The nearest: doit's own `run` has no dry run.
        return [self.program("doit"), "list", "--all", "--status", "-q"]


class Snakemake(Tool):
    def describe(self):
        (self.place / "Snakefile").write_text(
            f"""
configfile: "params.yaml"

rule all:
    input: expand("out/{{c}}-{self.graph.length - 1}", c=range({self.graph.chains}))

rule first:
    output: "out/{{c}}-0"
    params: p=lambda wildcards: config[f"p{{wildcards.c}}"]
    shell: "echo {{params.p}} > {{output}}"

rule following:
    input: lambda wildcards: f"out/{{wildcards.c}}-{{int(wildcards.s) - 1}}"
    output: "out/{{c}}-{{s,[1-9]}}"
    shell: "cat {{input}} > {{output}}; echo {{wildcards.s}} >> {{output}}"
""")
        self.environment = {"XDG_CACHE_HOME": str(self.place / ".cache")}

    def run(self):
        return [self.program("snakemake"), "--cores", "1", "--quiet"]

    def dry(self):
        return [self.program("snakemake"), "--cores", "1", "--quiet", "--dry-run"]


class DVC(Tool):
    # No daemon that looks for new versions or reports anything.
    environment = {"DVC_NO_ANALYTICS": "1", "DVC_TEST": "1"}

    def describe(self):
        quiet = dict(cwd=self.place, check=True, env={**os.environ, **self.environment}, stdout=subprocess.DEVNULL)
        subprocess.run([self.program("dvc"), "init", "--no-scm", "-q"], **quiet)
        for key, value in [("core.analytics", "false"), ("core.check_update", "false")]:
            subprocess.run([self.program("dvc"), "config", key, value], **quiet)
        lines = ["stages:"]
        for chain, step in self.graph.steps:
            out = self.output(chain, step)
            lines.append(f"  c{chain}-{step}:")
            if step == 0:
                lines += [f"    cmd: echo ${{p{chain}}} > {out}", "    params:", f"    - p{chain}"]
            else:
                lines += [f"    cmd: {self.command(chain, step)}", "    deps:", f"    - {self.output(chain, step - 1)}"]
            lines += ["    outs:", f"    - {out}"]
        (self.place / "dvc.yaml").write_text("\n".join(lines) + "\n")

    def run(self):
        return [self.program("dvc"), "repro", "-q"]

    def dry(self):
        return [self.program("dvc"), "repro", "-q", "--dry"]


class Redun(Tool):
    def describe(self):
        (self.place / "workflow.py").write_text(
            f"""
import subprocess

from redun import File, task

redun_namespace = "chains"


def shell(text):
    subprocess.run(["sh", "-c", text], check=True)


@task()
def first(chain: int, value: str) -> File:
    shell(f"echo {{value}} > out/{{chain}}-0")
    return File(f"out/{{chain}}-0")


@task()
def following(chain: int, step: int, before: File) -> File:
    shell(f"cat {{before.path}} > out/{{chain}}-{{step}}; echo {{step}} >> out/{{chain}}-{{step}}")
    return File(f"out/{{chain}}-{{step}}")


@task(cache=False)
def main() -> list:
    parameters = dict(line.strip().split(": ") for line in open("params.yaml"))
    last = []
    for chain in range({self.graph.chains}):
        file = first(chain, parameters[f"p{{chain}}"])
        for step in range(1, {self.graph.length}):
            file = following(chain, step, file)
        last.append(file)
    return last
""")
        (self.place / ".redun").mkdir()
        (self.place / ".redun/redun.ini").write_text(
            "[backend]\ndb_uri = sqlite:///redun.db\n\n[executors.default]\ntype = local\nmax_workers = 1\n")

    def run(self):
        return [self.program("redun"), "run", "workflow.py", "main"]


class Motrans(Tool):
    binary = None

    def write_parameters(self):
        # Settings in the pipeline file itself.
        lines = ["version: 1", "name: chains", "settings:"]
        for chain, value in self.graph.parameters.items():
            lines.append(f"  c{chain}-0: {{environment: {{P: \"{value}\"}}}}")
        lines.append("steps:")
        for chain, step in self.graph.steps:
            lines += [f"  c{chain}-{step}:", "    stage: command"]
            if step == 0:
                lines.append("    run: [sh, -c, 'echo \"$P\" > \"$0\"', \"{outputs.x}\"]")
            else:
                lines += [
                    f"    inputs: {{x: \"${{c{chain}-{step - 1}}}\"}}",
                    f"    run: [sh, -c, 'cat \"$0\" > \"$1\"; echo {step} >> \"$1\"', \"{{inputs.x}}\", \"{{outputs.x}}\"]"]
            lines.append("    outputs: {x: file}")
        (self.place / "p.yaml").write_text("\n".join(lines) + "\n")

    def run(self):
        return [self.binary, "run", "p.yaml", "--jobs", "1", "--quiet"]

    def dry(self):
        return [self.binary, "run", "p.yaml", "--jobs", "1", "--dry-run"]

    def outputs(self):
        """The digests of the steps' files. A text has one digest, so they say as much as the texts."""
        told = subprocess.run(
            [self.binary, "status", "p.yaml", "--json"], cwd=self.place, check=True, capture_output=True)
        return {
            tuple(map(int, step["step"][1:].split("-"))): step["outputs"]["x"]
            for step in json.loads(told.stdout)["steps"]}

    def check(self, outputs):
        last = self.graph.length - 1
        for chain in sorted({0, self.graph.chains // 2, self.graph.chains - 1}):
            step = f"c{chain}-{last}"
            subprocess.run(
                [self.binary, "get", step, "--pipeline", "p.yaml", "--to", "got", "--replace"], cwd=self.place,
                check=True, stdout=subprocess.DEVNULL)
            if (self.place / "got/x").read_text() != self.graph.text(chain, last):
                raise Wrong(f"{step} is {(self.place / 'got/x').read_text()!r}")
        if len(set(outputs.values())) != len(self.graph.steps):
            raise Wrong(f"{len(set(outputs.values()))} different results of {len(self.graph.steps)} steps")


TOOLS = {
    "sh": Shell, "make": Make, "doit": Doit, "snakemake": Snakemake, "dvc": DVC, "redun": Redun, "motrans": Motrans}


def measure_graph(name, size, options):
    """All rows of one tool on one graph."""
    rows = {row: [] for row in ROWS}
    for repeat in range(options.repeats):
        if rows["first run"] and rows["first run"][0]["wall"] > LONG:
            break
        place = options.workplace / "graphs" / f"{name}-{size}"
        shutil.rmtree(place, ignore_errors=True)
        tool = TOOLS[name](place, Graph(size), options.tools)
        tool.set_up()
        rows["first run"].append(measure(tool.run(), place, tool.environment))
        tool.check(tool.outputs())
    if name == "sh":
        return rows
    for repeat in range(options.repeats):
        rows["nothing"].append(measure(tool.run(), tool.place, tool.environment))
        if tool.dry():
            rows["dry run"].append(measure(tool.dry(), tool.place, tool.environment))
        if rows["nothing"][0]["wall"] > LONG:
            break
    chain = tool.graph.chains * 42 // 100
    for repeat in range(options.repeats):
        before = tool.outputs()
        # Tools that go by times of files see those of a second ago.
        time.sleep(1)
        tool.graph.parameters[chain] += 1000
        tool.write_parameters()
        rows["one param"].append(measure(tool.run(), tool.place, tool.environment))
        after = tool.outputs()
        tool.check(after)
        changed = sorted(step for step in after if after[step] != before[step])
        if changed != [(chain, step) for step in range(tool.graph.length)]:
            raise Wrong(f"{name}: not one chain changed, but {changed}")
        if rows["one param"][0]["wall"] > LONG:
            break
    shutil.rmtree(tool.place, ignore_errors=True)
    return rows


def graphs(options):
    results = {}
    for size in options.sizes:
        for name in options.only:
            if name == "dvc" and size > MOST_DVC and not options.long_dvc:
                say(f"dvc, {size} steps: left out (half an hour at 1,000); --long-dvc measures it")
                continue
            say(f"{name}, {size} steps")
            rows = measure_graph(name, size, options)
            results[f"{name} {size}"] = {row: medians(cells) for row, cells in rows.items() if cells}
    return results


def graph_tables(results, options):
    for size in options.sizes:
        length = Graph(size).length
        print(f"\n| {size} steps | first run | per step, ms | nothing to do | one parameter ({length} steps) | dry run "
              "| memory, nothing to do |\n|---|---:|---:|---:|---:|---:|---:|")
        for name in options.only:
            rows = results.get(f"{name} {size}")
            if rows is None:
                print(f"| {name} | not measured | | | | | |")
                continue
            cells = [f"{rows[row]['wall']:.2f} ({rows[row]['cpu']:.2f})" if row in rows else "" for row in ROWS]
            first = rows["first run"]
            cells.insert(1, f"{first['wall'] / size * 1000:.1f} ({first['cpu'] / size * 1000:.1f})")
            memory = f"{rows['nothing']['memory']:.0f} MiB" if "nothing" in rows else ""
            print(f"| {name} | {' | '.join(cells)} | {memory} |")


# --- The artifact ----------------------------------------------------------------------------------------------------


def write_random(path, size):
    with open(path, "wb") as file:
        while size > 0:
            file.write(os.urandom(min(size, 1 << 24)))
            size -= 1 << 24


def write_weights(path, size):
    """Normal numbers, in a safetensors file of one tensor.

    16 million are drawn; further on they come again in another place with other low bits, so that no compressor
    finds them again and the time is bearable."""
    count = size // 4
    header = json.dumps({"weight": {"dtype": "F32", "shape": [count], "data_offsets": [0, count * 4]}}).encode()
    header += b" " * (-len(header) % 8)
    generator = random.Random(1)
    drawn = array.array("f", (generator.gauss(0, 0.02) for _ in range(1 << 24))).tobytes()
    low = int.from_bytes(b"\xff\x3f\x00\x00" * (len(drawn) // 4), "little")
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        left = count * 4
        while left > 0:
            turn = generator.randrange(len(drawn) // 4) * 4
            number = int.from_bytes(drawn[turn:] + drawn[:turn], "little")
            number ^= low & int.from_bytes(os.urandom(len(drawn)), "little")
            file.write(number.to_bytes(len(drawn), "little")[:left])
            left -= len(drawn)


def used(folder):
    """The bytes that a folder takes on the disk."""
    return sum(file.stat().st_blocks * 512 for file in folder.rglob("*") if file.is_file() and not file.is_symlink())


def phase(trace, name):
    """The seconds of a phase in a trace of one step."""
    events = [event for event in json.loads(trace.read_text()) if event.get("name") == name]
    begin = [event["ts"] for event in events if event["ph"] == "B"]
    end = [event["ts"] for event in events if event["ph"] == "E"]
    return (sum(end) - sum(begin)) / 1e6


def digest(path):
    with open(path, "rb") as file:
        found = hashlib.sha256()
        while block := file.read(1 << 20):
            found.update(block)
        return found.hexdigest()


def measure_floor(source, place, results, options):
    place.mkdir()
    commands = {"cp": ["cp", source, "copy"], "sha256sum": ["sha256sum", source],
                "openssl dgst -sha256": ["openssl", "dgst", "-sha256", source]}
    for name, command in commands.items():
        if shutil.which(command[0]):
            results[name] = []
        for _ in range(options.repeats if name in results else 0):
            (place / "copy").unlink(missing_ok=True)
            os.sync()
            results[name].append(measure(command, place))


def measure_motrans_artifact(source, place, results, options):
    binary = options.motrans
    name = "y" + source.suffix
    for row in ["motrans: hash the input", "motrans: store", "motrans: get, verified"]:
        results[row] = []
    for _ in range(options.repeats):
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        (place / "p.yaml").write_text(
            f"""version: 1
name: artifact
steps:
  known:
    stage: command
    inputs: {{x: {{file: {source}}}}}
    run: [sh, -c, 'echo known > "$0"', "{{outputs.y}}"]
    outputs: {{y: file}}
  stored:
    stage: command
    inputs: {{x: {{file: {source}}}}}
    run: [cp, "{{inputs.x}}", "{{outputs.y}}{source.suffix}"]
    outputs: {{y: file}}
""")
        # The source is hashed once, and then known by its size and times.
        results["motrans: hash the input"].append(measure([binary, "run", "p.yaml", "known", "--quiet"], place))
        os.sync()
        stored = measure([binary, "run", "p.yaml", "stored", "--quiet", "--trace", "t.json"], place)
        stored["cpu"] -= medians(results["cp"])["cpu"]
        stored["wall"] = phase(place / "t.json", "publication")
        results["motrans: store"].append(stored)
        size = used(place / "cache")
        results["motrans: get, verified"].append(measure([binary, "get", "stored", "--to", "got"], place))
        if digest(place / "got" / name) != digest(source):
            raise Wrong("motrans gave other bytes back")
    shutil.rmtree(place)
    return size


def measure_dvc_artifact(source, place, results, options):
    dvc = str(options.tools / "bin" / "dvc")
    for row in ["dvc add", "dvc checkout, not verified"]:
        results[row] = []
    for _ in range(options.repeats):
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        tool = DVC(place, Graph(7), options.tools)
        tool.describe()
        (place / "dvc.yaml").unlink()
        file = place / source.name
        shutil.copyfile(source, file)
        os.sync()
        results["dvc add"].append(measure([dvc, "add", "-q", file.name], place, tool.environment))
        size = used(place / ".dvc/cache")
        file.unlink()
        os.sync()
        results["dvc checkout, not verified"].append(measure([dvc, "checkout", "-q"], place, tool.environment))
        if not filecmp.cmp(source, file, shallow=False):
            raise Wrong("dvc gave other bytes back")
    shutil.rmtree(place)
    return size


def artifacts(options):
    results = {}
    for kind, write in [("random.bin", write_random), ("weights.safetensors", write_weights)]:
        say(f"artifact, {kind}")
        place = options.workplace / "artifact"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        source = place / kind
        write(source, options.mebibytes << 20)
        rows, sizes = {}, {}
        measure_floor(source, place / "floor", rows, options)
        shutil.rmtree(place / "floor")
        if "motrans" in options.only:
            sizes["motrans: store"] = measure_motrans_artifact(source, place / "motrans", rows, options)
        if "dvc" in options.only:
            sizes["dvc add"] = measure_dvc_artifact(source, place / "dvc", rows, options)
        results[kind] = {row: medians(cells) for row, cells in rows.items()}
        for row, size in sizes.items():
            results[kind][row]["stored"] = size / (options.mebibytes << 20)
        shutil.rmtree(place)
    return results


def artifact_tables(results, options):
    for kind, rows in results.items():
        print(f"\n| {options.mebibytes} MiB, {kind} | wall, s | CPU, s | memory, MiB | on disk |\n|---|---:|---:|---:|---:|")
        for name, row in rows.items():
            stored = f"{row['stored']:.1%}" if "stored" in row else ""
            print(f"| {name} | {row['wall']:.2f} | {row['cpu']:.2f} | {row['memory']:.0f} | {stored} |")


# --- The machine and the command line --------------------------------------------------------------------------------


def install(options):
    """A virtual environment with the peers that are wanted."""
    options.tools = options.workplace / "tools"
    wanted = [package for package in PACKAGES if package.split("==")[0] in options.only]
    if not wanted:
        return
    if not (options.tools / "bin/pip").exists():
        subprocess.run([sys.executable, "-m", "venv", options.tools], check=True)
    say(f"installing {', '.join(wanted)}")
    subprocess.run([options.tools / "bin/pip", "install", "--quiet", *wanted], check=True)


def machine(options):
    """What the figures hold for."""
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    version = subprocess.run([options.motrans, "version"], capture_output=True, text=True, check=True).stdout.split("\n")[0]
    make = subprocess.run(["make", "--version"], capture_output=True, text=True).stdout.split("\n")[0]
    return {
        "processor": model, "cores": os.cpu_count(), "system": platform.platform(), "load": os.getloadavg()[0],
        "versions": PACKAGES + [make, version, f"Python {platform.python_version()}"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--motrans", type=pathlib.Path, required=True, help="a release build of the binary")
    parser.add_argument("--workplace", type=pathlib.Path, help="where all is made (default: a temporary folder, removed)")
    parser.add_argument("--only", nargs="+", choices=TOOLS, default=list(TOOLS), help="the tools")
    parser.add_argument("--parts", nargs="+", choices=["graphs", "artifact"], default=["graphs", "artifact"])
    parser.add_argument("--sizes", nargs="+", type=int, default=[7, 100, 1000], help="steps of the graphs")
    parser.add_argument("--repeats", type=int, default=3, help="a row of more than a minute is measured once")
    parser.add_argument("--mebibytes", type=int, default=1024, help="size of the artifact")
    parser.add_argument("--long-dvc", action="store_true", help=f"dvc with more than {MOST_DVC} steps")
    parser.add_argument("--json", type=pathlib.Path, help="all figures as JSON")
    options = parser.parse_args()
    options.motrans = str(options.motrans.resolve())
    Motrans.binary = options.motrans
    for size in options.sizes:
        if size > 10 and size % 10 or size < 1:
            parser.error("--sizes: up to 10, or tens")
    with tempfile.TemporaryDirectory(prefix="motrans-peers-") as temporary:
        options.workplace = (options.workplace or pathlib.Path(temporary)).resolve()
        options.workplace.mkdir(parents=True, exist_ok=True)
        install(options)
        told = {"machine": machine(options)}
        try:
            if "graphs" in options.parts:
                told["graphs"] = graphs(options)
            if "artifact" in options.parts:
                told["artifact"] = artifacts(options)
        except Wrong as problem:
            sys.exit(f"error: {problem}")
    told["machine"]["load at the end"] = os.getloadavg()[0]
    if options.json:
        options.json.write_text(json.dumps(told, indent=1) + "\n")
    facts = told["machine"]
    print(f"{facts['cores']} cores, {facts['processor']}; {facts['system']}; {', '.join(facts['versions'])}. "
          f"Load {facts['load']:.1f} at the start, {facts['load at the end']:.1f} at the end.")
    if "graphs" in told:
        print("\nSeconds: wall (CPU).")
        graph_tables(told["graphs"], options)
    if "artifact" in told:
        artifact_tables(told["artifact"], options)


if __name__ == "__main__":
    main()

#!/bin/sh
# Fuzzes the readers of weight files: run.sh [SECONDS] [WORKERS]. What it finds lies in .build/fuzz/crashes; the corpus is
# kept there from run to run. Needs nothing but the Swift toolchain.
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:-600}
workers=${2:-2}
out=.build/fuzz
mkdir -p "$out/corpus" "$out/crashes"
readers=Sources/Core/Checkpoints
swiftc -O -g -sanitize=fuzzer,address -parse-as-library -module-name Fuzz -swift-version 6 \
    -enable-upcoming-feature InternalImportsByDefault \
    $readers/MappedFile.swift $readers/SafetensorsHeader.swift $readers/HeaderScanner.swift \
    $readers/ZipDirectory.swift $readers/Pickle.swift $readers/TorchFile.swift $readers/Checkpoint.swift \
    $readers/Checkpoint+Opening.swift $readers/CheckpointError.swift $readers/ElementType.swift \
    Tests/Fuzz/CheckpointFuzzer.swift -o "$out/checkpoints"
cp Tests/Goldens/TorchFile/* "$out/corpus/"
# A small safetensors file: the length of the header, the header, two numbers.
printf '\110\0\0\0\0\0\0\0{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"__metadata__":{}}12345678' \
    > "$out/corpus/small.safetensors"
exec "$out/checkpoints" "$out/corpus" -max_total_time="$seconds" -fork="$workers" -ignore_crashes=1 \
    -artifact_prefix="$out/crashes/" -rss_limit_mb=1024 -timeout=5 -max_len=65536 -dict=Tests/Fuzz/weights.dict

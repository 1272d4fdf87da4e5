#!/bin/sh
# Fuzzes the reader of pipeline files: pipelines.sh [SECONDS] [WORKERS]. What it finds lies in .build/fuzz/pipelines/crashes;
# the corpus is kept there from run to run. Needs the Swift toolchain and what `swift build` has fetched.
#
# Everything from libyaml to the stages' checks is instrumented; the stages are those of Tests/PipelinesTests/Workplace.swift.
# Leaks are not looked for: Swift keeps marks in pointers inside enums, which the detector cannot follow; what grows from
# input to input would reach the limit of memory. Shadow memory and quarantine multiply what the address sanitizer's binary takes, hence its limit; what an input takes of a
# plain binary is measured by `motrans validate` in Tests/EndToEndTests/HostilePipelineTests.swift.
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:-600}
workers=${2:-2}
out=.build/fuzz/pipelines
modules=$out/modules
mkdir -p "$out/corpus" "$out/crashes" "$modules"
rm -rf "$out/tmp"
mkdir "$out/tmp"

# module NAME SOURCE...: an instrumented module of the project or one that it uses.
module() {
    name=$1
    shift
    newest=$(ls -t "$modules/$name.o" "$@" 2>/dev/null | head -n 1)
    [ "$newest" = "$modules/$name.o" ] && return
    echo "compiling $name"
    swiftc -O -g -wmo -sanitize=fuzzer,address -parse-as-library -package-name fuzz $language \
        -suppress-warnings -D SWIFT_PACKAGE -I "$modules" -I .build/checkouts/Yams/Sources/CYaml/include -I Sources/System/CCrypto \
        -module-name "$name" -emit-module -emit-module-path "$modules/$name.swiftmodule" -c "$@" -o "$modules/$name.o"
}

for source in .build/checkouts/Yams/Sources/CYaml/src/*.c; do
    clang -O2 -g -fsanitize=fuzzer-no-link,address -I .build/checkouts/Yams/Sources/CYaml/include -c "$source" \
        -o "$modules/$(basename "$source").o"
done
language="-swift-version 5"
module Yams .build/checkouts/Yams/Sources/Yams/*.swift
module Logging $(find .build/checkouts/swift-log/Sources/Logging -name '*.swift')
language="-swift-version 6 -enable-upcoming-feature ExistentialAny -enable-upcoming-feature InternalImportsByDefault \
    -enable-upcoming-feature MemberImportVisibility -enable-upcoming-feature NonisolatedNonsendingByDefault"
module Artifacts Sources/Flow/Artifacts/*.swift
module StageKit Sources/Flow/StageKit/*.swift
module Pipelines Sources/Flow/Pipelines/*.swift
module Fuzz Tests/PipelinesTests/Workplace.swift Tests/Fuzz/PipelineFuzzer.swift
swiftc -sanitize=fuzzer,address "$modules"/*.o -lcrypto -o "$out/fuzzer"

for file in pipelines/*.yaml pipelines/*/*.yaml; do
    cp "$file" "$out/corpus/$(echo "$file" | tr / -)"
done
ASAN_OPTIONS=detect_leaks=0 TMPDIR=$PWD/$out/tmp exec "$out/fuzzer" "$out/corpus" -max_total_time="$seconds" -fork="$workers" -ignore_crashes=1 \
    -artifact_prefix="$out/crashes/" -rss_limit_mb=1024 -malloc_limit_mb=128 -timeout=5 -max_len=16384 \
    -dict=Tests/Fuzz/pipelines.dict

public import Foundation

extension Checkpoint {
    /// What is looked for in a folder, first found first taken: what diffusers, transformers and peft write.
    ///
    /// Safetensors before PyTorch's own.
    static let fileNames =
        ["diffusion_pytorch_model", "model", "pytorch_lora_weights", "adapter_model", "open_clip_model"].flatMap {
            stem in
            [
                "\(stem).safetensors", "\(stem).safetensors.index.json", "\(stem).fp16.safetensors",
                "\(stem).safetensors.index.fp16.json",
            ]
        }
        + [
            "diffusion_pytorch_model", "pytorch_model", "pytorch_lora_weights", "adapter_model",
            "open_clip_pytorch_model",
        ].flatMap {
            stem in
            ["\(stem).bin", "\(stem).bin.index.json", "\(stem).fp16.bin"]
        }

    /// Opens a safetensors file, one of `torch.save`, an index of shards, or a folder that holds one (see `fileNames`).
    ///
    /// Reads headers only. Throws when there is none or a header is not sound.
    public static func open(_ url: URL) throws(CheckpointError) -> Checkpoint {
        let path = url.path(percentEncoded: false)
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw .missing(path: path)
        }
        let location = isFolder.boolValue ? try find(in: url) : url
        if location.pathExtension == "json" { return try sharded(location) }
        let file = try MappedFile(location)
        let (entries, metadata) = try contents(of: file)
        return Checkpoint(
            location: location, entries: Dictionary(uniqueKeysWithValues: entries.map { ($0.name, $0) }),
            metadata: metadata, files: [file.path: file])
    }

    /// What a file of either kind says of itself; its first bytes tell which it is.
    private static func contents(
        of file: MappedFile
    ) throws(CheckpointError) -> (entries: [Entry], metadata: [String: String]) {
        let first = file.read(0..<min(legacyTorch.count, file.count)) { Array($0) }
        if first.starts(with: ZipDirectory.signature) || first.starts(with: ZipDirectory.emptySignature) {
            return (
                try TorchFile(of: file).lines.map { line in
                    Entry(
                        name: line.name, type: line.type, shape: line.shape, count: line.count, file: file.path,
                        bytes: line.bytes, strides: line.strides)
                }, [:]
            )
        }
        if first == legacyTorch {
            throw .malformedTorchFile(
                path: file.path,
                reason: "it is of PyTorch before 1.6, which kept no archive: load it there and save it again")
        }
        do {
            let header = try SafetensorsHeader(of: file)
            return (header.lines.map { entry($0, header, file) }, header.metadata)
        } catch .malformedFile(let path, let reason)
            where ["bin", "pt", "pth", "ckpt"].contains(fileExtension(of: path))
        {
            throw .malformedTorchFile(
                path: path, reason: "it is neither an archive of torch.save nor safetensors (\(reason))")
        }
    }

    private static func fileExtension(of path: String) -> String { URL(filePath: path).pathExtension }

    /// How files of PyTorch before 1.6 begin: a pickle of protocol 2 with their magic number.
    ///
    /// All of it: the length of a safetensors header may begin with the same two bytes.
    private static let legacyTorch: [UInt8] = [
        0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19,
    ]

    private static func find(in folder: URL) throws(CheckpointError) -> URL {
        for name in fileNames {
            let candidate = folder.appending(path: name)
            if FileManager.default.fileExists(atPath: candidate.path(percentEncoded: false)) { return candidate }
        }
        let path = folder.path(percentEncoded: false)
        let all = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        let others = all.filter { name in [".bin", ".pt", ".ckpt", ".msgpack", ".h5"].contains { name.hasSuffix($0) } }
        throw .noWeights(
            folder: path, looked: fileNames.filter { !$0.contains("fp16") }, otherFormats: others.sorted())
    }

    private static func sharded(_ index: URL) throws(CheckpointError) -> Checkpoint {
        struct Index: Decodable {
            let weight_map: [String: String]
        }
        let path = index.path(percentEncoded: false)
        let map: [String: String]
        do {
            map = try JSONDecoder().decode(Index.self, from: Data(contentsOf: index)).weight_map
        } catch let error as DecodingError {
            throw .malformedIndex(path: path, reason: "it has no weight_map from names to files (\(error))")
        } catch {
            throw .unreadable(path: path, reason: "\(error)")
        }
        var files: [String: MappedFile] = [:]
        var entries: [String: Entry] = [:]
        var metadata: [String: String] = [:]
        for shard in Set(map.values).sorted() {
            // A shard lies beside its index: an index must not make us read other places.
            guard !shard.isEmpty, !shard.contains("/"), shard != "..", shard != "." else {
                throw .malformedIndex(path: path, reason: "'\(shard)' is not the name of a file beside it")
            }
            let file = try MappedFile(index.deletingLastPathComponent().appending(path: shard))
            let (all, notes) = try contents(of: file)
            files[file.path] = file
            metadata.merge(notes) { first, _ in first }
            for entry in all where map[entry.name] == shard { entries[entry.name] = entry }
        }
        if let (name, shard) = map.filter({ entries[$0.key] == nil }).min(by: { $0.key < $1.key }) {
            throw .malformedIndex(path: path, reason: "tensor '\(name)' is not in \(shard)")
        }
        return Checkpoint(location: index, entries: entries, metadata: metadata, files: files)
    }

    private static func entry(_ line: SafetensorsHeader.Line, _ header: SafetensorsHeader, _ file: MappedFile) -> Entry
    {
        Entry(
            name: line.name, type: line.type, shape: line.shape, count: line.count, file: file.path,
            bytes: line.bytes.lowerBound + header.dataStart..<line.bytes.upperBound + header.dataStart)
    }
}

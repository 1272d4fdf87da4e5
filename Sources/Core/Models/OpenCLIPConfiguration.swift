extension CLIPModel.Configuration {
    /// What `model_cfg` of an `open_clip_config.json` says; a missing key takes open_clip's default.
    ///
    /// Throws `ModelsError` for towers that are not CLIP's own.
    init(openCLIP file: ConfigurationFile) throws {
        projectionDimension = try file.int("embed_dim", 512)
        let activation: FeedForwardActivation = try file.bool("quick_gelu", false) ? .quickGelu : .gelu
        text = try CLIPTextConfiguration(openCLIP: file.section("text_cfg"), projectionDimension, activation)
        vision = try CLIPVisionConfiguration(openCLIP: file.section("vision_cfg"), projectionDimension, activation)
    }
}

extension CLIPTextConfiguration {
    fileprivate init(
        openCLIP file: ConfigurationFile, _ projectionDimension: Int, _ activation: FeedForwardActivation
    ) throws {
        try file.refuse("hf_model_name", supported: "CLIP's own text tower")
        try file.require([
            "pool_type": .string("argmax"), "no_causal_mask": .bool(false), "embed_cls": .bool(false),
            "proj_bias": .bool(false), "no_ln_pre": .bool(false),
        ])
        try file.requireOrdinaryLayers()
        hiddenSize = try file.int("width", 512)
        intermediateSize = try file.feedForward(hiddenSize)
        layers = try file.int("layers", 12)
        heads = try file.int("heads", 8)
        maximumPositions = try file.int("context_length", 77)
        vocabularySize = try file.int("vocab_size", 49408)
        self.projectionDimension = projectionDimension
        self.activation = activation
        // The largest id ends a text there.
        endID = 2
        guard heads > 0, hiddenSize % heads == 0 else {
            throw file.wrong("heads", "\(heads)", "a divisor of width \(hiddenSize)")
        }
    }
}

extension CLIPVisionConfiguration {
    fileprivate init(
        openCLIP file: ConfigurationFile, _ projectionDimension: Int, _ activation: FeedForwardActivation
    ) throws {
        try file.refuse("timm_model_name", supported: "CLIP's own vision transformer")
        try file.require([
            "pool_type": .string("tok"), "attentional_pool": .bool(false), "no_ln_pre": .bool(false),
            "output_tokens": .bool(false),
        ])
        try file.requireOrdinaryLayers()
        hiddenSize = try file.int("width", 768)
        intermediateSize = try file.feedForward(hiddenSize)
        layers = try file.int("layers", 12)
        imageSize = try file.side("image_size", 224)
        patchSize = try file.side("patch_size", 16)
        let headWidth = try file.int("head_width", 64)
        guard headWidth > 0, hiddenSize % headWidth == 0 else {
            throw file.wrong("head_width", "\(headWidth)", "a divisor of width \(hiddenSize)")
        }
        heads = hiddenSize / headWidth
        self.projectionDimension = projectionDimension
        self.activation = activation
        guard patchSize > 0, imageSize >= patchSize else {
            throw file.wrong("patch_size", "\(patchSize)", "at most image_size \(imageSize)")
        }
    }
}

extension ConfigurationFile {
    /// Settings that change the numbers and are not modelled: only what a CLIP has is taken.
    fileprivate func require(_ ordinary: [String: JSONValue]) throws {
        for (key, value) in ordinary.sorted(by: { $0.key < $1.key }) { try require(key, value) }
    }

    fileprivate func requireOrdinaryLayers() throws {
        for key in ["ls_init_value", "norm_kwargs", "act_kwargs", "mlp_act", "block_type", "qk_norm"] {
            try refuse(key, supported: "none")
        }
    }

    /// Width inside the feed-forward.
    fileprivate func feedForward(_ width: Int) throws -> Int {
        let ratio = try double("mlp_ratio", 4)
        guard ratio > 0, ratio <= 64 else { throw wrong("mlp_ratio", "\(ratio)", "a number from 0 to 64") }
        return Int(Double(width) * ratio)
    }
}

public import Foundation

extension UNet3DConditionModel {
    /// What `unet/config.json` says; a missing key takes the default of the reference class.
    public struct Configuration: ModelConfiguration, Hashable, Sendable {
        /// Channels of the latents going in.
        public var inChannels = 4
        /// Channels of the prediction coming out.
        public var outChannels = 4
        /// Channels of each level, from full resolution down.
        public var blockOutChannels = [320, 640, 1280, 1280]
        /// Which levels on the way down have transformers.
        public var downBlocksHaveAttention = [true, true, true, false]
        /// Which levels on the way up have transformers; the lowest resolution first.
        public var upBlocksHaveAttention = [false, true, true, true]
        /// Layers of each level on the way down; one more on the way up.
        public var layersPerBlock = 2
        /// Zeros around the image before the stride-2 convolution.
        public var downsamplePadding = 1
        /// The middle block's resnets divide their sum by this.
        public var midBlockScaleFactor = 1.0
        /// Groups of every group normalisation.
        public var groups = 32
        /// The epsilon of the resnets' and the last group normalisation; those of transformers are 1e-6.
        public var normEpsilon = 1e-5
        /// Width of the text context.
        public var crossAttentionDimension = 1024
        /// Width of one head at each level: the config's `attention_head_dim` is just that (diffusion.md 2.7).
        public var headDimensions = [64, 64, 64, 64]

        /// The defaults of the reference class: ZeroScope's network.
        public init() {}

        /// Reads `config.json`.
        ///
        /// Throws `ModelsError` when it cannot be read or asks for what we do not have.
        public init(file: URL) throws { try self.init(ConfigurationFile(url: file)) }

        init(_ file: ConfigurationFile) throws {
            let downs = try file.strings(
                "down_block_types",
                Array(repeating: "CrossAttnDownBlock3D", count: 3) + ["DownBlock3D"])
            let ups = try file.strings(
                "up_block_types", ["UpBlock3D"] + Array(repeating: "CrossAttnUpBlock3D", count: 3))
            downBlocksHaveAttention = try downs.map {
                try Self.hasAttention($0, "down_block_types", ["DownBlock3D", "CrossAttnDownBlock3D"], file)
            }
            upBlocksHaveAttention = try ups.map {
                try Self.hasAttention($0, "up_block_types", ["UpBlock3D", "CrossAttnUpBlock3D"], file)
            }
            blockOutChannels = try file.ints("block_out_channels", blockOutChannels)
            let levels = blockOutChannels.count
            guard downs.count == levels, ups.count == levels, levels > 0 else {
                throw file.wrong(
                    "block_out_channels", "\(blockOutChannels)",
                    "one number for each of \(downs.count) down_block_types and \(ups.count) up_block_types")
            }
            inChannels = try file.int("in_channels", inChannels)
            outChannels = try file.int("out_channels", outChannels)
            layersPerBlock = try file.int("layers_per_block", layersPerBlock)
            downsamplePadding = try file.int("downsample_padding", downsamplePadding)
            midBlockScaleFactor = try file.double("mid_block_scale_factor", midBlockScaleFactor)
            groups = try file.int("norm_num_groups", groups)
            normEpsilon = try file.double("norm_eps", normEpsilon)
            crossAttentionDimension = try file.int("cross_attention_dim", crossAttentionDimension)
            if let heads = try? file.ints("attention_head_dim", []), !heads.isEmpty {
                headDimensions = heads
            } else {
                headDimensions = Array(repeating: try file.int("attention_head_dim", 64), count: levels)
            }
            try check(file)
        }

        private func check(_ file: ConfigurationFile) throws {
            if let activation = file.string("act_fn"), !["silu", "swish"].contains(activation) {
                throw file.wrong("act_fn", activation, "silu")
            }
            try file.refuse("num_attention_heads", supported: "null (the reference class refuses it too)")
            try file.refuse("time_cond_proj_dim", supported: "null")
            guard downsamplePadding == 1 else { throw file.wrong("downsample_padding", "\(downsamplePadding)", "1") }
            guard normEpsilon > 0 else { throw file.wrong("norm_eps", "\(normEpsilon)", "a number above 0") }
            guard midBlockScaleFactor > 0 else {
                throw file.wrong("mid_block_scale_factor", "\(midBlockScaleFactor)", "a number above 0")
            }
            guard headDimensions.count == blockOutChannels.count else {
                throw file.wrong("attention_head_dim", "\(headDimensions)", "one number, or one for each block")
            }
            for (channels, head) in zip(blockOutChannels, headDimensions) {
                guard groups > 0, channels % groups == 0 else {
                    throw file.wrong("norm_num_groups", "\(groups)", "a divisor of all of \(blockOutChannels)")
                }
                guard head > 0, channels % head == 0 else {
                    throw file.wrong("attention_head_dim", "\(head)", "a divisor of \(channels) channels")
                }
            }
        }

        private static func hasAttention(
            _ type: String, _ key: String, _ kinds: [String], _ file: ConfigurationFile
        ) throws -> Bool {
            guard let index = kinds.firstIndex(of: type) else {
                throw file.wrong(key, type, kinds.joined(separator: " and "))
            }
            return index == 1
        }
    }
}

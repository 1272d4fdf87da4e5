/// The text files of the tiny model set.
enum TinyConfigurations {
    static let unet = """
        {
          "_class_name": "UNet3DConditionModel",
          "act_fn": "silu",
          "attention_head_dim": 8,
          "block_out_channels": [32, 64],
          "cross_attention_dim": 64,
          "down_block_types": ["CrossAttnDownBlock3D", "CrossAttnDownBlock3D"],
          "downsample_padding": 1,
          "in_channels": 4,
          "layers_per_block": 1,
          "mid_block_scale_factor": 1,
          "norm_eps": 1e-05,
          "norm_num_groups": 8,
          "out_channels": 4,
          "sample_size": 16,
          "up_block_types": ["CrossAttnUpBlock3D", "CrossAttnUpBlock3D"]
        }
        """

    static let vae = """
        {
          "_class_name": "AutoencoderKL",
          "act_fn": "silu",
          "block_out_channels": [16, 24, 32],
          "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"],
          "in_channels": 3,
          "latent_channels": 4,
          "layers_per_block": 1,
          "norm_num_groups": 8,
          "out_channels": 3,
          "sample_size": 64,
          "scaling_factor": 0.18215,
          "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"]
        }
        """

    static func textEncoder(_ vocabulary: Int) -> String {
        """
        {
          "architectures": ["CLIPTextModel"],
          "model_type": "clip_text_model",
        \(text(vocabulary, indent: "  "))
        }
        """
    }

    static func imageEncoder(_ vocabulary: Int) -> String {
        """
        {
          "architectures": ["CLIPModel"],
          "model_type": "clip",
          "logit_scale_init_value": 2.6592,
          "projection_dim": 64,
          "text_config": {
            "model_type": "clip_text_model",
        \(text(vocabulary, indent: "    "))
          },
          "vision_config": {
            "model_type": "clip_vision_model",
            "hidden_act": "gelu",
            "hidden_size": 96,
            "image_size": 64,
            "intermediate_size": 384,
            "layer_norm_eps": 1e-05,
            "num_attention_heads": 6,
            "num_channels": 3,
            "num_hidden_layers": 3,
            "patch_size": 8,
            "projection_dim": 64
          }
        }
        """
    }

    private static func text(_ vocabulary: Int, indent: String) -> String {
        [
            "\"bos_token_id\": \(vocabulary - 2)", "\"eos_token_id\": \(vocabulary - 1)", "\"hidden_act\": \"gelu\"",
            "\"hidden_size\": 64", "\"intermediate_size\": 256", "\"layer_norm_eps\": 1e-05",
            "\"max_position_embeddings\": 77", "\"num_attention_heads\": 4", "\"num_hidden_layers\": 3",
            "\"pad_token_id\": 0", "\"projection_dim\": 64", "\"vocab_size\": \(vocabulary)",
        ].map { indent + $0 }.joined(separator: ",\n")
    }

    static let videoEncoder = """
        {
          "architectures": ["VideoMAEForVideoClassification"],
          "model_type": "videomae",
          "hidden_act": "gelu",
          "hidden_size": 128,
          "id2label": {"0": "class 0", "1": "class 1", "2": "class 2", "3": "class 3"},
          "image_size": 32,
          "intermediate_size": 256,
          "label2id": {"class 0": 0, "class 1": 1, "class 2": 2, "class 3": 3},
          "layer_norm_eps": 1e-12,
          "num_attention_heads": 4,
          "num_channels": 3,
          "num_frames": 8,
          "num_hidden_layers": 4,
          "patch_size": 8,
          "qkv_bias": true,
          "tubelet_size": 2,
          "use_mean_pooling": true
        }
        """

    static let specialTokens = """
        {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "pad_token": "!", "unk_token": "<|endoftext|>"}
        """

    static func tokenizer(maximumLength: Int) -> String {
        """
        {
          "add_prefix_space": false,
          "bos_token": "<|startoftext|>",
          "do_lower_case": true,
          "eos_token": "<|endoftext|>",
          "errors": "replace",
          "model_max_length": \(maximumLength),
          "pad_token": "!",
          "tokenizer_class": "CLIPTokenizer",
          "unk_token": "<|endoftext|>"
        }
        """
    }

    static let scheduler = """
        {
          "_class_name": "DDIMScheduler",
          "beta_end": 0.012,
          "beta_schedule": "scaled_linear",
          "beta_start": 0.00085,
          "clip_sample": false,
          "clip_sample_range": 1.0,
          "num_train_timesteps": 1000,
          "prediction_type": "epsilon",
          "set_alpha_to_one": false,
          "steps_offset": 1,
          "thresholding": false,
          "trained_betas": null
        }
        """

    static let pipeline = """
        {
          "_class_name": "TextToVideoSDPipeline",
          "scheduler": ["diffusers", "DDIMScheduler"],
          "text_encoder": ["transformers", "CLIPTextModel"],
          "tokenizer": ["transformers", "CLIPTokenizer"],
          "unet": ["diffusers", "UNet3DConditionModel"],
          "vae": ["diffusers", "AutoencoderKL"]
        }
        """

    static func modelSet(_ seed: UInt64) -> String {
        """
        # The tiny model set: untrained, random weights of seed \(seed). See README.md.
        name: tiny
        unet: unet
        vae: vae
        text-encoder: text_encoder
        tokenizer: tokenizer
        scheduler: scheduler
        image-encoder: image_encoder
        video-encoder: video_encoder
        recommended:
          frame-extraction: {frames: 8, size: [64, 40], fps: 4}
          sampling: {guidance: 4, inference-steps: 12}
        """
    }

    static func readme(_ seed: UInt64) -> String {
        """
        # tiny

        **Untrained.** Every weight here is a random number (seed \(seed)), drawn as PyTorch initialises its layers. Videos made
        with these networks are noise, and scores say nothing. The set is for trying out pipelines, for tests, and for
        measuring: the architectures and the files are those of real models, only smaller, so whatever works here works
        with them.

        | folder | class | like |
        |---|---|---|
        | unet | UNet3DConditionModel, 32 and 64 channels | ZeroScope |
        | vae | AutoencoderKL, a quarter of the size on each side | Stable Diffusion's |
        | text_encoder, tokenizer | CLIPTextModel, 3 layers of 64; byte-level BPE with everyday words | OpenCLIP's |
        | image_encoder | CLIPModel, images of 64 x 64 | OpenCLIP ViT-H/14 |
        | video_encoder | VideoMAEForVideoClassification, 8 frames of 32 x 32 | VideoMAE of Kinetics-400 |
        | scheduler | DDIMScheduler | ZeroScope's |

        diffusers opens the folder with `DiffusionPipeline.from_pretrained`; `model.yaml` is for motrans.
        """
    }
}

// Written by pipelines/templates/embed.sh: change the templates, not this file.

extension Templates {
    static let texts: [(name: String, text: String)] = [
        (
            name: "motrans",
            text: #"""
            # MoTrans (ACM MM 2024): appearance and motion are learned one after the other, so that only the motion is carried to
            # new subjects in new places.
            version: 1
            template: motrans
            description: two-stage motion customisation of a text-to-video model
            parameters: {clips: clips, prompts: prompts, motion: string, model: model}
            steps:
              frames:
                stage: frame-extraction
                inputs: {clips: "${clips}"}
              captions:                         # what the clips show besides the motion, in detail
                stage: recaption
                model: "${model}"
                inputs: {frames: "${frames}"}
              appearance:                       # stage one: a spatial LoRA learns how the clips look
                stage: spatial-lora-training
                inputs: {frames: "${frames}", captions: "${captions}"}
              embeddings:
                stage: image-embedding
                inputs: {frames: "${frames}"}
              motion:                           # stage two: with the appearance given, what is left to learn is the motion
                stage: motion-training
                inputs: {frames: "${frames}", embeddings: "${embeddings}", appearance: "${appearance}"}
                settings: {motion: "${motion}"}
              samples:                          # one step for each prompt
                stage: sampling
                for-each: "${prompts}"
                inputs: {motion: "${motion}", frames: "${frames}"}
                settings: {motion: "${motion}"}
              scores:
                stage: metric-scoring
                inputs: {videos: "${samples}", references: "${frames}"}

            """#
        ),
        (
            name: "motion-director",
            text: #"""
            # MotionDirector (2023), with the stages of motrans: the dual-path LoRAs and the appearance-debiased loss, but no
            # captions, no appearance injector and no motion enhancer. For comparison.
            version: 1
            template: motion-director
            description: dual-path LoRAs with the appearance-debiased temporal loss
            parameters: {clips: clips, prompts: prompts, motion: string, model: model}
            steps:
              frames:
                stage: frame-extraction
                inputs: {clips: "${clips}"}
              appearance:                       # a spatial LoRA for each clip, on its own prompt
                stage: spatial-lora-training
                model: "${model}"
                inputs: {frames: "${frames}"}
                settings: {lora-dropout: 0.1}
              motion:
                stage: motion-training
                inputs: {frames: "${frames}", appearance: "${appearance}"}
                settings:
                  motion: "${motion}"
                  injector: false
                  enhancer: false
                  debiased-weight: 1.0
                  lora-dropout: 0.1
              samples:
                stage: sampling
                for-each: "${prompts}"
                inputs: {motion: "${motion}", frames: "${frames}"}
                settings: {motion: "${motion}", residual: "off"}
              scores:
                stage: metric-scoring
                inputs: {videos: "${samples}", references: "${frames}"}

            """#
        ),
        (
            name: "fine-tune",
            text: #"""
            # The plain baseline: a temporal LoRA on the clips and nothing else. What it learns of the motion it mixes with how the
            # clips look.
            version: 1
            template: fine-tune
            description: a temporal LoRA alone, as a baseline
            parameters: {clips: clips, prompts: prompts, motion: string, model: model}
            steps:
              frames:
                stage: frame-extraction
                inputs: {clips: "${clips}"}
              motion:
                stage: motion-training
                model: "${model}"
                inputs: {frames: "${frames}"}
                settings: {motion: "${motion}", injector: false, enhancer: false}
              samples:
                stage: sampling
                for-each: "${prompts}"
                inputs: {motion: "${motion}", frames: "${frames}"}
                settings: {motion: "${motion}", residual: "off"}
              scores:
                stage: metric-scoring
                inputs: {videos: "${samples}", references: "${frames}"}

            """#
        ),
        (
            name: "zero-shot",
            text: #"""
            # The model as it is: nothing is trained. The clips only say what size the videos are and what the motion should be.
            version: 1
            template: zero-shot
            description: the model alone, as a baseline
            parameters: {clips: clips, prompts: prompts, motion: string, model: model}
            steps:
              frames:
                stage: frame-extraction
                inputs: {clips: "${clips}"}
              samples:
                stage: sampling
                model: "${model}"
                for-each: "${prompts}"
                inputs: {frames: "${frames}"}
                settings: {motion: "${motion}", residual: "off"}
              scores:
                stage: metric-scoring
                inputs: {videos: "${samples}", references: "${frames}"}

            """#
        ),
        (
            name: "subject-motion",
            text: #"""
            # A subject of one's own performs a motion (paper, section 4.4): a spatial LoRA learns the subject from still pictures, the
            # two stages of motrans learn the motion from clips, and sampling uses both.
            version: 1
            template: subject-motion
            description: a subject learned from pictures performs a motion learned from clips
            parameters: {clips: clips, pictures: clips, prompts: prompts, motion: string, model: model}
            steps:
              frames:
                stage: frame-extraction
                inputs: {clips: "${clips}"}
              captions:
                stage: recaption
                model: "${model}"
                inputs: {frames: "${frames}"}
              appearance:                       # how the clips look, so that the motion need not learn it
                stage: spatial-lora-training
                inputs: {frames: "${frames}", captions: "${captions}"}
              embeddings:
                stage: image-embedding
                inputs: {frames: "${frames}"}
              motion:
                stage: motion-training
                inputs: {frames: "${frames}", embeddings: "${embeddings}", appearance: "${appearance}"}
                settings: {motion: "${motion}"}
              stills:
                stage: frame-extraction
                inputs: {clips: "${pictures}"}
                settings: {frames: 1}
              subject:                          # how the subject looks: one LoRA for all pictures
                stage: spatial-lora-training
                model: "${model}"
                inputs: {frames: "${stills}"}
                settings: {loras: one, text: prompts}
              samples:
                stage: sampling
                for-each: "${prompts}"
                inputs: {motion: "${motion}", appearance: "${subject}", frames: "${frames}"}
                settings: {motion: "${motion}"}
              scores:
                stage: metric-scoring
                inputs: {videos: "${samples}", references: "${frames}"}

            """#
        ),
    ]
}

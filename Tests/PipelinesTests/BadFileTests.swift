import Foundation
import Pipelines
import Testing

@Suite struct BadFileTests {
    @Test("every mistake is told with its place, its line and a way out", arguments: BadFile.all)
    func golden(file: BadFile) throws {
        let work = try Workplace()
        try work.write("clips/text.mp4", "no video")
        try work.write("loop-a.yaml", "include: [sub/loop-b.yaml]\n")
        try work.write("sub/loop-b.yaml", "include: [../loop-a.yaml]\n")
        try work.write(
            "broken.yaml",
            """
            unet: models/tiny/unet
            vae: models/tiny/vae
            text-encoder: models/tiny/text_encoder
            tokenizer: models/tiny/tokenizer
            scheduler: models/tiny/scheduler
            image-encoder: models/tiny/image_encoder
            video-encoder: models/tiny/video_encoder
            """)
        try work.write(
            "wrong.yaml",
            """
            name: wrong
            unet: models/tiny/unett
            vea: models/tiny/vae
            tokenizer: shrink.txt
            recommended: {sampling: {guidance: -1, step: 3}, samplings: {}}
            """)
        let parts = try String(contentsOf: work.root.appending(path: "models/tiny/model.yaml"), encoding: .utf8)
        try work.write("models/tiny/half.yaml", parts + "\nprecision: bf17\n")
        try work.write("models/tiny/sixteen.yaml", parts + "\nprecison: bf16\nprecision: 16\n")
        #expect(work.errors(Data(file.text.utf8), file.flags) == file.errors)
    }
}

/// A file with mistakes, and all that is said about it.
struct BadFile: Sendable, CustomTestStringConvertible {
    let name: String
    let text: String
    var flags: [String] = []
    let errors: String

    var testDescription: String { name }

    static let all: [BadFile] = [
        BadFile(
            name: "an unknown key of the file",
            text: #"""
                version: 1
                name: zigzag
                model: tiny
                template: motrans
                motion: zigzagging
                clips:
                  - file: clips/a.mp4
                    prompt: A red ball is zigzagging on the grass
                promts:
                  - A blue robot is zigzagging in the snow
                settings:
                  motion: {steps: 300, rank: 16}
                  samples: {seeds: [1, 2]}

                """#,
            errors: #"""
                p.yaml:9:1: error: there is no key `promts`
                  9 | promts:
                    | ^^^^^^
                    = help: did you mean `prompts`?
                """#),
        BadFile(
            name: "an unknown key with nothing like it",
            text: #"""
                version: 1
                name: zigzag
                model: tiny
                template: motrans
                motion: zigzagging
                clips:
                  - file: clips/a.mp4
                    prompt: A red ball is zigzagging on the grass
                prompts:
                  - A blue robot is zigzagging in the snow
                settings:
                  motion: {steps: 300, rank: 16}
                  samples: {seeds: [1, 2]}
                colour: red

                """#,
            errors: #"""
                p.yaml:14:1: error: there is no key `colour`
                  14 | colour: red
                     | ^^^^^^
                     = help: keys: version, name, template, parameters, steps, settings, defaults, matrix, include, profiles, env, clips, prompts, motion, model
                """#),
        BadFile(
            name: "many errors at once, in the order of the file",
            text: #"""
                version: 2
                name: zigzag
                model: tiny
                template: motrans
                motion: zigzagging
                clips:
                  - file: clips/aa.mp4
                    prompt: A red ball is zigzagging on the grass
                prompts:
                  - A blue robot is zigzagging in the snow
                settings:
                  motion: {stepz: 300, rank: "m\"y"}
                  sample: {seeds: [1, x]}

                """#,
            errors: #"""
                p.yaml:1:10: error: `version` must be 1, found the number 2
                  1 | version: 2
                    |          ^
                    = help: this motrans reads version 1 of the format
                p.yaml:7:11: error: there is no clip `clips/aa.mp4`
                  7 |   - file: clips/aa.mp4
                    |           ^^^^^^^^^^^^
                    = help: did you mean `clips/a.mp4`?
                p.yaml:12:12: error: stage motion-training has no setting `stepz`
                  12 |   motion: {stepz: 300, rank: "m\"y"}
                     |            ^^^^^
                     = help: did you mean `steps`?
                p.yaml:12:30: error: `rank`: expected a whole number, found the text "m"y"
                  12 |   motion: {stepz: 300, rank: "m\"y"}
                     |                              ^^^^^^
                p.yaml:13:3: error: there is no step `sample`
                  13 |   sample: {seeds: [1, x]}
                     |   ^^^^^^
                     = help: did you mean `samples`?
                5 errors
                """#),
        BadFile(
            name: "a wrong type",
            text: #"""
                version: 1
                name: zigzag
                model: tiny
                template: motrans
                motion: zigzagging
                clips:
                  - file: clips/a.mp4
                    prompt: A red ball is zigzagging on the grass
                prompts:
                  - A blue robot is zigzagging in the snow
                settings:
                  motion: {steps: lots, rank: 16}
                  samples: {seeds: [1, 2]}

                """#,
            errors: #"""
                p.yaml:12:19: error: `steps`: expected a whole number, found the text "lots"
                  12 |   motion: {steps: lots, rank: 16}
                     |                   ^^^^
                """#),
        BadFile(
            name: "a number where a whole number is wanted",
            text: #"""
                version: 1
                name: zigzag
                model: tiny
                template: motrans
                motion: zigzagging
                clips:
                  - file: clips/a.mp4
                    prompt: A red ball is zigzagging on the grass
                prompts:
                  - A blue robot is zigzagging in the snow
                settings:
                  motion: {steps: 1e3, rank: 16}
                  samples: {seeds: [1, 2]}

                """#,
            errors: #"""
                p.yaml:12:19: error: `steps`: expected a whole number, found the number 1000.0
                  12 |   motion: {steps: 1e3, rank: 16}
                     |                   ^^^
                """#),
        BadFile(
            name: "a number out of range",
            text: #"""
                version: 1
                name: zigzag
                model: tiny
                template: motrans
                motion: zigzagging
                clips:
                  - file: clips/a.mp4
                    prompt: A red ball is zigzagging on the grass
                prompts:
                  - A blue robot is zigzagging in the snow
                settings:
                  motion: {steps: 300, rank: 0}
                  samples: {seeds: [1, 2]}

                """#,
            errors: #"""
                p.yaml:12:30: error: `rank`: 0 is out of range: 1 to 4096
                  12 |   motion: {steps: 300, rank: 0}
                     |                              ^
                """#),
        BadFile(
            name: "a truth value of YAML 1.1 is text",
            text: #"""
                version: 1
                name: zigzag
                model: tiny
                template: motrans
                motion: zigzagging
                clips:
                  - file: clips/a.mp4
                    prompt: A red ball is zigzagging on the grass
                prompts:
                  - A blue robot is zigzagging in the snow
                settings:
                  motion: {steps: 300, injector: yes}
                  samples: {seeds: [1, 2]}

                """#,
            errors: #"""
                p.yaml:12:34: error: `injector`: expected true or false, found the text "yes"
                  12 |   motion: {steps: 300, injector: yes}
                     |                                  ^^^
                """#),
        BadFile(
            name: "a wrong item of a list",
            text: #"""
                version: 1
                name: zigzag
                model: tiny
                template: motrans
                motion: zigzagging
                clips:
                  - file: clips/a.mp4
                    prompt: A red ball is zigzagging on the grass
                prompts:
                  - A blue robot is zigzagging in the snow
                settings:
                  motion: {steps: 300, rank: 16}
                  samples: {seeds: [1, two, 3]}

                """#,
            errors: #"""
                p.yaml:13:24: error: `seeds`: expected a whole number, found the text "two"
                  13 |   samples: {seeds: [1, two, 3]}
                     |                        ^^^
                """#),
        BadFile(
            name: "not a number at all",
            text: #"""
                version: 1
                name: zigzag
                model: tiny
                template: motrans
                motion: zigzagging
                clips:
                  - file: clips/a.mp4
                    prompt: A red ball is zigzagging on the grass
                prompts:
                  - A blue robot is zigzagging in the snow
                settings:
                  motion: {learning-rate: .nan, rank: 16}
                  samples: {seeds: [1, 2]}

                """#,
            errors: #"""
                p.yaml:12:27: error: `learning-rate`: nan is not a finite number
                  12 |   motion: {learning-rate: .nan, rank: 16}
                     |                           ^^^^
                """#),
        BadFile(
            name: "a word that is no choice",
            text: #"""
                version: 1
                name: zigzag
                model: tiny
                template: motrans
                motion: zigzagging
                clips:
                  - file: clips/a.mp4
                    prompt: A red ball is zigzagging on the grass
                prompts:
                  - A blue robot is zigzagging in the snow
                settings:
                  motion: {steps: 300, rank: 16}
                  samples: {residual: recomputed}

                """#,
            errors: #"""
                p.yaml:13:23: error: `residual`: "recomputed" is not one of recompute, fixed, off
                  13 |   samples: {residual: recomputed}
                     |                       ^^^^^^^^^^
                     = help: did you mean `recompute`?
                """#),
        BadFile(
            name: "settings that are no map",
            text: #"""
                version: 1
                name: zigzag
                model: tiny
                template: motrans
                motion: zigzagging
                clips:
                  - file: clips/a.mp4
                    prompt: A red ball is zigzagging on the grass
                prompts:
                  - A blue robot is zigzagging in the snow
                settings:
                  motion: 300
                  samples: {seeds: [1, 2]}

                """#,
            errors: #"""
                p.yaml:12:11: error: the settings of `motion` must be a map, found the number 300
                  12 |   motion: 300
                     |           ^^^
                """#),
        BadFile(
            name: "an unknown setting",
            text: #"""
                version: 1
                name: zigzag
                model: tiny
                template: motrans
                motion: zigzagging
                clips:
                  - file: clips/a.mp4
                    prompt: A red ball is zigzagging on the grass
                prompts:
                  - A blue robot is zigzagging in the snow
                settings:
                  motion: {steps: 300, ranks: 16}
                  samples: {seeds: [1, 2]}

                """#,
            errors: #"""
                p.yaml:12:24: error: stage motion-training has no setting `ranks`
                  12 |   motion: {steps: 300, ranks: 16}
                     |                        ^^^^^
                     = help: did you mean `rank`?
                """#),
        BadFile(
            name: "an unknown step in settings",
            text: #"""
                version: 1
                name: zigzag
                model: tiny
                template: motrans
                motion: zigzagging
                clips:
                  - file: clips/a.mp4
                    prompt: A red ball is zigzagging on the grass
                prompts:
                  - A blue robot is zigzagging in the snow
                settings:
                  motoin: {steps: 300, rank: 16}
                  samples: {seeds: [1, 2]}

                """#,
            errors: #"""
                p.yaml:12:3: error: there is no step `motoin`
                  12 |   motoin: {steps: 300, rank: 16}
                     |   ^^^^^^
                     = help: did you mean `motion`?
                """#),
        BadFile(
            name: "an unknown stage in defaults",
            text: #"""
                version: 1
                name: zigzag
                model: tiny
                template: motrans
                motion: zigzagging
                clips:
                  - file: clips/a.mp4
                    prompt: A red ball is zigzagging on the grass
                prompts:
                  - A blue robot is zigzagging in the snow
                settings:
                  motion: {steps: 300, rank: 16}
                  samples: {seeds: [1, 2]}
                defaults: {samplings: {guidance: 3}}

                """#,
            errors: #"""
                p.yaml:14:12: error: there is no stage `samplings`
                  14 | defaults: {samplings: {guidance: 3}}
                     |            ^^^^^^^^^
                     = help: did you mean `sampling`?
                """#),
        BadFile(
            name: "an unknown setting in defaults",
            text: #"""
                version: 1
                name: zigzag
                model: tiny
                template: motrans
                motion: zigzagging
                clips:
                  - file: clips/a.mp4
                    prompt: A red ball is zigzagging on the grass
                prompts:
                  - A blue robot is zigzagging in the snow
                settings:
                  motion: {steps: 300, rank: 16}
                  samples: {seeds: [1, 2]}
                defaults: {sampling: {guidance-scale: 3}}

                """#,
            errors: #"""
                p.yaml:14:23: error: stage sampling has no setting `guidance-scale`
                  14 | defaults: {sampling: {guidance-scale: 3}}
                     |                       ^^^^^^^^^^^^^^
                     = help: did you mean `guidance`?
                """#),
        BadFile(
            name: "no version",
            text: #"""
                name: zigzag
                model: tiny
                template: motrans
                motion: zigzagging
                clips:
                  - file: clips/a.mp4
                    prompt: A red ball is zigzagging on the grass
                prompts:
                  - A blue robot is zigzagging in the snow
                settings:
                  motion: {steps: 300, rank: 16}
                  samples: {seeds: [1, 2]}

                """#,
            errors: #"""
                p.yaml:1:1: error: the file does not say which version of the format it is in
                  1 | name: zigzag
                    | ^
                    = help: add the line `version: 1`
                """#),
        BadFile(
            name: "an unknown template",
            text: #"""
                version: 1
                name: zigzag
                model: tiny
                template: motran
                motion: zigzagging
                clips:
                  - file: clips/a.mp4
                    prompt: A red ball is zigzagging on the grass
                prompts:
                  - A blue robot is zigzagging in the snow
                settings:
                  motion: {steps: 300, rank: 16}
                  samples: {seeds: [1, 2]}

                """#,
            errors: #"""
                p.yaml:4:11: error: there is no template `motran`
                  4 | template: motran
                    |           ^^^^^^
                    = help: did you mean `motrans`?
                """#),
        BadFile(
            name: "an unknown template with nothing like it",
            text: #"""
                version: 1
                name: zigzag
                model: tiny
                template: dreambooth
                motion: zigzagging
                clips:
                  - file: clips/a.mp4
                    prompt: A red ball is zigzagging on the grass
                prompts:
                  - A blue robot is zigzagging in the snow
                settings:
                  motion: {steps: 300, rank: 16}
                  samples: {seeds: [1, 2]}

                """#,
            errors: #"""
                p.yaml:4:11: error: there is no template `dreambooth`
                  4 | template: dreambooth
                    |           ^^^^^^^^^^
                    = help: templates: motrans, motion-director, fine-tune, zero-shot, subject-motion
                """#),
        BadFile(
            name: "a parameter that the template needs",
            text: #"""
                version: 1
                name: zigzag
                model: tiny
                template: motrans
                clips:
                  - file: clips/a.mp4
                    prompt: A red ball is zigzagging on the grass
                prompts:
                  - A blue robot is zigzagging in the snow
                settings:
                  motion: {steps: 300, rank: 16}
                  samples: {seeds: [1, 2]}

                """#,
            errors: #"""
                p.yaml:4:11: error: template `motrans` needs `motion`
                  4 | template: motrans
                    |           ^^^^^^^
                    = help: add `motion:` to the file
                """#),
        BadFile(
            name: "nothing to do",
            text: #"""
                version: 1

                """#,
            errors: #"""
                p.yaml:1:1: error: there is nothing to do: the file names no template and has no steps
                  1 | version: 1
                    | ^
                    = help: add `template: motrans`, or `steps:`
                """#),
        BadFile(
            name: "an unknown model",
            text: #"""
                version: 1
                name: zigzag
                model: tinny
                template: motrans
                motion: zigzagging
                clips:
                  - file: clips/a.mp4
                    prompt: A red ball is zigzagging on the grass
                prompts:
                  - A blue robot is zigzagging in the snow
                settings:
                  motion: {steps: 300, rank: 16}
                  samples: {seeds: [1, 2]}

                """#,
            errors: #"""
                p.yaml:3:8: error: there is no model `tinny`
                  3 | model: tinny
                    |        ^^^^^
                    = help: did you mean `tiny`?
                """#),
        BadFile(
            name: "a model file that is not there",
            text: #"""
                version: 1
                name: zigzag
                model: models/tini
                template: motrans
                motion: zigzagging
                clips:
                  - file: clips/a.mp4
                    prompt: A red ball is zigzagging on the grass
                prompts:
                  - A blue robot is zigzagging in the snow
                settings:
                  motion: {steps: 300, rank: 16}
                  samples: {seeds: [1, 2]}

                """#,
            errors: #"""
                p.yaml:3:8: error: there is no model set `models/tini`
                  3 | model: models/tini
                    |        ^^^^^^^^^^^
                    = help: did you mean `models/tiny`?
                """#),
        BadFile(
            name: "no model where one is needed",
            text: #"""
                version: 1
                clips: [{file: clips/a.mp4, prompt: A ball is zigzagging}]
                prompts: [A robot is zigzagging]
                steps:
                  frames: {stage: frame-extraction, inputs: {clips: "${clips}"}}
                  samples: {stage: sampling, for-each: "${prompts}"}

                """#,
            errors: #"""
                p.yaml:6:3: error: the step `samples` needs a model, and the file names none
                  6 |   samples: {stage: sampling, for-each: "${prompts}"}
                    |   ^^^^^^^
                    = help: add `model: NAME` to the file; `motrans models` lists those that are known
                """#),
        BadFile(
            name: "a model without a part that is needed",
            text: #"""
                version: 1
                model: tiny
                clips: [{file: clips/a.mp4, prompt: A ball is zigzagging}]
                prompts: [A robot is zigzagging]
                steps:
                  frames: {stage: frame-extraction, inputs: {clips: "${clips}"}}
                  samples: {stage: sampling, for-each: "${prompts}"}
                  captions: {stage: recaption, inputs: {frames: "${frames}"}, settings: {source: model}}

                """#,
            errors: #"""
                p.yaml:2:8: error: the model tiny has no captioner, which the step `captions` needs
                  2 | model: tiny
                    |        ^^^^
                    = help: add `captioner: FOLDER` to the model set
                """#),
        BadFile(
            name: "a clip that is not there",
            text: #"""
                version: 1
                name: zigzag
                model: tiny
                template: motrans
                motion: zigzagging
                clips:
                  - file: clips/c.mp4
                    prompt: A red ball is zigzagging on the grass
                prompts:
                  - A blue robot is zigzagging in the snow
                settings:
                  motion: {steps: 300, rank: 16}
                  samples: {seeds: [1, 2]}

                """#,
            errors: #"""
                p.yaml:7:11: error: there is no clip `clips/c.mp4`
                  7 |   - file: clips/c.mp4
                    |           ^^^^^^^^^^^
                    = help: did you mean `clips/a.mp4`?
                """#),
        BadFile(
            name: "a clip without its prompt, and one that is no map",
            text: #"""
                version: 1
                name: zigzag
                model: tiny
                template: motrans
                motion: zigzagging
                clips:
                  - file: clips/a.mp4
                  - clips/b.mp4
                prompts:
                  - A blue robot is zigzagging in the snow
                settings:
                  motion: {steps: 300, rank: 16}
                  samples: {seeds: [1, 2]}

                """#,
            errors: #"""
                p.yaml:7:5: error: the clip has no `prompt`
                  7 |   - file: clips/a.mp4
                    |     ^
                    = help: `prompt:` says what it shows: A red ball is zigzagging
                p.yaml:8:5: error: a clip must be a map with `file` and `prompt`, found the text "clips/b.mp4"
                  8 |   - clips/b.mp4
                    |     ^^^^^^^^^^^
                    = help: `- {file: clips/a.mp4, prompt: A ball is rolling}`
                2 errors
                """#),
        BadFile(
            name: "a clip with an unknown key",
            text: #"""
                version: 1
                name: zigzag
                model: tiny
                template: motrans
                motion: zigzagging
                clips:
                  - file: clips/a.mp4
                    caption: A red ball is zigzagging on the grass
                prompts:
                  - A blue robot is zigzagging in the snow
                settings:
                  motion: {steps: 300, rank: 16}
                  samples: {seeds: [1, 2]}

                """#,
            errors: #"""
                p.yaml:7:5: error: the clip has no `prompt`
                  7 |   - file: clips/a.mp4
                    |     ^
                    = help: `prompt:` says what it shows: A red ball is zigzagging
                p.yaml:8:5: error: a clip has no key `caption`
                  8 |     caption: A red ball is zigzagging on the grass
                    |     ^^^^^^^
                    = help: keys: file, prompt
                2 errors
                """#),
        BadFile(
            name: "no clips at all",
            text: #"""
                version: 1
                name: zigzag
                model: tiny
                template: motrans
                motion: zigzagging
                clips: []
                prompts:
                  - A blue robot is zigzagging in the snow
                settings:
                  motion: {steps: 300, rank: 16}
                  samples: {seeds: [1, 2]}

                """#,
            errors: #"""
                p.yaml:6:8: error: `clips` is empty
                  6 | clips: []
                    |        ^
                    = help: add a clip: `- {file: clips/a.mp4, prompt: ...}`
                """#),
        BadFile(
            name: "a folder of clips that lacks a caption",
            text: #"""
                version: 1
                name: zigzag
                model: tiny
                template: motrans
                motion: zigzagging
                clips: clips
                prompts:
                  - A blue robot is zigzagging in the snow
                settings:
                  motion: {steps: 300, rank: 16}
                  samples: {seeds: [1, 2]}

                """#,
            errors: #"""
                p.yaml:6:8: error: the clip `a.mp4` has no prompt: there is no `a.txt`
                  6 | clips: clips
                    |        ^^^^^
                    = help: say in a.txt what the clip shows, or list the clips in a metadata.jsonl
                p.yaml:6:8: error: the clip `b.mp4` has no prompt: there is no `b.txt`
                  6 | clips: clips
                    |        ^^^^^
                    = help: say in b.txt what the clip shows, or list the clips in a metadata.jsonl
                p.yaml:6:8: error: the clip `text.mp4` has no prompt: there is no `text.txt`
                  6 | clips: clips
                    |        ^^^^^
                    = help: say in text.txt what the clip shows, or list the clips in a metadata.jsonl
                3 errors
                """#),
        BadFile(
            name: "a folder of clips that is not there",
            text: #"""
                version: 1
                name: zigzag
                model: tiny
                template: motrans
                motion: zigzagging
                clips: folders/
                prompts:
                  - A blue robot is zigzagging in the snow
                settings:
                  motion: {steps: 300, rank: 16}
                  samples: {seeds: [1, 2]}

                """#,
            errors: #"""
                p.yaml:6:8: error: there is no folder `folders/`
                  6 | clips: folders/
                    |        ^^^^^^^^
                    = help: did you mean `folder`?
                """#),
        BadFile(
            name: "a prompt with an unknown key, and an empty one",
            text: #"""
                version: 1
                name: zigzag
                model: tiny
                template: motrans
                motion: zigzagging
                clips:
                  - file: clips/a.mp4
                    prompt: A red ball is zigzagging on the grass
                prompts:
                  - {prompt: A cat is zigzagging, entities: a cat}
                  - ''
                settings:
                  motion: {steps: 300, rank: 16}
                  samples: {seeds: [1, 2]}

                """#,
            errors: #"""
                p.yaml:10:35: error: a prompt has no key `entities`
                  10 |   - {prompt: A cat is zigzagging, entities: a cat}
                     |                                   ^^^^^^^^
                     = help: keys: prompt, entity
                p.yaml:11:5: error: a prompt is empty
                  11 |   - ''
                     |     ^^
                2 errors
                """#),
        BadFile(
            name: "prompts that are no list",
            text: #"""
                version: 1
                name: zigzag
                model: tiny
                template: motrans
                motion: zigzagging
                clips:
                  - file: clips/a.mp4
                    prompt: A red ball is zigzagging on the grass
                prompts: A blue robot is zigzagging
                settings:
                  motion: {steps: 300, rank: 16}
                  samples: {seeds: [1, 2]}

                """#,
            errors: #"""
                p.yaml:9:10: error: `prompts` must be a list of prompts, found the text "A blue robot is zigzagging"
                  9 | prompts: A blue robot is zigzagging
                    |          ^^^^^^^^^^^^^^^^^^^^^^^^^^
                    = help: write `- ` before each prompt
                """#),
        BadFile(
            name: "a cycle",
            text: #"""
                version: 1
                steps:
                  a: {stage: command, inputs: {x: "${c}"}, run: [p, "{outputs.o}"], outputs: {o: file}}
                  b: {stage: command, inputs: {x: "${a}"}, run: [p, "{outputs.o}"], outputs: {o: file}}
                  c: {stage: command, inputs: {x: "${b}"}, run: [p, "{outputs.o}"], outputs: {o: file}}
                  d: {stage: command, inputs: {x: "${c}"}, run: [p, "{outputs.o}"], outputs: {o: file}}

                """#,
            errors: #"""
                p.yaml:3:35: error: steps wait for each other: a -> b -> c -> a
                  3 |   a: {stage: command, inputs: {x: "${c}"}, run: [p, "{outputs.o}"], outputs: {o: file}}
                    |                                   ^^^^^^
                    = help: remove one of these references
                """#),
        BadFile(
            name: "a step that waits for itself",
            text: #"""
                version: 1
                model: tiny
                clips: [{file: clips/a.mp4, prompt: A ball is zigzagging}]
                prompts: [A robot is zigzagging]
                steps:
                  frames: {stage: frame-extraction, inputs: {clips: "${clips}"}}
                  samples: {stage: sampling, for-each: "${prompts}"}
                  loop: {stage: command, inputs: {x: "${loop}"}, run: [p], outputs: {o: file}}

                """#,
            errors: #"""
                p.yaml:8:38: error: steps wait for each other: loop -> loop
                  8 |   loop: {stage: command, inputs: {x: "${loop}"}, run: [p], outputs: {o: file}}
                    |                                      ^^^^^^^^^
                    = help: remove one of these references
                """#),
        BadFile(
            name: "an unknown stage",
            text: #"""
                version: 1
                model: tiny
                clips: [{file: clips/a.mp4, prompt: A ball is zigzagging}]
                prompts: [A robot is zigzagging]
                steps:
                  frames: {stage: frame-extraction, inputs: {clips: "${clips}"}}
                  samples: {stage: samplings, for-each: "${prompts}"}

                """#,
            errors: #"""
                p.yaml:7:20: error: there is no stage `samplings`
                  7 |   samples: {stage: samplings, for-each: "${prompts}"}
                    |                    ^^^^^^^^^
                    = help: did you mean `sampling`?
                """#),
        BadFile(
            name: "a step without a stage",
            text: #"""
                version: 1
                model: tiny
                clips: [{file: clips/a.mp4, prompt: A ball is zigzagging}]
                prompts: [A robot is zigzagging]
                steps:
                  frames: {stage: frame-extraction, inputs: {clips: "${clips}"}}
                  samples: {for-each: "${prompts}"}

                """#,
            errors: #"""
                p.yaml:7:3: error: the step `samples` names no stage
                  7 |   samples: {for-each: "${prompts}"}
                    |   ^^^^^^^
                    = help: add `stage:`
                """#),
        BadFile(
            name: "an unknown key of a step",
            text: #"""
                version: 1
                model: tiny
                clips: [{file: clips/a.mp4, prompt: A ball is zigzagging}]
                prompts: [A robot is zigzagging]
                steps:
                  frames: {stage: frame-extraction, inputs: {clips: "${clips}"}}
                  samples: {stage: sampling, foreach: "${prompts}"}

                """#,
            errors: #"""
                p.yaml:7:30: error: a step of stage sampling has no key `foreach`
                  7 |   samples: {stage: sampling, foreach: "${prompts}"}
                    |                              ^^^^^^^
                    = help: did you mean `for-each`?
                """#),
        BadFile(
            name: "an unknown input",
            text: #"""
                version: 1
                model: tiny
                clips: [{file: clips/a.mp4, prompt: A ball is zigzagging}]
                prompts: [A robot is zigzagging]
                steps:
                  frames: {stage: frame-extraction, inputs: {clip: "${clips}"}}
                  samples: {stage: sampling, for-each: "${prompts}"}

                """#,
            errors: #"""
                p.yaml:6:3: error: the step `frames` lacks its input `clips` (the reference clips)
                  6 |   frames: {stage: frame-extraction, inputs: {clip: "${clips}"}}
                    |   ^^^^^^
                    = help: clips are given by `${clips}`
                p.yaml:6:46: error: stage frame-extraction has no input `clip`
                  6 |   frames: {stage: frame-extraction, inputs: {clip: "${clips}"}}
                    |                                              ^^^^
                    = help: did you mean `clips`?
                2 errors
                """#),
        BadFile(
            name: "a missing input",
            text: #"""
                version: 1
                model: tiny
                clips: [{file: clips/a.mp4, prompt: A ball is zigzagging}]
                prompts: [A robot is zigzagging]
                steps:
                  frames: {stage: frame-extraction, inputs: {clips: "${clips}"}}
                  samples: {stage: sampling, for-each: "${prompts}"}
                  scores: {stage: metric-scoring, inputs: {videos: "${samples}"}}

                """#,
            errors: #"""
                p.yaml:8:3: error: the step `scores` lacks its input `references` (decoded clips)
                  8 |   scores: {stage: metric-scoring, inputs: {videos: "${samples}"}}
                    |   ^^^^^^
                    = help: frames are given by `${frames}`
                """#),
        BadFile(
            name: "a reference to nothing",
            text: #"""
                version: 1
                model: tiny
                clips: [{file: clips/a.mp4, prompt: A ball is zigzagging}]
                prompts: [A robot is zigzagging]
                steps:
                  frames: {stage: frame-extraction, inputs: {clips: "${clisp}"}}
                  samples: {stage: sampling, for-each: "${prompts}"}

                """#,
            errors: #"""
                p.yaml:6:53: error: there is no step or parameter `clisp`
                  6 |   frames: {stage: frame-extraction, inputs: {clips: "${clisp}"}}
                    |                                                     ^^^^^^^^^^
                    = help: did you mean `clips`?
                """#),
        BadFile(
            name: "an output that a step does not have",
            text: #"""
                version: 1
                model: tiny
                clips: [{file: clips/a.mp4, prompt: A ball is zigzagging}]
                prompts: [A robot is zigzagging]
                steps:
                  frames: {stage: frame-extraction, inputs: {clips: "${clips}"}}
                  samples: {stage: sampling, for-each: "${prompts}"}
                  scores: {stage: metric-scoring, inputs: {videos: "${samples.video}", references: "${frames}"}}

                """#,
            errors: #"""
                p.yaml:8:52: error: the step `samples` has no output `video`
                  8 |   scores: {stage: metric-scoring, inputs: {videos: "${samples.video}", references: "${frames}"}}
                    |                                                    ^^^^^^^^^^^^^^^^^^
                    = help: did you mean `videos`?
                """#),
        BadFile(
            name: "an input of the wrong kind",
            text: #"""
                version: 1
                model: tiny
                clips: [{file: clips/a.mp4, prompt: A ball is zigzagging}]
                prompts: [A robot is zigzagging]
                steps:
                  frames: {stage: frame-extraction, inputs: {clips: "${clips}"}}
                  samples: {stage: sampling, for-each: "${prompts}"}
                  scores: {stage: metric-scoring, inputs: {videos: "${frames}", references: "${samples.latents}"}}

                """#,
            errors: #"""
                p.yaml:8:52: error: the input `videos` of step `scores` takes videos, this is frames
                  8 |   scores: {stage: metric-scoring, inputs: {videos: "${frames}", references: "${samples.latents}"}}
                    |                                                    ^^^^^^^^^^^
                    = help: videos are given by `${samples}`
                p.yaml:8:77: error: the input `references` of step `scores` takes frames, this is latents
                  8 |   scores: {stage: metric-scoring, inputs: {videos: "${frames}", references: "${samples.latents}"}}
                    |                                                                             ^^^^^^^^^^^^^^^^^^^^
                    = help: frames are given by `${frames}`
                2 errors
                """#),
        BadFile(
            name: "an input that is no reference",
            text: #"""
                version: 1
                model: tiny
                clips: [{file: clips/a.mp4, prompt: A ball is zigzagging}]
                prompts: [A robot is zigzagging]
                steps:
                  frames: {stage: frame-extraction, inputs: {clips: "${clips}"}}
                  samples: {stage: sampling, for-each: "${prompts}"}
                  scores: {stage: metric-scoring, inputs: {videos: samples, references: 3}}

                """#,
            errors: #"""
                p.yaml:8:52: error: an input must be a reference or a file, found the text "samples"
                  8 |   scores: {stage: metric-scoring, inputs: {videos: samples, references: 3}}
                    |                                                    ^^^^^^^
                    = help: did you mean `${samples}`?
                p.yaml:8:73: error: an input must be a reference or a file, found the number 3
                  8 |   scores: {stage: metric-scoring, inputs: {videos: samples, references: 3}}
                    |                                                                         ^
                    = help: a step's output is `${step}`, a file of yours `{file: path}`
                2 errors
                """#),
        BadFile(
            name: "many where one is wanted",
            text: #"""
                version: 1
                model: tiny
                clips: [{file: clips/a.mp4, prompt: A ball is zigzagging}]
                prompts: [A robot is zigzagging]
                steps:
                  frames: {stage: frame-extraction, inputs: {clips: "${clips}"}}
                  samples: {stage: sampling, for-each: "${prompts}"}
                  one: {stage: spatial-lora-training, inputs: {frames: ["${frames}", "${frames}"]}}
                  small: {stage: command, for-each: "${samples}", inputs: {v: "${item}"}, run: [p], outputs: {frames: frames}}
                  two: {stage: spatial-lora-training, inputs: {frames: "${small}"}}

                """#,
            errors: #"""
                p.yaml:8:56: error: the input `frames` of stage spatial-lora-training takes one artifact, not 2
                  8 |   one: {stage: spatial-lora-training, inputs: {frames: ["${frames}", "${frames}"]}}
                    |                                                        ^
                p.yaml:10:56: error: the input `frames` of stage spatial-lora-training takes one artifact, but `small` gives one for each element
                  10 |   two: {stage: spatial-lora-training, inputs: {frames: "${small}"}}
                     |                                                        ^^^^^^^^^^
                     = help: go through them: `for-each: "${small}"` and `frames: "${item}"`
                2 errors
                """#),
        BadFile(
            name: "for-each over what is no list",
            text: #"""
                version: 1
                name: zigzag
                model: tiny
                template: motrans
                motion: zigzagging
                clips:
                  - file: clips/a.mp4
                    prompt: A red ball is zigzagging on the grass
                prompts:
                  - A blue robot is zigzagging in the snow
                settings:
                  motion: {steps: 300, rank: 16}
                  samples: {seeds: [1, 2]}
                steps:
                  a: {stage: command, for-each: "${motion}", inputs: {x: "${item}"}, run: [p], outputs: {o: file}}
                  b: {stage: command, for-each: "${clips}", inputs: {x: "${item}"}, run: [p], outputs: {o: file}}
                  c: {stage: command, for-each: 3, inputs: {}, run: [p], outputs: {o: file}}
                  d: {stage: command, for-each: [], run: [p], outputs: {o: file}}
                  e: {stage: command, for-each: [1, 2], run: [p], outputs: {o: file}}

                """#,
            errors: #"""
                p.yaml:15:33: error: `for-each` needs many, but the step `motion` gives one artifact
                  15 |   a: {stage: command, for-each: "${motion}", inputs: {x: "${item}"}, run: [p], outputs: {o: file}}
                     |                                 ^^^^^^^^^^^
                     = help: it works through lists (`${prompts}`) and through steps that have a `for-each`
                p.yaml:16:33: error: `for-each` needs a list, but `clips` is clips
                  16 |   b: {stage: command, for-each: "${clips}", inputs: {x: "${item}"}, run: [p], outputs: {o: file}}
                     |                                 ^^^^^^^^^^
                     = help: it works through lists (`${prompts}`) and through steps that have a `for-each`
                p.yaml:17:33: error: `for-each` needs a list, found the number 3
                  17 |   c: {stage: command, for-each: 3, inputs: {}, run: [p], outputs: {o: file}}
                     |                                 ^
                     = help: it works through lists (`${prompts}`) and through steps that have a `for-each`
                p.yaml:18:33: error: `for-each` has nothing to go through: the list is empty
                  18 |   d: {stage: command, for-each: [], run: [p], outputs: {o: file}}
                     |                                 ^
                p.yaml:19:33: error: the step `e` is the same for each element
                  19 |   e: {stage: command, for-each: [1, 2], run: [p], outputs: {o: file}}
                     |                                 ^
                     = help: use `${item}` in its settings, or remove the `for-each`
                5 errors
                """#),
        BadFile(
            name: "an item outside of a for-each",
            text: #"""
                version: 1
                model: tiny
                clips: [{file: clips/a.mp4, prompt: A ball is zigzagging}]
                prompts: [A robot is zigzagging]
                steps:
                  frames: {stage: frame-extraction, inputs: {clips: "${clips}"}}
                  samples: {stage: sampling, for-each: "${prompts}"}
                  a: {stage: command, inputs: {x: "${item}"}, run: [p, "${item}"], outputs: {o: file}}

                """#,
            errors: #"""
                p.yaml:8:35: error: `${item}` is only known in a step with `for-each`
                  8 |   a: {stage: command, inputs: {x: "${item}"}, run: [p, "${item}"], outputs: {o: file}}
                    |                                   ^^^^^^^^^
                    = help: add `for-each:` to the step
                p.yaml:8:56: error: `${item}` is only known in a step with `for-each`
                  8 |   a: {stage: command, inputs: {x: "${item}"}, run: [p, "${item}"], outputs: {o: file}}
                    |                                                        ^^^^^^^^^
                    = help: add `for-each:` to the step
                2 errors
                """#),
        BadFile(
            name: "a step of the template's name",
            text: #"""
                version: 1
                name: zigzag
                model: tiny
                template: motrans
                motion: zigzagging
                clips:
                  - file: clips/a.mp4
                    prompt: A red ball is zigzagging on the grass
                prompts:
                  - A blue robot is zigzagging in the snow
                settings:
                  motion: {steps: 300, rank: 16}
                  samples: {seeds: [1, 2]}
                steps:
                  frames: {stage: frame-extraction, inputs: {clips: "${clips}"}}

                """#,
            errors: #"""
                p.yaml:15:3: error: the step `frames` is there twice
                  15 |   frames: {stage: frame-extraction, inputs: {clips: "${clips}"}}
                     |   ^^^^^^
                     = help: template `motrans` has a step of this name; change its settings under `settings:`
                """#),
        BadFile(
            name: "a key that is there twice",
            text: #"""
                version: 1
                name: zigzag
                model: tiny
                template: motrans
                motion: zigzagging
                clips:
                  - file: clips/a.mp4
                    prompt: A red ball is zigzagging on the grass
                prompts:
                  - A blue robot is zigzagging in the snow
                settings:
                  motion: {steps: 300, rank: 16}
                  samples: {seeds: [1, 2]}
                model: other

                """#,
            errors: #"""
                p.yaml:14:1: error: the key `model` is there twice
                  14 | model: other
                     | ^^^^^
                     = help: the first one is in line 3
                """#),
        BadFile(
            name: "a step that is there twice",
            text: #"""
                version: 1
                model: tiny
                clips: [{file: clips/a.mp4, prompt: A ball is zigzagging}]
                prompts: [A robot is zigzagging]
                steps:
                  frames: {stage: frame-extraction, inputs: {clips: "${clips}"}}
                  samples: {stage: sampling, for-each: "${prompts}"}
                  frames: {stage: frame-extraction, inputs: {clips: "${clips}"}}

                """#,
            errors: #"""
                p.yaml:8:3: error: the key `frames` is there twice
                  8 |   frames: {stage: frame-extraction, inputs: {clips: "${clips}"}}
                    |   ^^^^^^
                    = help: the first one is in line 6
                """#),
        BadFile(
            name: "a parameter that nothing uses",
            text: #"""
                version: 1
                model: tiny
                clips: [{file: clips/a.mp4, prompt: A ball is zigzagging}]
                prompts: [A robot is zigzagging]
                steps:
                  frames: {stage: frame-extraction, inputs: {clips: {file: clips/a.mp4}}}
                  samples: {stage: sampling, for-each: "${prompts}"}
                parameters: {strength: {type: number, default: 1}}

                """#,
            errors: #"""
                p.yaml:6:53: error: the input `clips` of step `frames` takes clips, this is file
                  6 |   frames: {stage: frame-extraction, inputs: {clips: {file: clips/a.mp4}}}
                    |                                                     ^
                """#),
        BadFile(
            name: "a parameter that no step uses",
            text: #"""
                version: 1
                parameters: {strength: {type: number, default: 1}}
                clips: folder
                steps:
                  a: {stage: command, run: [p, "{outputs.o}"], outputs: {o: file}}

                """#,
            errors: #"""
                p.yaml:2:14: error: `strength` is not used by any step
                  2 | parameters: {strength: {type: number, default: 1}}
                    |              ^^^^^^^^
                    = help: remove it, or refer to it as `${strength}`
                p.yaml:3:1: error: `clips` is not used by any step
                  3 | clips: folder
                    | ^^^^^
                    = help: remove it, or refer to it as `${clips}`
                2 errors
                """#),
        BadFile(
            name: "a parameter of an unknown type, and one without a value",
            text: #"""
                version: 1
                parameters: {strength: float, word: string}
                steps:
                  a: {stage: command, run: [p, "${word}", "{outputs.o}"], outputs: {o: file}}

                """#,
            errors: #"""
                p.yaml:2:24: error: there is no parameter type `float`
                  2 | parameters: {strength: float, word: string}
                    |                        ^^^^^
                    = help: types: clips, prompts, model, string, int, number, bool, list, map, file, files
                p.yaml:2:31: error: the parameter `word` has no value and no default
                  2 | parameters: {strength: float, word: string}
                    |                               ^^^^
                    = help: add `word: ...` to the file, or `--set word=...`
                2 errors
                """#),
        BadFile(
            name: "a value that stands for itself",
            text: #"""
                version: 1
                parameters: {a: string, b: string}
                a: x${b}
                b: y${a}
                steps:
                  s: {stage: command, run: [p, "${a}", "{outputs.o}"], outputs: {o: file}}

                """#,
            errors: #"""
                p.yaml:3:4: error: the value stands for itself: a -> b -> a
                  3 | a: x${b}
                    |    ^^^^^
                """#),
        BadFile(
            name: "references that are none",
            text: #"""
                version: 1
                model: tiny
                clips: [{file: clips/a.mp4, prompt: A ball is zigzagging}]
                prompts: [A robot is zigzagging]
                steps:
                  frames: {stage: frame-extraction, inputs: {clips: "${clips}"}}
                  samples: {stage: sampling, for-each: "${prompts}"}
                  a: {stage: command, run: ["${}", "${prompts", "${no such}", "${prompts}", "x ${prompts}", "${frames}"], outputs: {o: file}}

                """#,
            errors: #"""
                p.yaml:8:29: error: `${}` is not a reference
                  8 |   a: {stage: command, run: ["${}", "${prompts", "${no such}", "${prompts}", "x ${prompts}", "${frames}"], outputs: {o: file}}
                    |                             ^^^^^
                    = help: references are `${name}`; a literal `${` is `$${`
                p.yaml:8:36: error: `${` without a `}`
                  8 |   a: {stage: command, run: ["${}", "${prompts", "${no such}", "${prompts}", "x ${prompts}", "${frames}"], outputs: {o: file}}
                    |                                    ^^^^^^^^^^^
                    = help: references are `${name}`; a literal `${` is `$${`
                p.yaml:8:49: error: `${no such}` is not a reference
                  8 |   a: {stage: command, run: ["${}", "${prompts", "${no such}", "${prompts}", "x ${prompts}", "${frames}"], outputs: {o: file}}
                    |                                                 ^^^^^^^^^^^^
                    = help: references are `${name}`; a literal `${` is `$${`
                p.yaml:8:77: error: `${prompts}` is a list and cannot stand inside a text
                  8 |   a: {stage: command, run: ["${}", "${prompts", "${no such}", "${prompts}", "x ${prompts}", "${frames}"], outputs: {o: file}}
                    |                                                                             ^^^^^^^^^^^^^^
                p.yaml:8:93: error: there is no parameter `frames` in this file
                  8 |   a: {stage: command, run: ["${}", "${prompts", "${no such}", "${prompts}", "x ${prompts}", "${frames}"], outputs: {o: file}}
                    |                                                                                             ^^^^^^^^^^^
                    = help: the step `frames` gives an artifact: it can be an input, not a value
                5 errors
                """#),
        BadFile(
            name: "the environment without leave, and without a value",
            text: #"""
                version: 1
                name: zigzag
                model: tiny
                template: motrans
                motion: zigzagging
                clips:
                  - file: clips/a.mp4
                    prompt: A red ball is zigzagging on the grass
                prompts:
                  - A blue robot is zigzagging in the snow
                settings:
                  motion: {steps: 300, rank: 16}
                  samples: {seeds: [1, 2]}
                env: [STEPS]
                defaults: {motion-training: {steps: "${env.STEPS}", rank: "${env.RANK}"}}

                """#,
            errors: #"""
                p.yaml:15:37: error: the environment variable `STEPS` is not set
                  15 | defaults: {motion-training: {steps: "${env.STEPS}", rank: "${env.RANK}"}}
                     |                                     ^^^^^^^^^^^^^^
                     = help: set it, or give a default with `env: {STEPS: ...}`
                p.yaml:15:59: error: this file may not read the environment variable `RANK`
                  15 | defaults: {motion-training: {steps: "${env.STEPS}", rank: "${env.RANK}"}}
                     |                                                           ^^^^^^^^^^^^^
                     = help: allow it with `env: [RANK]`
                2 errors
                """#),
        BadFile(
            name: "a program without outputs, with a wrong kind, and with a number of keys",
            text: #"""
                version: 1
                model: tiny
                clips: [{file: clips/a.mp4, prompt: A ball is zigzagging}]
                prompts: [A robot is zigzagging]
                steps:
                  frames: {stage: frame-extraction, inputs: {clips: "${clips}"}}
                  samples: {stage: sampling, for-each: "${prompts}"}
                  a: {stage: command, run: [p]}
                  b: {stage: command, run: [p], outputs: {o: movie}}
                  c: {stage: command, command: p, run: p, outputs: {}, volatile: maybe}

                """#,
            errors: #"""
                p.yaml:8:3: error: the step `a` does not say what it gives
                  8 |   a: {stage: command, run: [p]}
                    |   ^
                    = help: add `outputs: {NAME: file}`; kinds: file, files, video, frames, captions, spatial-lora, embeddings, motion-adapter, videos, latents, scores
                p.yaml:9:46: error: there is no kind of artifact `movie`
                  9 |   b: {stage: command, run: [p], outputs: {o: movie}}
                    |                                              ^^^^^
                    = help: kinds: file, files, video, frames, captions, spatial-lora, embeddings, motion-adapter, videos, latents, scores
                p.yaml:10:23: error: a step of stage command has no key `command`
                  10 |   c: {stage: command, command: p, run: p, outputs: {}, volatile: maybe}
                     |                       ^^^^^^^
                     = help: keys: stage, inputs, settings, model, for-each, matrix, volatile, timeout, retries, memory, outputs, run, environment
                p.yaml:10:40: error: `run`: expected a list (each item: text), found the text "p"
                  10 |   c: {stage: command, command: p, run: p, outputs: {}, volatile: maybe}
                     |                                        ^
                p.yaml:10:52: error: `outputs` is empty
                  10 |   c: {stage: command, command: p, run: p, outputs: {}, volatile: maybe}
                     |                                                    ^
                p.yaml:10:66: error: `volatile` must be true or false, found the text "maybe"
                  10 |   c: {stage: command, command: p, run: p, outputs: {}, volatile: maybe}
                     |                                                                  ^^^^^
                6 errors
                """#),
        BadFile(
            name: "an input file that is not there",
            text: #"""
                version: 1
                model: tiny
                clips: [{file: clips/a.mp4, prompt: A ball is zigzagging}]
                prompts: [A robot is zigzagging]
                steps:
                  frames: {stage: frame-extraction, inputs: {clips: "${clips}"}}
                  samples: {stage: sampling, for-each: "${prompts}"}
                  a: {stage: command, inputs: {x: {file: shrunk.txt}, y: {path: a}}, run: [p], outputs: {o: file}}

                """#,
            errors: #"""
                p.yaml:8:42: error: there is no file `shrunk.txt`
                  8 |   a: {stage: command, inputs: {x: {file: shrunk.txt}, y: {path: a}}, run: [p], outputs: {o: file}}
                    |                                          ^^^^^^^^^^
                    = help: did you mean `shrink.txt`?
                p.yaml:8:58: error: an input that is a map says `file` or `files`, and nothing else
                  8 |   a: {stage: command, inputs: {x: {file: shrunk.txt}, y: {path: a}}, run: [p], outputs: {o: file}}
                    |                                                          ^
                    = help: `{file: path}` is one file, `{files: folder}` a whole folder
                2 errors
                """#),
        BadFile(
            name: "a matrix with every mistake",
            text: #"""
                version: 1
                name: zigzag
                model: tiny
                template: motrans
                motion: zigzagging
                clips:
                  - file: clips/a.mp4
                    prompt: A red ball is zigzagging on the grass
                prompts:
                  - A blue robot is zigzagging in the snow
                settings:
                  motion: {steps: 300, rank: 16}
                  samples: {seeds: [1, 2]}
                matrix:
                  motion.rank: 8
                  rank: [8]
                  motion.ranks: [8]
                  motoin.rank: [8]
                  motion.steps: [10, 10, x]
                  exclude: {motion.steps: 10}

                """#,
            errors: #"""
                p.yaml:15:16: error: `motion.rank` must be a list of values to try, found the number 8
                  15 |   motion.rank: 8
                     |                ^
                     = help: `motion.rank: [8, 16]`
                p.yaml:16:3: error: `rank` is not a setting
                  16 |   rank: [8]
                     |   ^^^^
                     = help: write `step.setting: [...]`
                p.yaml:17:3: error: stage motion-training has no setting `ranks`
                  17 |   motion.ranks: [8]
                     |   ^^^^^^^^^^^^
                     = help: did you mean `rank`?
                p.yaml:18:3: error: there is no step `motoin`
                  18 |   motoin.rank: [8]
                     |   ^^^^^^^^^^^
                     = help: did you mean `motion`?
                p.yaml:19:22: error: `motion.steps` tries 10 twice
                  19 |   motion.steps: [10, 10, x]
                     |                      ^^
                p.yaml:19:26: error: `motion.steps`: expected a whole number, found the text "x"
                  19 |   motion.steps: [10, 10, x]
                     |                          ^
                6 errors
                """#),
        BadFile(
            name: "a matrix with mistakes in include and exclude",
            text: #"""
                version: 1
                name: zigzag
                model: tiny
                template: motrans
                motion: zigzagging
                clips:
                  - file: clips/a.mp4
                    prompt: A red ball is zigzagging on the grass
                prompts:
                  - A blue robot is zigzagging in the snow
                settings:
                  motion: {steps: 300, rank: 16}
                  samples: {seeds: [1, 2]}
                matrix:
                  motion.rank: [8, 16]
                  exclude: [{motion.rank: 32}, {motion.steps: 1}]
                  include: [{motion.rank: 8}, {motion.rnk: 1}]

                """#,
            errors: #"""
                p.yaml:16:27: error: the matrix has no cell with this `motion.rank`
                  16 |   exclude: [{motion.rank: 32}, {motion.steps: 1}]
                     |                           ^^
                     = help: it tries: 8, 16
                p.yaml:16:33: error: the matrix does not vary `motion.steps`
                  16 |   exclude: [{motion.rank: 32}, {motion.steps: 1}]
                     |                                 ^^^^^^^^^^^^
                     = help: it varies: motion.rank
                p.yaml:17:13: error: the matrix has this cell already
                  17 |   include: [{motion.rank: 8}, {motion.rnk: 1}]
                     |             ^
                p.yaml:17:32: error: stage motion-training has no setting `rnk`
                  17 |   include: [{motion.rank: 8}, {motion.rnk: 1}]
                     |                                ^^^^^^^^^^
                     = help: did you mean `rank`?
                4 errors
                """#),
        BadFile(
            name: "a matrix without cells",
            text: #"""
                version: 1
                name: zigzag
                model: tiny
                template: motrans
                motion: zigzagging
                clips:
                  - file: clips/a.mp4
                    prompt: A red ball is zigzagging on the grass
                prompts:
                  - A blue robot is zigzagging in the snow
                settings:
                  motion: {steps: 300, rank: 16}
                  samples: {seeds: [1, 2]}
                matrix: {motion.rank: [8], exclude: [{motion.rank: 8}]}

                """#,
            errors: #"""
                p.yaml:14:9: error: the matrix has no cells
                  14 | matrix: {motion.rank: [8], exclude: [{motion.rank: 8}]}
                     |         ^
                """#),
        BadFile(
            name: "a matrix that is too large",
            text: #"""
                version: 1
                name: zigzag
                model: tiny
                template: motrans
                motion: zigzagging
                clips:
                  - file: clips/a.mp4
                    prompt: A red ball is zigzagging on the grass
                prompts:
                  - A blue robot is zigzagging in the snow
                settings:
                  motion: {steps: 300, rank: 16}
                  samples: {seeds: [1, 2]}
                matrix: {motion.rank: &n [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 80, 81, 82, 83, 84, 85, 86, 87, 88, 89, 90, 91, 92, 93, 94, 95, 96, 97, 98, 99, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 114, 115, 116, 117, 118, 119, 120, 121, 122, 123, 124, 125, 126, 127, 128, 129, 130, 131, 132, 133, 134, 135, 136, 137, 138, 139, 140, 141, 142, 143, 144, 145, 146, 147, 148, 149, 150, 151, 152, 153, 154, 155, 156, 157, 158, 159, 160, 161, 162, 163, 164, 165, 166, 167, 168, 169, 170, 171, 172, 173, 174, 175, 176, 177, 178, 179, 180, 181, 182, 183, 184, 185, 186, 187, 188, 189, 190, 191, 192, 193, 194, 195, 196, 197, 198, 199, 200, 201], motion.steps: *n}

                """#,
            errors: #"""
                p.yaml:14:9: error: the matrix has more than 10000 cells
                  14 | matrix: {motion.rank: &n [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,...
                     |         ^
                """#),
        BadFile(
            name: "profiles that are wrong",
            text: #"""
                version: 1
                name: zigzag
                model: tiny
                template: motrans
                motion: zigzagging
                clips:
                  - file: clips/a.mp4
                    prompt: A red ball is zigzagging on the grass
                prompts:
                  - A blue robot is zigzagging in the snow
                settings:
                  motion: {steps: 300, rank: 16}
                  samples: {seeds: [1, 2]}
                profiles: {laptop: {jobs: 0, threads: x, executor: slurm, seed: 1}}

                """#,
            errors: #"""
                p.yaml:14:27: error: `jobs` must be a whole number from 1 to 4096, found the number 0
                  14 | profiles: {laptop: {jobs: 0, threads: x, executor: slurm, seed: 1}}
                     |                           ^
                p.yaml:14:39: error: `threads` must be a whole number from 1 to 4096, found the text "x"
                  14 | profiles: {laptop: {jobs: 0, threads: x, executor: slurm, seed: 1}}
                     |                                       ^
                p.yaml:14:52: error: `executor` must be local, found the text "slurm"
                  14 | profiles: {laptop: {jobs: 0, threads: x, executor: slurm, seed: 1}}
                     |                                                    ^^^^^
                p.yaml:14:59: error: a profile has no key `seed`
                  14 | profiles: {laptop: {jobs: 0, threads: x, executor: slurm, seed: 1}}
                     |                                                           ^^^^
                     = help: keys: jobs, threads, memory, limits, executor
                4 errors
                """#),
        BadFile(
            name: "an include that is not there",
            text: #"""
                version: 1
                name: zigzag
                model: tiny
                template: motrans
                motion: zigzagging
                clips:
                  - file: clips/a.mp4
                    prompt: A red ball is zigzagging on the grass
                prompts:
                  - A blue robot is zigzagging in the snow
                settings:
                  motion: {steps: 300, rank: 16}
                  samples: {seeds: [1, 2]}
                include: [common.yaml]

                """#,
            errors: #"""
                p.yaml:14:11: error: there is no file `common.yaml`
                  14 | include: [common.yaml]
                     |           ^^^^^^^^^^^
                     = help: paths start at the folder of the file that says them
                """#),
        BadFile(
            name: "files that include each other",
            text: #"""
                version: 1
                name: zigzag
                model: tiny
                template: motrans
                motion: zigzagging
                clips:
                  - file: clips/a.mp4
                    prompt: A red ball is zigzagging on the grass
                prompts:
                  - A blue robot is zigzagging in the snow
                settings:
                  motion: {steps: 300, rank: 16}
                  samples: {seeds: [1, 2]}
                include: loop-a.yaml

                """#,
            errors: #"""
                sub/loop-b.yaml:1:11: error: files include each other: loop-a.yaml -> sub/loop-b.yaml -> loop-a.yaml
                  1 | include: [../loop-a.yaml]
                    |           ^^^^^^^^^^^^^^
                """#),
        BadFile(
            name: "a template's declaration",
            text: #"""
                version: 1
                template: mine
                parameters: {clips: clips}
                steps: {}

                """#,
            errors: #"""
                p.yaml:2:1: error: this file declares the template `mine`: it is not a pipeline itself
                  2 | template: mine
                    | ^^^^^^^^
                    = help: a pipeline uses it with `template: mine` and values for its parameters
                """#),
        BadFile(
            name: "flags",
            text: #"""
                version: 1
                name: zigzag
                model: tiny
                template: motrans
                motion: zigzagging
                clips:
                  - file: clips/a.mp4
                    prompt: A red ball is zigzagging on the grass
                prompts:
                  - A blue robot is zigzagging in the snow
                settings:
                  motion: {steps: 300, rank: 16}
                  samples: {seeds: [1, 2]}

                """#,
            flags: [
                "motion.rnk=8", "motion.steps=x", "motoin.rank=1", "rank", "a.b.c=1", "modle=tiny", "samples.seeds=[1",
                "motion.rank=0",
            ],
            errors: #"""
                --set motion.rnk=8: error: stage motion-training has no setting `rnk`
                  = help: did you mean `rank`?
                --set motion.steps=x: error: `steps`: expected a whole number, found the text "x"
                --set motoin.rank=1: error: there is no step `motoin`
                  = help: did you mean `motion`?
                --set rank: error: there is no `=`
                  = help: write `--set step.setting=value`
                --set a.b.c=1: error: `a.b.c` cannot be set
                  = help: write `--set step.setting=value`, or `--set parameter=value`
                --set modle=tiny: error: there is no key `modle`
                  = help: did you mean `model`?
                --set samples.seeds=[1: error: expected `,` or `]` in this list
                --set motion.rank=0: error: `rank`: 0 is out of range: 1 to 4096
                8 errors
                """#),
        BadFile(
            name: "what a stage finds: a clip, a prompt, a setting",
            text: #"""
                version: 1
                name: zigzag
                model: tiny
                template: motrans
                motion: zigzagging
                clips:
                  - file: clips/text.mp4
                    prompt: A red ball is zigzagging on the grass
                prompts:
                  - A blue robot
                settings:
                  motion: {steps: 300, rank: 16}
                  samples: {seeds: [1, 2]}
                  frames: {size: [64]}

                """#,
            errors: #"""
                p.yaml:7:11: error: this file has no video stream
                  7 |   - file: clips/text.mp4
                    |           ^^^^^^^^^^^^^^
                p.yaml:10:5: error: the prompt has no verb
                  10 |   - A blue robot
                     |     ^^^^^^^^^^^^
                p.yaml:14:18: error: a size is two numbers
                  14 |   frames: {size: [64]}
                     |                  ^
                     = help: write `[columns, rows]`
                3 errors
                """#),
        BadFile(
            name: "what a stage finds: a model",
            text: #"""
                version: 1
                name: zigzag
                model: broken.yaml
                template: motrans
                motion: zigzagging
                clips:
                  - file: clips/a.mp4
                    prompt: A red ball is zigzagging on the grass
                prompts:
                  - A blue robot is zigzagging in the snow
                settings:
                  motion: {steps: 300, rank: 16}
                  samples: {seeds: [1, 2]}

                """#,
            errors: #"""
                p.yaml:3:8: error: the unet lacks `conv_in.weight`
                  3 | model: broken.yaml
                    |        ^^^^^^^^^^^
                """#),
        BadFile(
            name: "a model set with mistakes",
            text: #"""
                version: 1
                name: zigzag
                model: wrong.yaml
                template: motrans
                motion: zigzagging
                clips:
                  - file: clips/a.mp4
                    prompt: A red ball is zigzagging on the grass
                prompts:
                  - A blue robot is zigzagging in the snow
                settings:
                  motion: {steps: 300, rank: 16}
                  samples: {seeds: [1, 2]}

                """#,
            errors: #"""
                wrong.yaml:2:7: error: there is no folder `models/tiny/unett`
                  2 | unet: models/tiny/unett
                    |       ^^^^^^^^^^^^^^^^^
                    = help: did you mean `models/tiny/unet`?
                wrong.yaml:3:1: error: a model set has no key `vea`
                  3 | vea: models/tiny/vae
                    | ^^^
                    = help: did you mean `vae`?
                wrong.yaml:4:12: error: `shrink.txt` is a file; a part is the folder with its config.json and weights
                  4 | tokenizer: shrink.txt
                    |            ^^^^^^^^^^
                wrong.yaml:5:36: error: `guidance`: -1 is out of range: 0 to 1000
                  5 | recommended: {sampling: {guidance: -1, step: 3}, samplings: {}}
                    |                                    ^^
                wrong.yaml:5:40: error: stage sampling has no setting `step`
                  5 | recommended: {sampling: {guidance: -1, step: 3}, samplings: {}}
                    |                                        ^^^^
                    = help: settings: prompt, motion, seeds, batch, guidance, inference-steps, residual, precision
                wrong.yaml:5:50: error: there is no stage `samplings`
                  5 | recommended: {sampling: {guidance: -1, step: 3}, samplings: {}}
                    |                                                  ^^^^^^^^^
                    = help: did you mean `sampling`?
                6 errors
                """#),
        BadFile(
            name: "a model set with a precision that there is not",
            text: #"""
                version: 1
                name: zigzag
                model: models/tiny/half.yaml
                template: motrans
                motion: zigzagging
                clips:
                  - file: clips/a.mp4
                    prompt: A red ball is zigzagging on the grass
                prompts:
                  - A blue robot is zigzagging in the snow

                """#,
            errors: #"""
                models/tiny/half.yaml:11:12: error: `precision`: "bf17" is not one of float32, bf16
                  11 | precision: bf17
                     |            ^^^^
                     = help: did you mean `bf16`?
                """#),
        BadFile(
            name: "a model set with a misspelt precision, and one that is a number",
            text: #"""
                version: 1
                name: zigzag
                model: models/tiny/sixteen.yaml
                template: motrans
                motion: zigzagging
                clips:
                  - file: clips/a.mp4
                    prompt: A red ball is zigzagging on the grass
                prompts:
                  - A blue robot is zigzagging in the snow

                """#,
            errors: #"""
                models/tiny/sixteen.yaml:11:1: error: a model set has no key `precison`
                  11 | precison: bf16
                     | ^^^^^^^^
                     = help: did you mean `precision`?
                models/tiny/sixteen.yaml:12:12: error: `precision`: "16" is not one of float32, bf16
                  12 | precision: 16
                     |            ^^
                2 errors
                """#),
        BadFile(
            name: "a precision of a step that there is not, and of a step that has none",
            text: #"""
                version: 1
                name: zigzag
                model: tiny
                template: motrans
                motion: zigzagging
                clips:
                  - file: clips/a.mp4
                    prompt: A red ball is zigzagging on the grass
                prompts:
                  - A blue robot is zigzagging in the snow
                settings:
                  frames: {precision: bf16}
                  samples: {precision: bfloat16}

                """#,
            errors: #"""
                p.yaml:12:12: error: stage frame-extraction has no setting `precision`
                  12 |   frames: {precision: bf16}
                     |            ^^^^^^^^^
                     = help: settings: fps, frames, size
                p.yaml:13:24: error: `precision`: "bfloat16" is not one of float32, bf16
                  13 |   samples: {precision: bfloat16}
                     |                        ^^^^^^^^
                2 errors
                """#),
        BadFile(
            name: "a tab",
            text: #"""
                version: 1
                settings:
                	motion: {}

                """#,
            errors: #"""
                p.yaml:3:1: error: a tab cannot indent in YAML
                  3 | 	motion: {}
                    | ^
                    = help: use spaces
                """#),
        BadFile(
            name: "a missing bracket",
            text: #"""
                version: 1
                prompts: [a, b
                motion: x

                """#,
            errors: #"""
                p.yaml:3:7: error: expected `,` or `]` in this list
                  3 | motion: x
                    |       ^
                    = help: it began in line 2
                """#),
        BadFile(
            name: "a colon in a text",
            text: #"""
                version: 1
                motion: a: b

                """#,
            errors: #"""
                p.yaml:2:10: error: a `:` cannot be here
                  2 | motion: a: b
                    |          ^
                    = help: put the text in quotes if the colon belongs to it, or look at the indentation
                """#),
        BadFile(
            name: "an open quote",
            text: #"""
                version: 1
                motion: "abc

                """#,
            errors: #"""
                p.yaml:2:9: error: these quotes are never closed
                  2 | motion: "abc
                    |         ^
                    = help: add the closing quote
                """#),
        BadFile(
            name: "a list instead of a map",
            text: #"""
                - version: 1

                """#,
            errors: #"""
                p.yaml:1:1: error: a pipeline file is a map of keys, this is a list
                  1 | - version: 1
                    | ^
                    = help: `motrans init` writes one to start from
                """#),
        BadFile(
            name: "a text instead of a map",
            text: #"""
                hello

                """#,
            errors: #"""
                p.yaml:1:1: error: a pipeline file is a map of keys, this is the text "hello"
                  1 | hello
                    | ^^^^^
                    = help: `motrans init` writes one to start from
                """#),
        BadFile(
            name: "nothing",
            text: "",
            errors: #"""
                p.yaml:1:1: error: the file does not say which version of the format it is in
                  1 | 
                    | ^
                    = help: add the line `version: 1`
                """#),
        BadFile(
            name: "two documents",
            text: #"""
                version: 1
                ---
                version: 1

                """#,
            errors: #"""
                p.yaml:2:1: error: a second document begins here
                  2 | ---
                    | ^
                    = help: a pipeline file is one document: remove the `---`
                """#),
        BadFile(
            name: "an alias of nothing",
            text: #"""
                version: 1
                motion: *m

                """#,
            errors: #"""
                p.yaml:2:9: error: this alias stands for nothing: no `&name` before it
                  2 | motion: *m
                    |         ^
                """#),
        BadFile(
            name: "a tag",
            text: #"""
                version: 1
                motion: !python/object x

                """#,
            errors: #"""
                p.yaml:2:9: error: the tag `!python/object` is not known
                  2 | motion: !python/object x
                    |         ^
                    = help: remove it
                """#),
        BadFile(
            name: "a key that is a list",
            text: #"""
                version: 1
                [a, b]: x

                """#,
            errors: #"""
                p.yaml:2:1: error: a key must be one word, not a list or a map
                  2 | [a, b]: x
                    | ^
                """#),
        BadFile(
            name: "a character that cannot start",
            text: #"""
                version: 1
                motion: @x

                """#,
            errors: #"""
                p.yaml:2:9: error: a value cannot start with `@`
                  2 | motion: @x
                    |         ^
                    = help: put the text in quotes
                """#),
        BadFile(
            name: "wide and combining characters before the caret",
            text: #"""
                version: 1
                name: {"日本語 é": 1, x: [}

                """#,
            errors: #"""
                p.yaml:2:24: error: not YAML: did not find expected node content
                  2 | name: {"日本語 é": 1, x: [}
                    |                           ^
                """#),
        BadFile(
            name: "a long line",
            text: #"""
                version: 1
                parameters: {parameter-0: {type: string, default: x}, parameter-1: {type: string, default: x}, parameter-2: {type: string, default: x}, parameter-3: {type: string, default: x}, parameter-4: {type: string, default: x}, parameter-5: {type: string, default: x}, parameter-6: {type: string, default: x}, parameter-7: {type: string, default: x}, parameter-8: {type: string, default: x}, parameter-9: {type: string, default: x}, parameter-10: {type: string, default: x}, parameter-11: {type: string, default: x}, last: strng}
                steps: {a: {stage: command, run: [x], outputs: {o: file}}}

                """#,
            errors: #"""
                p.yaml:2:514: error: there is no parameter type `strng`
                  2 | ... string, default: x}, parameter-11: {type: string, default: x}, last: strng}
                    |                                                                          ^^^^^
                    = help: did you mean `string`?
                """#),
    ]
}

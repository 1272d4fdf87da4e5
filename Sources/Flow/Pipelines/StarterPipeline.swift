import Artifacts

/// The text of `motrans init`.
public enum StarterPipeline {
    /// A commented pipeline file to change: it uses a template and the tiny model.
    ///
    /// - Parameters:
    ///   - motion: the word that names the motion, such as `zigzagging`.
    ///   - clip: the path of a reference clip, from the folder of the file.
    ///   - template: one of `Templates.all`.
    public static func text(motion: String, clip: String, template: String = "motrans") -> String {
        """
        version: 1
        name: \(quoted(motion))
        model: tiny                       # the name of a model set (see `motrans models`), or the path of one
        template: \(quoted(template))
        motion: \(quoted(motion))         # the word that names the motion in every prompt
        clips:
          - file: \(quoted(clip))
            prompt: \(quoted("A person is \(motion)"))
        prompts:
          - \(quoted("A robot is \(motion) in the snow"))
          - {prompt: \(quoted("A cat is \(motion) on the beach")), entity: a cat}
        settings:                         # by step of the template; `motrans schema` lists them all
          motion: {steps: 300}
          samples: {seeds: [1, 2]}

        """
    }

    /// Plain where that is safe.
    private static func quoted(_ text: String) -> String {
        let isPlain = text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || " -_/.".contains($0)) }
        if isPlain, let first = text.first, first.isLetter, text.last != " ",
            CoreSchema.value(of: text) == .string(text)
        {
            return text
        }
        return "'\(text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''"))'"
    }
}

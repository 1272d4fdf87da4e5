/// What can be wrong with the files and settings that the diffusion process is made of.
public enum DiffusionError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A scheduler configuration asks for something that does not exist here.
    case unsupportedScheduler(field: String, value: String, supported: String)
    /// No scheduler can take this many steps.
    case badStepCount(steps: Int, why: String)
    /// A file is not readable as what it should be.
    case unreadable(file: String, why: String)
    /// A LoRA names modules that the network does not have, or has another shape there: a sentence for each of those of
    /// its `modules` that do not fit.
    case foreignLoRA(file: String, mismatches: [String], modules: Int)
    /// A motion adapter file lacks a tensor or has another shape.
    case malformedAdapter(file: String, tensor: String, why: String)
    /// The word that carries the motion is not in the prompt.
    case noMotionWord(prompt: String, motion: String?)
    /// The word that carries the motion lies behind the last position that the text encoder reads.
    case motionWordCutOff(prompt: String, word: String, limit: Int)
    /// A scheduler run was given the wrong tensors.
    case badInput(name: String, why: String)

    /// The sentence for people.
    public var description: String {
        switch self {
        case .unsupportedScheduler(let field, let value, let supported):
            "scheduler_config.json: \(field) is \(value), which is not supported; use \(supported)"
        case .badStepCount(let steps, let why): "\(steps) inference steps are not possible: \(why)"
        case .unreadable(let file, let why): "\(file) cannot be read: \(why)"
        case .foreignLoRA(let file, let mismatches, let modules):
            "\(file) does not fit this network, in \(mismatches.count) of its \(modules) modules: "
                + mismatches.prefix(5).joined(separator: "; ")
                + (mismatches.count > 5 ? "; and \(mismatches.count - 5) more" : "")
                + "; it was made for another model, or in a way that is not supported"
        case .malformedAdapter(let file, let tensor, let why):
            "\(file): tensor \(tensor) \(why); the file is damaged or was made for another model"
        case .noMotionWord(let prompt, let motion?):
            "the prompt \"\(prompt)\" does not contain the motion \"\(motion)\"; put the word into the prompt, or name "
                + "another with the setting `motion`"
        case .noMotionWord(let prompt, nil):
            "the prompt \"\(prompt)\" has no verb that is clearly its motion, so it is not clear which word to strengthen; "
                + "name it with the setting `motion`"
        case .motionWordCutOff(let prompt, let word, let limit):
            "the motion \"\(word)\" comes too late in the prompt \"\(prompt)\": the text encoder reads \(limit) tokens; "
                + "shorten the prompt"
        case .badInput(let name, let why): "input \(name) \(why)"
        }
    }
}

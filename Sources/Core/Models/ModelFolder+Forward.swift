public import Tensors

extension ModelFolder {
    /// Opens the model and runs it once: see ``LoadedModel/forward(_:)``.
    ///
    /// Throws `ModelsError` when an input is missing or does not fit, and what loading throws.
    public func forward(_ inputs: [String: NumericArray]) throws -> [String: Tensor] {
        // Before gigabytes are read.
        try ForwardInputs(modelClass, inputs).check()
        return try load().forward(inputs)
    }

    /// The inputs that `forward` looks at.
    public var inputNames: [String] { modelClass.inputNames }
}

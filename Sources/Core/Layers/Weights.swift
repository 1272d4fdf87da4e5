public import Autograd
public import Tensors

/// Builds a model's parameters from a source, and knows them all afterwards.
///
/// Layers take a `Weights` and ask it for their parameters by the names of the reference; `at` gives the view of a
/// sub-module. What does not fit stops nobody at once: the problems are collected, and `finish` throws them together.
/// Knows nothing of files and of layers.
public final class Weights {
    /// A tensor that a layer asked for.
    public struct Parameter {
        /// Its canonical name in the reference's file.
        public let name: String
        /// Its shape there.
        public let referenceShape: [Int]
        /// How it lies there.
        public let layout: WeightLayout
        /// It, in the layout of the kernels.
        public let weight: WeightMatrix

        /// The numbers, in the layout of the kernels.
        public var value: Tensor { weight.value }

        /// What a graph knows it by; nil for a packed matrix.
        public var variable: Variable? {
            if case .variable(let variable) = weight { variable } else { nil }
        }
    }

    /// What all views of a model share.
    private final class Collection {
        var parameters: [Parameter] = []
        var problems: [WeightProblem] = []
        var linears: [LinearSite] = []
    }

    /// The path of the sub-module, empty at the root.
    public let path: String
    /// Whether the parameters require gradients.
    public let isTrainable: Bool
    /// How the matrices of frozen layers are kept and multiplied.
    public let precision: Precision
    private let source: any WeightSource
    private let readsValues: Bool
    private let collection: Collection

    /// The root of a model.
    ///
    /// - Parameters:
    ///   - source: Where the tensors come from.
    ///   - trainable: Whether the parameters require gradients.
    ///   - precision: How the matrices of frozen layers are kept and multiplied; trainable ones are float32.
    ///   - readsValues: Without it only names and shapes are checked, and every parameter is empty: good for
    ///     `problems`, `parameterCount` and `linears`, not for a forward.
    public init(
        _ source: any WeightSource, trainable: Bool = false, precision: Precision = .float32, readsValues: Bool = true
    ) {
        self.source = source
        self.precision = precision
        self.readsValues = readsValues
        isTrainable = trainable
        path = ""
        collection = Collection()
    }

    private init(_ parent: Weights, path: String) {
        source = parent.source
        readsValues = parent.readsValues
        isTrainable = parent.isTrainable
        precision = parent.precision
        collection = parent.collection
        self.path = path
    }

    /// The view of a sub-module: names are taken below `name`.
    public func at(_ name: String) -> Weights { Weights(self, path: full(name)) }

    /// The view of an element of a list of sub-modules.
    public func at(_ index: Int) -> Weights { at(String(index)) }

    /// The full name of something in this sub-module.
    public func full(_ name: String) -> String {
        if name.isEmpty { return path }
        return path.isEmpty ? name : "\(path).\(name)"
    }

    /// A parameter.
    ///
    /// - Parameters:
    ///   - name: Its name in this sub-module.
    ///   - shape: Its shape in the reference's file.
    ///   - initial: What a source that makes tensors up fills it with.
    ///   - layout: How it lies there and how it shall lie here.
    /// - Returns: The variable; an empty one if there is a problem, which `finish` throws.
    public func parameter(
        _ name: String, shape: [Int], initial: InitialWeights = .zeros, layout: WeightLayout = .asIs
    ) -> Variable {
        parameter(names: [name], shape: shape, initial: initial, layout: layout)
    }

    /// A parameter that files spell in several ways: the first that is there.
    ///
    /// The first name is the canonical one.
    public func parameter(
        names: [String], shape: [Int], initial: InitialWeights = .zeros, layout: WeightLayout = .asIs
    ) -> Variable {
        let names = names.map(full)
        let value = load(names, shape: shape, initial: initial, layout: layout)
        let variable = Variable(value ?? Tensor(zeros: [0]), requiresGradient: isTrainable)
        collection.parameters.append(
            Parameter(name: names[0], referenceShape: shape, layout: layout, weight: .variable(variable)))
        return variable
    }

    /// The weight of a linear layer or a convolution, under the first of its names that is there.
    ///
    /// A frozen one is packed, in the precision of these weights, and its tensor is not kept.
    public func matrix(
        names: [String], shape: [Int], initial: InitialWeights = .zeros, layout: WeightLayout
    ) -> WeightMatrix {
        guard !isTrainable else {
            return .variable(parameter(names: names, shape: shape, initial: initial, layout: layout))
        }
        let names = names.map(full)
        let value = load(names, shape: shape, initial: initial, layout: layout)
        if precision == .fp16, let value, Weights.largest(of: value) > Float(Float16.greatestFiniteMagnitude) {
            collection.problems.append(
                .unreadable(name: names[0], reason: "it has numbers beyond 65,504, which fp16 cannot keep; use float32")
            )
        }
        let weight = value.map { WeightMatrix.frozen(PackedMatrix($0, precision: precision)) }
        let parameter = Parameter(
            name: names[0], referenceShape: shape, layout: layout,
            weight: weight ?? .variable(Variable(Tensor(zeros: [0]))))
        collection.parameters.append(parameter)
        return parameter.weight
    }

    /// The largest magnitude, NaN counting as more than any.
    private static func largest(of tensor: Tensor) -> Float {
        tensor.read { values in
            var largest: UInt32 = 0
            // As whole numbers: magnitudes of floats have the same order, and this is quick.
            for value in values { largest = max(largest, value.bitPattern & 0x7fff_ffff) }
            return Float(bitPattern: min(largest, Float.infinity.bitPattern))
        }
    }

    /// Whether the source has a tensor of this name: for parts that only some files contain.
    public func contains(_ name: String, shape: [Int]) -> Bool {
        source.shape(of: full(name), expected: shape) != nil
    }

    private func load(_ names: [String], shape: [Int], initial: InitialWeights, layout: WeightLayout)
        -> Tensor?
    {
        for name in names {
            guard let found = source.shape(of: name, expected: shape) else { continue }
            guard layout.accepts(found, expected: shape) else {
                collection.problems.append(.misshapen(name: name, found: found, expected: shape))
                return nil
            }
            guard readsValues else { return nil }
            do {
                let tensor = try source.tensor(name, shape: found, initial: initial)
                return layout.imported(tensor, reference: shape)
            } catch let problem as WeightProblem {
                collection.problems.append(problem)
            } catch {
                collection.problems.append(.unreadable(name: name, reason: String(describing: error)))
            }
            return nil
        }
        collection.problems.append(.missing(names: names, expected: shape))
        return nil
    }

    /// Notes a linear layer, so that adapters can choose it.
    func note(_ site: LinearSite) { collection.linears.append(site) }
}

extension Weights {
    /// Every parameter of the model so far, in the order it was asked for.
    public var parameters: [Parameter] { collection.parameters }

    /// The parameters as an optimiser wants them; packed matrices are not among them.
    public var variables: [Variable] { collection.parameters.compactMap(\.variable) }

    /// Every linear layer of the model so far, in the order it was made.
    public var linears: [LinearSite] { collection.linears }

    /// What does not fit, in the order it was asked for.
    public var problems: [WeightProblem] { collection.problems }

    /// How many numbers the parameters hold, by the shapes of the reference.
    public var parameterCount: Int {
        collection.parameters.reduce(0) { $0 + $1.referenceShape.reduce(1, *) }
    }

    /// Throws everything that does not fit together, as a `WeightsError` about `subject`.
    public func finish(_ subject: String = "") throws {
        guard problems.isEmpty else { throw WeightsError(subject: subject, problems: problems) }
    }

    /// Every parameter by its canonical name, in the shape of the reference's file.
    public func exported() -> [(name: String, tensor: Tensor)] {
        collection.parameters.map { parameter in
            let value = parameter.value
            return (parameter.name, parameter.layout.exported(value, reference: parameter.referenceShape))
        }
    }
}

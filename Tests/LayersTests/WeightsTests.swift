import Autograd
import Layers
import Tensors
import Testing

/// A source with given tensors, as a file has them.
private struct Given: WeightSource {
    struct Torn: Error, CustomStringConvertible {
        let description = "the file ends early"
    }

    var tensors: [String: Tensor]
    var torn: Set<String> = []

    func shape(of name: String, expected: [Int]) -> [Int]? { tensors[name]?.shape }

    func tensor(_ name: String, shape: [Int], initial: InitialWeights) throws -> Tensor {
        guard let tensor = tensors[name], !torn.contains(name) else { throw Torn() }
        return tensor
    }
}

struct WeightsTests {
    @Test func `names are scoped, and everything asked for is collected in order`() throws {
        let weights = Weights(RandomWeights(seed: 1), trainable: true)
        let block = weights.at("blocks").at(2)
        let layer = Linear(block, "proj", in: 3, out: 5)
        _ = GroupNorm(weights, "norm", groups: 2, channels: 4)
        #expect(
            weights.parameters.map(\.name) == [
                "blocks.2.proj.weight", "blocks.2.proj.bias", "norm.weight", "norm.bias",
            ])
        #expect(weights.linears == [LinearSite(path: "blocks.2.proj", inputs: 3, outputs: 5)])
        #expect(weights.parameterCount == 15 + 5 + 8)
        #expect(layer.weight.requiresGradient)
        #expect(block.path == "blocks.2")
        #expect(block.full("") == "blocks.2")
        try weights.finish()
    }

    @Test func `frozen weights require no gradient`() {
        #expect(!Linear(Weights(RandomWeights(seed: 1)), "proj", in: 3, out: 5).weight.requiresGradient)
    }

    @Test func `convolution weights change layout on the way in and come back on the way out`() {
        let fill = ReferenceFill()
        let weights = Weights(fill)
        let plane = weights.parameter("a.weight", shape: [2, 3, 4, 5], layout: .convolution2D)
        let frames = weights.parameter("b.weight", shape: [2, 3, 3, 1, 1], layout: .temporalConvolution)
        #expect(plane.shape == [2, 4, 5, 3])
        #expect(frames.shape == [2, 3, 1, 3])
        let file = fill.tensor("a.weight", shape: [2, 3, 4, 5]).values
        // Element [1, 2, 3, 4] of the file is [1, 3, 4, 2] here: of [2, 3, 4, 5] and of [2, 4, 5, 3].
        let (there, here) = (60 + 40 + 15 + 4, 60 + 45 + 12 + 2)
        #expect(plane.value.values[here] == file[there])
        // Element [1, 1, 2, 0, 0] of the file is [1, 2, 0, 1] here.
        let time = fill.tensor("b.weight", shape: [2, 3, 3, 1, 1]).values
        #expect(frames.value.values[9 + 6 + 1] == time[9 + 3 + 2])
        for (name, tensor) in weights.exported() {
            let original = fill.tensor(name, shape: tensor.shape)
            #expect(tensor == original)
        }
        #expect(weights.exported().map(\.tensor.shape) == [[2, 3, 4, 5], [2, 3, 3, 1, 1]])
    }

    @Test(arguments: [[4, 3], [4, 3, 1], [4, 3, 1, 1]])
    func `a linear weight is taken as a 1×1 convolution too`(shape: [Int]) throws {
        let tensor = normal(shape, seed: 1)
        let weights = Weights(Given(tensors: ["proj_in.weight": tensor, "proj_in.bias": normal([4], seed: 2)]))
        let layer = Linear(weights, "proj_in", in: 3, out: 4)
        try weights.finish()
        #expect(layer.weight.value == tensor.reshaped([4, 3]))
        #expect(weights.exported()[0].tensor.shape == [4, 3])
    }

    @Test func `the first spelling that is there is taken`() throws {
        let old = normal([4, 4], seed: 1)
        let weights = Weights(Given(tensors: ["attn.query.weight": old]))
        let layer = Linear(weights.at("attn"), "to_q", legacy: ["q", "query"], in: 4, out: 4, bias: false)
        try weights.finish()
        #expect(layer.weight.value == old)
        #expect(weights.exported().map(\.name) == ["attn.to_q.weight"])
        #expect(weights.contains("attn.query.weight", shape: [4, 4]))
        #expect(!weights.contains("attn.to_q.weight", shape: [4, 4]))
    }

    @Test func `all problems are told together, with names and shapes`() {
        let source = Given(
            tensors: ["a.weight": normal([2, 3], seed: 1), "b.weight": normal([5], seed: 1)], torn: ["b.weight"])
        let weights = Weights(source)
        _ = Linear(weights, "a", legacy: ["alpha"], in: 4, out: 2)
        _ = weights.parameter("b.weight", shape: [5])
        let expected: [WeightProblem] = [
            .misshapen(name: "a.weight", found: [2, 3], expected: [2, 4]),
            .missing(names: ["a.bias", "alpha.bias"], expected: [2]),
            .unreadable(name: "b.weight", reason: "the file ends early"),
        ]
        #expect(weights.problems == expected)
        let error = #expect(throws: WeightsError.self) { try weights.finish("the UNet in models/x") }
        #expect(
            error?.description == """
                3 tensors of the UNet in models/x do not fit the model's configuration:
                  `a.weight` has shape [2, 3] where the configuration asks for [2, 4]
                  `a.bias`, of shape [2], is missing (nor under `alpha.bias`)
                  `b.weight` cannot be read: the file ends early
                Check that the configuration and the weights belong together and are complete.
                """)
    }

    @Test func `names and shapes can be checked without reading`() {
        let source = Given(tensors: ["a.weight": normal([2, 4], seed: 1)], torn: ["a.weight"])
        let weights = Weights(source, readsValues: false)
        _ = Linear(weights, "a", in: 4, out: 2)
        #expect(weights.problems == [.missing(names: ["a.bias"], expected: [2])])
        #expect(weights.parameterCount == 10)
        #expect(weights.linears.count == 1)
    }

    @Test func `random weights follow from seed and name, within their bounds`() {
        let source = RandomWeights(seed: 3)
        let uniform = source.tensor("x", shape: [1000], initial: .pytorchLinear(fanIn: 16))
        #expect(uniform.values.allSatisfy { abs($0) <= 0.25 })
        #expect(uniform.values.contains { $0 > 0.2 } && uniform.values.contains { $0 < -0.2 })
        #expect(uniform == source.tensor("x", shape: [1000], initial: .uniform(bound: 0.25)))
        #expect(uniform != source.tensor("y", shape: [1000], initial: .uniform(bound: 0.25)))
        #expect(uniform != RandomWeights(seed: 4).tensor("x", shape: [1000], initial: .uniform(bound: 0.25)))
        let normals = source.tensor("x", shape: [10_000], initial: .normal(deviation: 0.5)).values
        let variance = normals.reduce(0) { $0 + $1 * $1 } / 10_000
        #expect(abs(variance - 0.25) < 0.02)
        #expect(source.tensor("x", shape: [2], initial: .ones) == Tensor([2], [1, 1]))
        #expect(source.tensor("x", shape: [2], initial: .zeros) == Tensor([2], [0, 0]))
        #expect(source.tensor("x", shape: [], initial: .value(2.5)) == Tensor(2.5))
    }
}

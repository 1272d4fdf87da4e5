import Autograd
import Layers
import Tensors
import Testing

struct MovingAverageTests {
    private func normal(_ shape: [Int], _ seed: UInt64) -> Tensor {
        var generator = Generator(seed: seed)
        return generator.normal(shape)
    }

    @Test(arguments: [0, 0.25, 0.999] as [Float])
    func `the average is that of the plain formula, for parameters of any size`(decay: Float) {
        // One is larger than the blocks in which it is done.
        let parameters = [normal([70_000], 1), normal([3, 5], 2), normal([], 3)].map { Variable($0) }
        var average = MovingAverage(of: parameters, decay: decay)
        #expect(average.values == parameters.map(\.value))
        var expected = parameters.map { $0.value.values.map(Double.init) }
        for step in 0..<12 {
            for (index, parameter) in parameters.enumerated() {
                parameter.assign(normal(parameter.shape, UInt64(10 * step + index + 10)))
            }
            average.update(with: parameters)
            let kept = min(Double(decay), (1 + Double(step)) / (10 + Double(step)))
            for index in expected.indices {
                expected[index] = zip(expected[index], parameters[index].value.values).map {
                    $0 + (1 - kept) * (Double($1) - $0)
                }
            }
        }
        #expect(average.step == 12)
        for (found, expected) in zip(average.values, expected) {
            #expect(zip(found.values, expected).allSatisfy { abs(Double($0) - $1) < 1e-5 })
        }
    }

    @Test func `it does not follow the parameters by itself, and threads change no bit`() {
        let width = ThreadPool.width
        defer { ThreadPool.setWidth(width) }
        let results = [1, 3].map { threads -> [Tensor] in
            ThreadPool.setWidth(threads)
            let parameter = Variable(normal([200_000], 1))
            var average = MovingAverage(of: [parameter], decay: 0.9)
            parameter.assign(normal([200_000], 2))
            #expect(average.values[0] == normal([200_000], 1))
            average.update(with: [parameter])
            return average.values
        }
        #expect(results[0] == results[1])
    }
}

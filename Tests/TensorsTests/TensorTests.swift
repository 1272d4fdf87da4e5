import Tensors
import Testing

@Suite struct TensorTests {
    @Test("a tensor is a value: writing to one copy leaves the other alone")
    func copyOnWrite() {
        let a = Tensor([2, 2], [1, 2, 3, 4])
        var b = a.reshaped([4])
        b.write { $0[0] = 9 }
        #expect(a.values == [1, 2, 3, 4] && b.values == [9, 2, 3, 4])
        let address = b.read { $0.baseAddress }
        b.write { $0[1] = 8 }
        #expect(b.read { $0.baseAddress } == address, "a tensor that nobody else holds was copied")
    }

    @Test("a free length is worked out")
    func reshape() {
        let a = random([3, 4, 5])
        #expect(a.reshaped([-1, 10]).shape == [6, 10])
        #expect(a.reshaped([60]).values == a.values)
        #expect(Tensor(zeros: []).count == 1 && Tensor(3).scalar == 3)
    }

    @Test("shapes that do not fit stop the program")
    func misfit() async {
        await #expect(processExitsWith: .failure) { _ = Tensor([2, 2], [1]) }
        await #expect(processExitsWith: .failure) { _ = Tensor([2, 3], repeating: 1).reshaped([4, -1]) }
        await #expect(processExitsWith: .failure) { _ = Tensor([2], repeating: 1).scalar }
    }

    @Test("equality is of bits")
    func equality() {
        #expect(Tensor([1], [.nan]) == Tensor([1], [.nan]))
        #expect(Tensor([1], [0]) != Tensor([1], [-0.0]))
        #expect(Tensor([2, 1], [1, 2]) != Tensor([1, 2], [1, 2]))
    }

    @Test("freed memory comes again, and never to two owners")
    func recycling() {
        var held: [Tensor] = []
        for round in 0..<200 {
            let tensor = Tensor([1000 + round % 3], repeating: Float(round))
            if round % 2 == 0 { held.append(tensor) }
        }
        for (i, tensor) in held.enumerated() { #expect(tensor.values.allSatisfy { $0 == Float(2 * i) }) }
    }

    @Test("the record of the kernels names processor and BLAS")
    func description() {
        #expect(Kernels.description.hasPrefix("\(KernelLevel.chosen.rawValue) kernels; "))
        #expect(Kernels.description.contains("OpenBLAS"))
    }
}

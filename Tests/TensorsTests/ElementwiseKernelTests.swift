import CKernels
import Foundation
import Testing

/// The functions of elements and rows, per level, against the same in double.
@Suite struct ElementwiseKernelTests {
    private typealias Floats = UnsafeMutablePointer<Float>

    private static func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
    static func silu(_ x: Double) -> Double { x * sigmoid(x) }
    static func siluSlope(_ x: Double) -> Double { sigmoid(x) * (1 + x * (1 - sigmoid(x))) }
    private static func normal(_ x: Double) -> Double { 0.5 * (1 + erf(x / 2.0.squareRoot())) }
    static func gelu(_ x: Double) -> Double { x * normal(x) }
    private static func geluSlope(_ x: Double) -> Double {
        normal(x) + x * exp(-0.5 * x * x) / (2 * Double.pi).squareRoot()
    }
    static func quickGelu(_ x: Double) -> Double { x * sigmoid(1.702 * x) }
    private static func quickGeluSlope(_ x: Double) -> Double {
        let s = sigmoid(1.702 * x)
        return s + 1.702 * x * s * (1 - s)
    }

    private static let sizes = [0, 1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 100]

    @Test("functions of one element and of two", arguments: Level.all)
    func elements(level: Level) {
        let ck = level.kernels
        typealias One = (name: String, (Floats, Floats, Int) -> Void, (Double) -> Double)
        let ones: [One] = [
            ("scale", { ck.scale($0, 0.3, $1, $2) }, { Double(Float(0.3)) * $0 }),
            ("exponential", { ck.exponential($0, $1, $2) }, { exp($0) }),
            ("silu", { ck.silu($0, $1, $2) }, Self.silu), ("gelu", { ck.gelu($0, $1, $2) }, Self.gelu),
            ("quick_gelu", { ck.quick_gelu($0, $1, $2) }, Self.quickGelu),
        ]
        typealias Two = (name: String, (Floats, Floats, Floats, Int) -> Void, (Double, Double) -> Double)
        let twos: [Two] = [
            ("add", { ck.add($0, $1, $2, $3) }, { $0 + $1 }),
            ("subtract", { ck.subtract($0, $1, $2, $3) }, { $0 - $1 }),
            ("multiply", { ck.multiply($0, $1, $2, $3) }, { $0 * $1 }),
            ("axpy", { ck.axpy(-2, $0, $1, $2, $3) }, { -2 * $0 + $1 }),
            (
                "axpy in place",
                {
                    $2.update(from: $1, count: $3)
                    ck.axpy(-2, $0, $2, $2, $3)
                }, { -2 * $0 + $1 }
            ),
            ("silu_backward", { ck.silu_backward($0, $1, $2, $3) }, { $0 * Self.siluSlope($1) }),
            ("gelu_backward", { ck.gelu_backward($0, $1, $2, $3) }, { $0 * Self.geluSlope($1) }),
            ("quick_gelu_backward", { ck.quick_gelu_backward($0, $1, $2, $3) }, { $0 * Self.quickGeluSlope($1) }),
        ]
        for (seed, n) in Self.sizes.enumerated() {
            let room = Room(seed: UInt64(seed))
            let (a, b) = (room.random(n, scale: 6), room.random(n, scale: 6))
            for (name, run, expected) in ones {
                let y = room.floats(n)
                run(a, y, n)
                expectFloats(name, y, (0..<n).map { expected(Double(a[$0])) }, tolerance: 2e-6, least: 1)
            }
            for (name, run, expected) in twos {
                let y = room.floats(n)
                run(a, b, y, n)
                expectFloats(
                    name, y, (0..<n).map { expected(Double(a[$0]), Double(b[$0])) }, tolerance: 3e-6, least: 1)
            }
            room.expectUntouched("a function of \(n) elements")
        }
    }

    @Test("exp is within 3e-7 of itself, 0 below -87.3 and level above 88.3", arguments: Level.all)
    func exponential(level: Level) {
        let room = Room(seed: 1)
        let x = room.random(1000, scale: 87)
        let y = room.floats(1000)
        (x[0], x[1], x[2], x[3], x[4]) = (-1000, -87.4, 88.3, 1000, 0)
        level.kernels.exponential(x, y, 1000)
        #expect(y[0] == 0 && y[1] == 0 && y[2] == y[3] && y[4] == 1)
        // The exponent itself is rounded: an ulp of 87 is 4e-6, but the kernel reduces it exactly.
        for i in 4..<1000 { #expect((Double(y[i]) / exp(Double(x[i])) - 1).magnitude < 3e-7, "exp \(x[i])") }
    }

    @Test("gated and biased rows", arguments: Level.all)
    func rows(level: Level) {
        let ck = level.kernels
        for (seed, c) in Self.sizes.enumerated() {
            for rows in [0, 1, 3] {
                let room = Room(seed: UInt64(seed))
                let n = rows * c
                let (x, dy, row) = (room.random(2 * n, scale: 6), room.random(n), room.random(c))
                let (y, dx, z) = (room.floats(n), room.floats(2 * n), room.floats(n))
                let value = { (i: Int) in Double(x[i / c * 2 * c + i % c]) }
                let gate = { (i: Int) in Double(x[i / c * 2 * c + c + i % c]) }
                ck.geglu(x, y, rows, c)
                expectFloats("geglu", y, (0..<n).map { value($0) * Self.gelu(gate($0)) }, tolerance: 4e-6, least: 1)
                ck.geglu_backward(dy, x, dx, rows, c)
                let slopes = (0..<2 * n).map { i -> Double in
                    let at = i / (2 * c) * c + i % c
                    let isGate = i / c % 2 == 1
                    return Double(dy[at]) * (isGate ? value(at) * Self.geluSlope(gate(at)) : Self.gelu(gate(at)))
                }
                expectFloats("geglu_backward", dx, slopes, tolerance: 4e-6, least: 1)
                ck.add_row(dy, row, z, rows, c)
                let sums = (0..<n).map { Double(dy[$0]) + Double(row[$0 % c]) }
                expectFloats("add_row", z, sums, tolerance: 1e-6, least: 1)
                ck.add_row(dy, row, dy, rows, c)
                expectFloats("add_row in place", dy, sums, tolerance: 1e-6, least: 1)
                room.expectUntouched("rows of \(c)")
            }
        }
    }

    @Test("sums of all elements", arguments: Level.all)
    func sums(level: Level) {
        for n in [0, 1, 15, 63, 64, 65, 4095, 4096, 4097, 9000] {
            let room = Room(seed: UInt64(n))
            let (a, b) = (room.random(n), room.random(n))
            let sum = (0..<n).reduce(0.0) { $0 + Double(a[$1]) }
            let dot = (0..<n).reduce(0.0) { $0 + Double(a[$1]) * Double(b[$1]) }
            let scale = Double(max(n, 1)).squareRoot()
            #expect((level.kernels.sum(a, n) - sum).magnitude <= 2e-6 * scale, "sum of \(n)")
            #expect((level.kernels.dot(a, b, n) - dot).magnitude <= 2e-6 * scale, "dot of \(n)")
        }
    }

    @Test("the ceiling's multiplications are as many as it says", arguments: Level.all)
    func spin(level: Level) {
        let room = Room(seed: 1)
        let sink = room.floats(3)
        (sink[0], sink[1]) = (0, 0.5)
        let operations = level.kernels.spin(3, sink)
        // Two operations in each round on each of the sums, which end as halves.
        #expect(operations > 0 && sink[2] == Float(operations / 2 / 3) * 0.5)
        room.expectUntouched("spin")
    }
}

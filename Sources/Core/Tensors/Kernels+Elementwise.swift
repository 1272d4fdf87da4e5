internal import CKernels

extension Kernels {
    private typealias Unary = (UnsafePointer<Float>, UnsafeMutablePointer<Float>, Int) -> Void
    private typealias Binary = (UnsafePointer<Float>, UnsafePointer<Float>, UnsafeMutablePointer<Float>, Int) -> Void

    private static func map(_ x: Tensor, chunk: Int, _ kernel: Unary) -> Tensor {
        let y = Tensor(uninitialised: x.shape)
        withExtendedLifetime(x) {
            let (from, to) = (x.base, y.base)
            forPieces(of: x.count, size: chunk) { kernel(from + $0.lowerBound, to + $0.lowerBound, $0.count) }
        }
        return y
    }

    private static func map(_ a: Tensor, _ b: Tensor, chunk: Int, _ kernel: Binary) -> Tensor {
        precondition(a.shape == b.shape, "element by element: \(a.shape) and \(b.shape)")
        let y = Tensor(uninitialised: a.shape)
        withExtendedLifetime((a, b)) {
            let (left, right, to) = (a.base, b.base, y.base)
            forPieces(of: a.count, size: chunk) {
                kernel(left + $0.lowerBound, right + $0.lowerBound, to + $0.lowerBound, $0.count)
            }
        }
        return y
    }

    // MARK: arithmetic

    /// `a + b`, equal shapes.
    public static func add(_ a: Tensor, _ b: Tensor) -> Tensor { map(a, b, chunk: lightChunk, ck.add) }

    /// `a - b`, equal shapes.
    public static func subtract(_ a: Tensor, _ b: Tensor) -> Tensor { map(a, b, chunk: lightChunk, ck.subtract) }

    /// `a * b` element by element, equal shapes.
    public static func multiply(_ a: Tensor, _ b: Tensor) -> Tensor { map(a, b, chunk: lightChunk, ck.multiply) }

    /// `a * factor`.
    public static func scale(_ a: Tensor, by factor: Float) -> Tensor {
        map(a, chunk: lightChunk) { ck.scale($0, factor, $1, $2) }
    }

    /// `alpha * x + y`, equal shapes.
    public static func axpy(_ alpha: Float, _ x: Tensor, _ y: Tensor) -> Tensor {
        map(x, y, chunk: lightChunk) { ck.axpy(alpha, $0, $1, $2, $3) }
    }

    /// `y += alpha * x`, in place when nobody else sees `y`.
    public static func accumulate(_ alpha: Float = 1, _ x: Tensor, into y: inout Tensor) {
        precondition(x.shape == y.shape, "accumulating \(x.shape) into \(y.shape)")
        y.makeUnique()
        withExtendedLifetime((x, y)) {
            let (from, to) = (x.base, y.base)
            forPieces(of: x.count, size: lightChunk) {
                ck.axpy(alpha, from + $0.lowerBound, to + $0.lowerBound, to + $0.lowerBound, $0.count)
            }
        }
    }

    // MARK: functions

    /// eˣ.
    public static func exponential(_ x: Tensor) -> Tensor { map(x, chunk: heavyChunk, ck.exponential) }

    /// `x · sigmoid(x)`.
    public static func silu(_ x: Tensor) -> Tensor { map(x, chunk: heavyChunk, ck.silu) }

    /// dx of `silu`.
    public static func siluBackward(_ dy: Tensor, x: Tensor) -> Tensor {
        map(dy, x, chunk: heavyChunk, ck.silu_backward)
    }

    /// `x · Φ(x)`, the exact (erf) GELU.
    public static func gelu(_ x: Tensor) -> Tensor { map(x, chunk: heavyChunk, ck.gelu) }

    /// dx of `gelu`.
    public static func geluBackward(_ dy: Tensor, x: Tensor) -> Tensor {
        map(dy, x, chunk: heavyChunk, ck.gelu_backward)
    }

    /// `x · sigmoid(1.702 x)`, the GELU of OpenAI's CLIP.
    public static func quickGelu(_ x: Tensor) -> Tensor { map(x, chunk: heavyChunk, ck.quick_gelu) }

    /// dx of `quickGelu`.
    public static func quickGeluBackward(_ dy: Tensor, x: Tensor) -> Tensor {
        map(dy, x, chunk: heavyChunk, ck.quick_gelu_backward)
    }

    /// `value · gelu(gate)` of x [.., 2c] = value | gate → [.., c].
    public static func geglu(_ x: Tensor) -> Tensor {
        precondition(x.lastAxis % 2 == 0, "geglu halves the last axis of \(x.shape)")
        let c = x.lastAxis / 2
        let y = Tensor(uninitialised: x.shape.dropLast() + [c])
        withExtendedLifetime(x) {
            let (from, to) = (x.base, y.base)
            forPieces(of: x.rowCount, size: rowsPerChunk(width: c, elements: heavyChunk)) {
                ck.geglu(from + $0.lowerBound * 2 * c, to + $0.lowerBound * c, $0.count, c)
            }
        }
        return y
    }

    /// dx [.., 2c] of `geglu`.
    public static func gegluBackward(_ dy: Tensor, x: Tensor) -> Tensor {
        let c = dy.lastAxis
        precondition(dy.shape.dropLast() + [2 * c] == x.shape, "geglu of \(x.shape) with gradient \(dy.shape)")
        let dx = Tensor(uninitialised: x.shape)
        withExtendedLifetime((dy, x)) {
            let (gradient, from, to) = (dy.base, x.base, dx.base)
            forPieces(of: x.rowCount, size: rowsPerChunk(width: c, elements: heavyChunk)) {
                let row = $0.lowerBound
                ck.geglu_backward(gradient + row * c, from + row * 2 * c, to + row * 2 * c, $0.count, c)
            }
        }
        return dx
    }
}

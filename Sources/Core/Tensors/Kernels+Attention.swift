internal import CKernels

extension Kernels {
    /// softmax(q kᵀ / √(C / heads)) v per head: q [outer, Lq, inner, C], k and v [outerK, Lk, inner, C] → as q.
    ///
    /// outer = outerK · r: r consecutive sequences of queries share one of keys, so a prompt need not be repeated per
    /// frame. inner = 1 for pictures; for time it is h · w, and sequences stride over the picture. Rank 3 means inner 1.
    /// Causal: position i sees keys up to i.
    public static func attention(_ q: Tensor, _ k: Tensor, _ v: Tensor, heads: Int, causal: Bool = false) -> Tensor {
        let shape = AttentionShape(q, k, v, heads: heads, causal: causal)
        let y = Tensor(uninitialised: q.shape)
        guard y.count > 0 else { return y }
        guard !shape.isShort else {
            withExtendedLifetime((q, k, v)) {
                let (queries, keys, values, to) = (q.base, k.base, v.base, y.base)
                shape.forShortPieces { atQ, atK, lanes in
                    ck.short_attention(
                        queries + atQ, keys + atK, values + atK, to + atQ, shape.stride, lanes, shape.queries,
                        shape.keys, shape.width, shape.scale, causal)
                }
            }
            return y
        }
        // Long sequences are cut into runs of queries; short ones are taken several at a time.
        let run = max(64, min(shape.queries, 2_000_000 / max(1, 4 * shape.keys * shape.width) / 32 * 32))
        let runs = (shape.queries + run - 1) / run
        let perChunk = max(1, 400_000 / max(1, 4 * shape.queries * shape.keys * shape.width))
        let scratchCount = ck.attention_scratch(shape.keys, shape.width)
        withExtendedLifetime((q, k, v)) {
            let (queries, keys, values, to) = (q.base, k.base, v.base, y.base)
            forPieces(of: shape.outer * shape.inner * heads * runs, size: perChunk) { range in
                let scratch = Storage(count: scratchCount)
                withExtendedLifetime(scratch) {
                    for unit in range {
                        let (sequence, first) = (unit / runs, unit % runs * run)
                        let place = shape.place(sequence)
                        let from = shape.keyOffset(place)
                        let at = shape.queryOffset(place)
                        ck.attention(
                            shape.rows(queries + at), shape.rows(keys + from), shape.rows(values + from), to + at,
                            shape.stride, first, min(run, shape.queries - first), shape.keys, shape.width, shape.scale,
                            causal, scratch.base)
                    }
                }
            }
        }
        return y
    }

    /// The gradients of `attention`; the weights are computed anew from q and k.
    public static func attentionBackward(
        _ dy: Tensor, q: Tensor, k: Tensor, v: Tensor, heads: Int, causal: Bool = false
    ) -> (dq: Tensor, dk: Tensor, dv: Tensor) {
        let shape = AttentionShape(q, k, v, heads: heads, causal: causal)
        precondition(dy.shape == q.shape, "gradient \(dy.shape) of an attention that gives \(q.shape)")
        let (dq, dk, dv) = (
            Tensor(uninitialised: q.shape), Tensor(uninitialised: k.shape), Tensor(uninitialised: v.shape)
        )
        guard q.count > 0 else { return (dq, Tensor(zeros: k.shape), Tensor(zeros: v.shape)) }
        guard !shape.isShort else {
            withExtendedLifetime((dy, q, k, v)) {
                let (gradient, queries, keys, values) = (dy.base, q.base, k.base, v.base)
                let (toQueries, toKeys, toValues) = (dq.base, dk.base, dv.base)
                shape.forShortPieces { atQ, atK, lanes in
                    ck.short_attention_backward(
                        gradient + atQ, queries + atQ, keys + atK, values + atK, toQueries + atQ, toKeys + atK,
                        toValues + atK, shape.stride, lanes, shape.queries, shape.keys, shape.width, shape.scale,
                        causal)
                }
            }
            return (dq, dk, dv)
        }
        // A chunk owns the keys it adds to, with all queries that share them.
        let perChunk = max(1, 400_000 / max(1, 10 * shape.sharing * shape.queries * shape.keys * shape.width))
        let scratchCount = ck.attention_backward_scratch(shape.keys, shape.width)
        withExtendedLifetime((dy, q, k, v)) {
            let (gradient, queries, keys, values) = (dy.base, q.base, k.base, v.base)
            let (toQueries, toKeys, toValues) = (dq.base, dk.base, dv.base)
            forPieces(of: shape.outerKeys * shape.inner * heads, size: perChunk) { range in
                let scratch = Storage(count: scratchCount)
                withExtendedLifetime(scratch) {
                    for unit in range {
                        var place = shape.place(unit)
                        place.outer *= shape.sharing
                        let from = shape.keyOffset(place)
                        ck.attention_backward_begin(
                            shape.rows(keys + from), shape.rows(values + from), shape.keys, shape.width, scratch.base)
                        for _ in 0..<shape.sharing {
                            let at = shape.queryOffset(place)
                            ck.attention_backward_queries(
                                shape.rows(gradient + at), shape.rows(queries + at), toQueries + at, shape.stride,
                                shape.queries, shape.keys, shape.width, shape.scale, causal, scratch.base)
                            place.outer += 1
                        }
                        ck.attention_backward_end(
                            toKeys + from, shape.stride, toValues + from, shape.stride, shape.keys, shape.width,
                            scratch.base)
                    }
                }
            }
        }
        return (dq, dk, dv)
    }
}

/// The sizes of an attention and where its heads lie.
private struct AttentionShape {
    let outer: Int
    let outerKeys: Int
    let sharing: Int
    let queries: Int
    let keys: Int
    let inner: Int
    let channels: Int
    let heads: Int
    let width: Int

    init(_ q: Tensor, _ k: Tensor, _ v: Tensor, heads: Int, causal: Bool) {
        let what = "attention of q \(q.shape), k \(k.shape), v \(v.shape) with \(heads) heads"
        precondition((q.rank == 3 || q.rank == 4) && k.rank == q.rank && v.shape == k.shape, what)
        let full = { (shape: [Int]) in shape.count == 3 ? [shape[0], shape[1], 1, shape[2]] : shape }
        let (shapeQ, shapeK) = (full(q.shape), full(k.shape))
        precondition(shapeQ[2...] == shapeK[2...] && heads > 0 && shapeQ[3] % heads == 0, what)
        precondition(shapeK[0] > 0 && shapeQ[0] % shapeK[0] == 0 && shapeK[1] > 0, what)
        precondition(!causal || shapeQ[1] == shapeK[1], "causal \(what)")
        (outer, queries, inner, channels) = (shapeQ[0], shapeQ[1], shapeQ[2], shapeQ[3])
        (outerKeys, keys) = (shapeK[0], shapeK[1])
        sharing = outer / outerKeys
        self.heads = heads
        width = channels / heads
    }

    /// Floats from one position of a sequence to the next.
    var stride: Int { inner * channels }
    var scale: Float { 1 / Float(width).squareRoot() }

    /// Whether the kernel for the few frames of a clip can do it.
    var isShort: Bool { sharing == 1 && ck.short_attention_fits(queries, keys, width, channels) }

    /// Cuts the channels of each row, of all places and heads, into pieces of whole heads and vectors.
    func forShortPieces(_ body: (_ atQ: Int, _ atK: Int, _ lanes: Int) -> Void) {
        let unit = max(width, 16)
        let size = max(1, 4096 / max(1, queries) / unit) * unit
        let pieces = (stride + size - 1) / size
        Kernels.forPieces(of: outer * pieces, size: 1) {
            for piece in $0 {
                let (sequence, lane) = (piece / pieces, piece % pieces * size)
                body(sequence * queries * stride + lane, sequence * keys * stride + lane, min(size, stride - lane))
            }
        }
    }

    /// A sequence of one head.
    struct Place {
        var outer: Int
        var inner: Int
        var head: Int
    }

    /// Heads vary fastest: neighbours share cache lines, so one chunk should write them.
    func place(_ unit: Int) -> Place {
        Place(outer: unit / heads / inner, inner: unit / heads % inner, head: unit % heads)
    }

    func queryOffset(_ place: Place) -> Int {
        place.outer * queries * stride + place.inner * channels + place.head * width
    }

    func keyOffset(_ place: Place) -> Int {
        place.outer / sharing * keys * stride + place.inner * channels + place.head * width
    }

    func rows(_ base: UnsafePointer<Float>) -> ck_rows { ck_rows(base: base, row: stride) }
}

// Attention of one head: all scores of a block of queries, softmax once, and small products in registers.
//
// Lanes are queries: scores stand as [keys, block], so softmax is plain arithmetic between rows, and neither keys nor
// the width of a head need to fill vectors. Rows may lie anywhere: temporal attention strides over the picture, and
// heads lie side by side.

#include "CKernels.h"
#include "tiles.h"

#pragma clang fp contract(fast)

// Queries whose scores are held at once: two vectors; against 4096 keys they still lie in the second-level cache.
#define QUERIES 32
// Floats that keys may span before they are packed side by side.
#define SPAN 16384

// MARK: packing

// out [width, QUERIES] = rowsᵀ for up to QUERIES rows, zeros beyond the last up to a whole vector.
INLINE void turn(ck_rows rows, size_t count, size_t width, float *out) {
    for (size_t j = 0; j < count; j += LANES)
        for (size_t d = 0; d < width; d += LANES) {
            size_t valid = smaller(LANES, count - j), depth = smaller(LANES, width - d);
            const float *p = rows.base + (ptrdiff_t)j * rows.row + d;
            vf t[LANES];
#pragma clang loop unroll(full)
            for (size_t i = 0; i < LANES; i++)
                t[i] = i < valid ? load_up_to(p + (ptrdiff_t)i * rows.row, depth) : splat(0);
            EXCHANGE_ALL
#pragma clang loop unroll(full)
            for (size_t i = 0; i < LANES; i++)
                if (i < depth) store(out + (d + i) * QUERIES + j, t[i]);
        }
}

// rows of out = in [width, QUERIES]ᵀ, each times its lane of `factors`.
INLINE void turn_back(const float *in, const vf *factors, size_t count, size_t width, float *out, ptrdiff_t out_row) {
    for (size_t j = 0; j < count; j += LANES)
        for (size_t d = 0; d < width; d += LANES) {
            size_t valid = smaller(LANES, count - j), depth = smaller(LANES, width - d);
            float *p = out + (ptrdiff_t)j * out_row + d;
            vf t[LANES];
#pragma clang loop unroll(full)
            for (size_t i = 0; i < LANES; i++)
                t[i] = i < depth ? load(in + (d + i) * QUERIES + j) * factors[j / LANES] : splat(0);
            EXCHANGE_ALL
#pragma clang loop unroll(full)
            for (size_t i = 0; i < LANES; i++)
                if (i < valid) store_up_to(p + (ptrdiff_t)i * out_row, t[i], depth);
        }
}

// out [count, row] = rows; the floats from width to row are zeros.
INLINE void pack(ck_rows rows, size_t count, size_t width, size_t row, float *out) {
    for (size_t j = 0; j < count; j++)
        for (size_t d = 0; d < row; d += LANES)
            store_up_to(out + j * row + d, load_up_to(rows.base + (ptrdiff_t)j * rows.row + d, width - d), row - d);
}

INLINE void unpack(const float *in, size_t count, size_t width, float *out, ptrdiff_t out_row) {
    size_t lanes = whole(width);
    for (size_t j = 0; j < count; j++)
        for (size_t d = 0; d < width; d += LANES)
            store_up_to(out + (ptrdiff_t)j * out_row + d, load(in + j * lanes + d), width - d);
}

// MARK: softmax

// scores [keys, QUERIES] → exp(scale * (score - max)) per lane; gives the sums. Causal: key j is seen from query j on;
// the first lane is query `first`.
INLINE void exponentials(
    const size_t vectors, float *scores, size_t keys, float scale, bool causal, size_t first, vf *sums) {
    vf top[2] = {splat(-FLT_MAX), splat(-FLT_MAX)};
    if (causal) {
        vi lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
        for (size_t j = first + 1; j < keys; j++)
            for (size_t v = 0; v < vectors; v++) {
                float *p = scores + j * QUERIES + v * LANES;
                vi seen = lane + (int32_t)(v * LANES) >= (vi){} + (int32_t)(j - first);
                store(p, choose(seen, load(p), splat(-FLT_MAX)));
            }
    }
    for (size_t j = 0; j < keys; j++)
#pragma clang loop unroll(full)
        for (size_t v = 0; v < vectors; v++) top[v] = maximum(load(scores + j * QUERIES + v * LANES), top[v]);
    sums[0] = sums[1] = splat(0);
    for (size_t j = 0; j < keys; j++)
#pragma clang loop unroll(full)
        for (size_t v = 0; v < vectors; v++) {
            float *p = scores + j * QUERIES + v * LANES;
            vf e = exp_v((load(p) - top[v]) * scale);
            store(p, e);
            sums[v] += e;
        }
}

INLINE void softmax_powers(
    float *scores, size_t columns, size_t keys, float scale, bool causal, size_t first, vf *sums) {
    if (columns > LANES) exponentials(2, scores, keys, scale, causal, first, sums);
    else exponentials(1, scores, keys, scale, causal, first, sums);
}

// MARK: forward. scratch: k, v if packed; a block's scores, queries and results, the last two turned

static size_t k_attention_scratch(size_t keys, size_t width) { return 2 * whole(keys * width) + QUERIES * (keys + 2 * width); }

static void k_attention(
    ck_rows q, ck_rows k, ck_rows v, float *out, ptrdiff_t out_row, size_t first,
    size_t queries, size_t keys, size_t width, float scale, bool causal, float *scratch) {
    float *packed_k = scratch, *packed_v = packed_k + whole(keys * width), *scores = packed_v + whole(keys * width),
          *qt = scores + QUERIES * keys, *results = qt + QUERIES * width;
    if (keys * (size_t)k.row > SPAN) {
        pack(k, keys, width, width, packed_k);
        pack(v, keys, width, width, packed_v);
        k = (ck_rows){packed_k, (ptrdiff_t)width};
        v = (ck_rows){packed_v, (ptrdiff_t)width};
    }
    for (size_t i = first; i < first + queries; i += QUERIES) {
        size_t m = smaller(QUERIES, first + queries - i), columns = whole(m);
        size_t seen = causal ? smaller(keys, i + m) : keys;
        vf factors[2];
        turn((ck_rows){q.base + (ptrdiff_t)i * q.row, q.row}, m, width, qt);
        multiply(zero, seen, columns, width, (Matrix){k.base, k.row, 1}, qt, QUERIES, scores, QUERIES);
        softmax_powers(scores, columns, seen, scale, causal, i, factors);
        factors[0] = 1.0f / factors[0], factors[1] = 1.0f / factors[1];
        multiply(
            zero, width, columns, seen, (Matrix){v.base, 1, v.row}, scores, QUERIES, results, QUERIES);
        turn_back(results, factors, m, width, out + (ptrdiff_t)i * out_row, out_row);
    }
}

// MARK: backward. scratch: k, v packed; dk, dv [keys, lanes]; a block's scores and their slopes; its queries and
// gradients, turned and not

typedef struct {
    float *k, *v, *dk, *dv, *weights, *slopes, *qt, *dyt, *dqt, *q, *dy;
    size_t lanes;
} Workspace;

INLINE Workspace workspace(size_t keys, size_t width, float *scratch) {
    Workspace w = {.lanes = whole(width)};
    w.k = scratch;
    w.v = w.k + whole(keys * width);
    w.dk = w.v + whole(keys * width);
    w.dv = w.dk + keys * w.lanes;
    w.weights = w.dv + keys * w.lanes;
    w.slopes = w.weights + keys * QUERIES;
    w.qt = w.slopes + keys * QUERIES;
    w.dyt = w.qt + width * QUERIES;
    w.dqt = w.dyt + width * QUERIES;
    w.q = w.dqt + width * QUERIES;
    w.dy = w.q + QUERIES * w.lanes;
    return w;
}

static size_t k_attention_backward_scratch(size_t keys, size_t width) {
    return 2 * whole(keys * width) + 2 * keys * whole(width) + QUERIES * (2 * keys + 3 * width + 2 * whole(width));
}

static void k_attention_backward_begin(ck_rows k, ck_rows v, size_t keys, size_t width, float *scratch) {
    Workspace w = workspace(keys, width, scratch);
    pack(k, keys, width, width, w.k);
    pack(v, keys, width, width, w.v);
    memset(w.dk, 0, 2 * keys * w.lanes * sizeof(float));
}

static void k_attention_backward_end(
    float *dk, ptrdiff_t dk_row, float *dv, ptrdiff_t dv_row, size_t keys, size_t width, float *scratch) {
    Workspace w = workspace(keys, width, scratch);
    unpack(w.dk, keys, width, dk, dk_row);
    unpack(w.dv, keys, width, dv, dv_row);
}

// weights → P, slopes dP → dS = P ∘ (dP - Σ P ∘ dP) · scale, all [keys, QUERIES].
INLINE void slopes_of_scores(
    const size_t vectors, float *weights, float *slopes, size_t keys, float scale, const vf *sums) {
    vf factors[2] = {1.0f / sums[0], 1.0f / sums[1]}, means[2] = {splat(0), splat(0)};
    for (size_t j = 0; j < keys; j++)
#pragma clang loop unroll(full)
        for (size_t v = 0; v < vectors; v++) {
            float *p = weights + j * QUERIES + v * LANES;
            vf weight = load(p) * factors[v];
            store(p, weight);
            means[v] = weight * load(slopes + j * QUERIES + v * LANES) + means[v];
        }
    for (size_t j = 0; j < keys; j++)
#pragma clang loop unroll(full)
        for (size_t v = 0; v < vectors; v++) {
            float *p = slopes + j * QUERIES + v * LANES;
            store(p, load(weights + j * QUERIES + v * LANES) * ((load(p) - means[v]) * scale));
        }
}

// P = softmax(scale · q kᵀ); dP = dy vᵀ; dv += Pᵀ dy; dq = dS k; dk += dSᵀ q.
static void k_attention_backward_queries(
    ck_rows dy, ck_rows q, float *dq, ptrdiff_t dq_row, size_t queries,
    size_t keys, size_t width, float scale, bool causal, float *scratch) {
    Workspace w = workspace(keys, width, scratch);
    ptrdiff_t lanes = (ptrdiff_t)w.lanes, row = (ptrdiff_t)width;
    for (size_t i = 0; i < queries; i += QUERIES) {
        size_t m = smaller(QUERIES, queries - i), columns = whole(m);
        size_t seen = causal ? smaller(keys, i + m) : keys;
        ck_rows q_rows = {q.base + (ptrdiff_t)i * q.row, q.row}, dy_rows = {dy.base + (ptrdiff_t)i * dy.row, dy.row};
        vf sums[2], ones[2] = {splat(1), splat(1)};
        turn(q_rows, m, width, w.qt);
        turn(dy_rows, m, width, w.dyt);
        pack(q_rows, m, width, w.lanes, w.q);
        pack(dy_rows, m, width, w.lanes, w.dy);
        multiply(zero, seen, columns, width, (Matrix){w.k, row, 1}, w.qt, QUERIES, w.weights, QUERIES);
        multiply(zero, seen, columns, width, (Matrix){w.v, row, 1}, w.dyt, QUERIES, w.slopes, QUERIES);
        softmax_powers(w.weights, columns, seen, scale, causal, i, sums);
        if (columns > LANES) slopes_of_scores(2, w.weights, w.slopes, seen, scale, sums);
        else slopes_of_scores(1, w.weights, w.slopes, seen, scale, sums);
        multiply(zero, width, columns, seen, (Matrix){w.k, 1, row}, w.slopes, QUERIES, w.dqt, QUERIES);
        turn_back(w.dqt, ones, m, width, dq + (ptrdiff_t)i * dq_row, dq_row);
        multiply(sum, seen, w.lanes, m, (Matrix){w.weights, QUERIES, 1}, w.dy, lanes, w.dv, lanes);
        multiply(sum, seen, w.lanes, m, (Matrix){w.slopes, QUERIES, 1}, w.q, lanes, w.dk, lanes);
    }
}

// Attention of one head: all scores of a block of queries, softmax once, and small products in registers. The keys pass
// by in runs, so that what is made of their scores finds them in the first-level cache.
//
// Lanes are queries: scores stand as [keys, block], so softmax is plain arithmetic between rows, and neither keys nor
// the width of a head need to fill vectors. Rows may lie anywhere: temporal attention strides over the picture, and
// heads lie side by side.

#include "CKernels.h"
#include "tiles.h"

#pragma clang fp contract(fast)

// Queries whose scores are held at once: two vectors; against 4096 keys they still lie in the second-level cache.
#define QUERIES 32
// Keys whose scores are worked on at once: with their slopes they fill a third of the first-level cache.
#define RUN 48
// Floats that keys may span before they are packed side by side.
#define SPAN 16384

// MARK: packing

// out [width, QUERIES] = rowsᵀ for up to QUERIES rows, zeros beyond the last up to a whole vector.
APART void turn(ck_rows rows, size_t count, size_t width, float *out) {
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
APART void turn_back(const float *in, const vf *factors, size_t count, size_t width, float *out, ptrdiff_t out_row) {
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

// out [count, row] = rows; the floats from width to row, fewer than a vector, are zeros.
APART void pack(ck_rows rows, size_t count, size_t width, size_t row, float *out) {
    for (size_t j = 0; j < count; j++) {
        const float *from = rows.base + (ptrdiff_t)j * rows.row;
        float *to = out + j * row;
        size_t d = 0;
        for (; d + LANES <= width; d += LANES) store(to + d, load(from + d));
        if (width - d == LANES / 2) store_half(to + d, load_half(from + d)), d = width;
        if (d < row) store_up_to(to + d, load_some(from + d, width - d), row - d);
    }
}

// rows of out = in [count, row].
INLINE void unpack(const float *in, size_t count, size_t width, size_t row, float *out, ptrdiff_t out_row) {
    for (size_t j = 0; j < count; j++) {
        float *to = out + (ptrdiff_t)j * out_row;
        size_t d = 0;
        for (; d + LANES <= width; d += LANES) store(to + d, load(in + j * row + d));
        if (width - d == LANES / 2) store_half(to + d, load_half(in + j * row + d));
        else if (d < width) store_some(to + d, load_some(in + j * row + d, width - d), width - d);
    }
}

// MARK: products

APART void product_of(
    size_t m, size_t columns, size_t depth, Matrix a, const float *b, ptrdiff_t b_row, float *c, ptrdiff_t c_row) {
    multiply(zero, m, columns, depth, a, b, b_row, c, c_row);
}

APART void add_product_of(
    size_t m, size_t columns, size_t depth, Matrix a, const float *b, ptrdiff_t b_row, float *c, ptrdiff_t c_row) {
    multiply_halves(m, columns, depth, a, b, b_row, c, c_row);
}

// MARK: softmax

// The largest of the scores [keys, QUERIES] of each lane, so far. Causal: query i sees keys up to i, and what it does
// not see becomes lowest; the scores begin with key `first_key`, their lanes with query `first`.
INLINE void find_largest(
    const size_t vectors, float *scores, size_t keys, size_t first_key, bool causal, size_t first, vf *top) {
    if (causal) {
        vi lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
        for (size_t j = first + 1 > first_key ? first + 1 - first_key : 0; j < keys; j++)
            for (size_t v = 0; v < vectors; v++) {
                float *p = scores + j * QUERIES + v * LANES;
                vi seen = lane + (int32_t)(v * LANES) >= (vi){} + (int32_t)(first_key + j - first);
                store(p, choose(seen, load(p), splat(-FLT_MAX)));
            }
    }
    for (size_t j = 0; j < keys; j++)
#pragma clang loop unroll(full)
        for (size_t v = 0; v < vectors; v++) top[v] = maximum(load(scores + j * QUERIES + v * LANES), top[v]);
}

// e^(scale · x) = 2^(BINARY(scale) · x).
#define BINARY(scale) ((scale) * 1.44269504f)

// MARK: forward. scratch: k, v if packed; a block's scores, queries and results, the last two turned

static size_t k_attention_scratch(size_t keys, size_t width) {
    return 2 * whole(keys * width) + QUERIES * (keys + 2 * width);
}

// Twice over the keys: for their scores, then for their weights and what these make of the values.
INLINE void attention_block(
    const size_t vectors, ck_rows k, ck_rows v, const float *qt, size_t first, size_t keys, size_t width, float scale,
    bool causal, float *scores, float *results, vf *factors) {
    const size_t columns = vectors * LANES;
    vf top[2] = {splat(-FLT_MAX), splat(-FLT_MAX)}, sums[2] = {splat(0), splat(0)};
    for (size_t j = 0; j < keys; j += RUN) {
        size_t n = smaller(RUN, keys - j);
        float *run = scores + j * QUERIES;
        product_of(n, columns, width, (Matrix){k.base + (ptrdiff_t)j * k.row, k.row, 1}, qt, QUERIES, run, QUERIES);
        find_largest(vectors, run, n, j, causal, first, top);
    }
    memset(results, 0, width * QUERIES * sizeof(float));
    for (size_t j = 0; j < keys; j += RUN) {
        size_t n = smaller(RUN, keys - j);
        float *run = scores + j * QUERIES;
        for (size_t l = 0; l < n; l++)
#pragma clang loop unroll(full)
            for (size_t i = 0; i < vectors; i++) {
                float *p = run + l * QUERIES + i * LANES;
                vf e = exp2_v((load(p) - top[i]) * BINARY(scale));
                store(p, e);
                sums[i] += e;
            }
        add_product_of(
            width, columns, n, (Matrix){v.base + (ptrdiff_t)j * v.row, 1, v.row}, run, QUERIES, results, QUERIES);
    }
#pragma clang loop unroll(full)
    for (size_t i = 0; i < vectors; i++) factors[i] = 1.0f / sums[i];
}

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
        size_t m = smaller(QUERIES, first + queries - i), seen = causal ? smaller(keys, i + m) : keys;
        vf factors[2];
        turn((ck_rows){q.base + (ptrdiff_t)i * q.row, q.row}, m, width, qt);
        if (m > LANES) attention_block(2, k, v, qt, i, seen, width, scale, causal, scores, results, factors);
        else attention_block(1, k, v, qt, i, seen, width, scale, causal, scores, results, factors);
        turn_back(results, factors, m, width, out + (ptrdiff_t)i * out_row, out_row);
    }
}

// MARK: backward

// scratch: k and v packed; dk and dv with rows that fill half vectors; for a block the weights and their slopes, and
// q, dy and dq, turned and not

typedef struct {
    float *k, *v, *dk, *dv, *weights, *slopes, *qt, *dyt, *dqt, *q, *dy;
    size_t lanes;
} Workspace;

INLINE size_t half_whole(size_t n) { return (n + LANES / 2 - 1) / (LANES / 2) * (LANES / 2); }

INLINE Workspace workspace(size_t keys, size_t width, float *scratch) {
    Workspace w = {.lanes = half_whole(width)};
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
    return 2 * whole(keys * width) + 2 * keys * half_whole(width)
        + QUERIES * (2 * keys + 3 * width + 2 * half_whole(width));
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
    unpack(w.dk, keys, width, w.lanes, dk, dk_row);
    unpack(w.dv, keys, width, w.lanes, dv, dv_row);
}

// out [count, row] = rows, each times its factor.
INLINE void pack_scaled(
    ck_rows rows, const float *factors, size_t count, size_t width, size_t row, float *out) {
    pack(rows, count, width, row, out);
    for (size_t j = 0; j < count; j++)
        for (size_t d = 0; d < row; d += LANES / 2)
            store_half(out + j * row + d, load_half(out + j * row + d) * factors[j]);
}

// P = softmax(scale · q kᵀ); dP = dy vᵀ; dS = P ∘ (dP - Σ P ∘ dP) · scale; dv += Pᵀ dy; dq = dS k; dk += dSᵀ q.
//
// P stands without its divisor and dS without its factors, which belong to the queries: dy, q and dq get them.
INLINE void attention_backward_block(
    const size_t vectors, const Workspace *w, ck_rows dy, ck_rows q, size_t m, size_t first, size_t keys,
    size_t width, float scale, bool causal, vf *factors) {
    const size_t columns = vectors * LANES;
    ptrdiff_t lanes = (ptrdiff_t)w->lanes, row = (ptrdiff_t)width;
    vf top[2] = {splat(-FLT_MAX), splat(-FLT_MAX)}, sums[2] = {splat(0), splat(0)}, means[2] = {splat(0), splat(0)};
    for (size_t j = 0; j < keys; j += RUN) {
        size_t n = smaller(RUN, keys - j);
        float *run = w->weights + j * QUERIES;
        product_of(n, columns, width, (Matrix){w->k + j * width, row, 1}, w->qt, QUERIES, run, QUERIES);
        find_largest(vectors, run, n, j, causal, first, top);
    }
    for (size_t j = 0; j < keys; j += RUN) {
        size_t n = smaller(RUN, keys - j);
        float *weights = w->weights + j * QUERIES, *slopes = w->slopes + j * QUERIES;
        product_of(n, columns, width, (Matrix){w->v + j * width, row, 1}, w->dyt, QUERIES, slopes, QUERIES);
        for (size_t l = 0; l < n * QUERIES; l += QUERIES)
#pragma clang loop unroll(full)
            for (size_t i = 0; i < vectors; i++) {
                float *p = weights + l + i * LANES;
                vf e = exp2_v((load(p) - top[i]) * BINARY(scale));
                store(p, e);
                sums[i] += e;
                means[i] = e * load(slopes + l + i * LANES) + means[i];
            }
    }
    float divisors[QUERIES], scales[QUERIES];
#pragma clang loop unroll(full)
    for (size_t i = 0; i < vectors; i++) {
        vf divisor = 1.0f / sums[i];
        means[i] *= divisor;
        factors[i] = divisor * scale;
        store(divisors + i * LANES, divisor);
        store(scales + i * LANES, factors[i]);
    }
    pack_scaled(dy, divisors, m, width, w->lanes, w->dy);
    pack_scaled(q, scales, m, width, w->lanes, w->q);
    memset(w->dqt, 0, width * QUERIES * sizeof(float));
    for (size_t j = 0; j < keys; j += RUN) {
        size_t n = smaller(RUN, keys - j);
        float *weights = w->weights + j * QUERIES, *slopes = w->slopes + j * QUERIES;
        for (size_t l = 0; l < n * QUERIES; l += QUERIES)
#pragma clang loop unroll(full)
            for (size_t i = 0; i < vectors; i++) {
                float *p = slopes + l + i * LANES;
                store(p, load(weights + l + i * LANES) * (load(p) - means[i]));
            }
        add_product_of(width, columns, n, (Matrix){w->k + j * width, 1, row}, slopes, QUERIES, w->dqt, QUERIES);
        add_product_of(n, w->lanes, m, (Matrix){weights, QUERIES, 1}, w->dy, lanes, w->dv + j * w->lanes, lanes);
        add_product_of(n, w->lanes, m, (Matrix){slopes, QUERIES, 1}, w->q, lanes, w->dk + j * w->lanes, lanes);
    }
}

static void k_attention_backward_queries(
    ck_rows dy, ck_rows q, float *dq, ptrdiff_t dq_row, size_t queries,
    size_t keys, size_t width, float scale, bool causal, float *scratch) {
    Workspace w = workspace(keys, width, scratch);
    for (size_t i = 0; i < queries; i += QUERIES) {
        size_t m = smaller(QUERIES, queries - i), seen = causal ? smaller(keys, i + m) : keys;
        ck_rows q_rows = {q.base + (ptrdiff_t)i * q.row, q.row}, dy_rows = {dy.base + (ptrdiff_t)i * dy.row, dy.row};
        vf factors[2];
        turn(q_rows, m, width, w.qt);
        turn(dy_rows, m, width, w.dyt);
        if (m > LANES) attention_backward_block(2, &w, dy_rows, q_rows, m, i, seen, width, scale, causal, factors);
        else attention_backward_block(1, &w, dy_rows, q_rows, m, i, seen, width, scale, causal, factors);
        turn_back(w.dqt, factors, m, width, dq + (ptrdiff_t)i * dq_row, dq_row);
    }
}

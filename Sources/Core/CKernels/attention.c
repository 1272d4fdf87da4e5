// Attention of one head: whole rows of scores for a block of queries, softmax once, and small products in registers.
//
// keys are padded to whole vectors (`padded`), the head's width too (`lanes`). K and V are packed once per call, so the
// rows may lie anywhere: temporal attention strides over the picture, and heads lie side by side.

#include <float.h>

#include "CKernels.h"
#include "vectors.h"

#pragma clang fp contract(fast)

// Queries whose scores are held at once: 32 rows of 4096 keys still lie in the second-level cache.
#define QUERIES 32

INLINE size_t whole(size_t n) { return (n + LANES - 1) / LANES * LANES; }
INLINE size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

// MARK: small products. c [m, 16 * vectors] (+)= a [m, depth] · b [depth, 16 * vectors]; a by broadcast, any strides.

typedef struct {
    const float *base;
    ptrdiff_t row, column;
} Matrix;

INLINE void tile(
    const int height, const int width, const bool accumulate, size_t depth, Matrix a, const float *b, ptrdiff_t b_row,
    float *c, ptrdiff_t c_row) {
    vf sums[8][2];
#pragma clang loop unroll(full)
    for (int r = 0; r < height; r++)
#pragma clang loop unroll(full)
        for (int v = 0; v < width; v++) sums[r][v] = accumulate ? load(c + r * c_row + v * LANES) : splat(0);
    const float *column = a.base;
    for (size_t k = 0; k < depth; k++, column += a.column, b += b_row) {
        vf right[2];
#pragma clang loop unroll(full)
        for (int v = 0; v < width; v++) right[v] = load(b + v * LANES);
#pragma clang loop unroll(full)
        for (int r = 0; r < height; r++) {
            vf left = splat(column[r * a.row]);
#pragma clang loop unroll(full)
            for (int v = 0; v < width; v++) sums[r][v] = left * right[v] + sums[r][v];
        }
    }
#pragma clang loop unroll(full)
    for (int r = 0; r < height; r++)
#pragma clang loop unroll(full)
        for (int v = 0; v < width; v++) store(c + r * c_row + v * LANES, sums[r][v]);
}

// All rows of one column of tiles.
INLINE void column_of_tiles(
    const int height, const int width, const bool accumulate, size_t m, size_t depth, Matrix a, const float *b,
    ptrdiff_t b_row, float *c, ptrdiff_t c_row) {
    size_t i = 0;
#define ROWS(n)                                                                                                        \
    tile(n, width, accumulate, depth, (Matrix){a.base + (ptrdiff_t)i * a.row, a.row, a.column}, b, b_row,              \
         c + (ptrdiff_t)i * c_row, c_row);                                                                             \
    i += n;
    while (i + (size_t)height <= m) { ROWS(height) }
    if (height > 4 && i + 4 <= m) { ROWS(4) }
    while (i + 2 <= m) { ROWS(2) }
    if (i < m) { ROWS(1) }
#undef ROWS
}

INLINE void product(
    const int height, const int width, const bool accumulate, size_t m, size_t columns, size_t depth, Matrix a,
    const float *b, ptrdiff_t b_row, float *c, ptrdiff_t c_row) {
    size_t j = 0;
    if (width == 2)
        for (; j + 2 * LANES <= columns; j += 2 * LANES)
            column_of_tiles(height, 2, accumulate, m, depth, a, b + j, b_row, c + j, c_row);
    for (; j < columns; j += LANES) column_of_tiles(height, 1, accumulate, m, depth, a, b + j, b_row, c + j, c_row);
}

// MARK: packing

// A 16 × 16 block turned over in registers: pairs of rows exchange lanes at distances 1, 2, 4 and 8.
#define EXCHANGE(distance, ...)                                                                                        \
    _Pragma("clang loop unroll(full)") for (int i = 0; i < LANES; i++) if (!(i & distance)) {                          \
        vf a = t[i], b = t[i + distance];                                                                              \
        EXCHANGE_##distance(a, b, t[i], t[i + distance])                                                               \
    }
#define EXCHANGE_1(a, b, low, high)                                                                                    \
    low = __builtin_shufflevector(a, b, 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30);                    \
    high = __builtin_shufflevector(a, b, 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31);
#define EXCHANGE_2(a, b, low, high)                                                                                    \
    low = __builtin_shufflevector(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);                     \
    high = __builtin_shufflevector(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
#define EXCHANGE_4(a, b, low, high)                                                                                    \
    low = __builtin_shufflevector(a, b, 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27);                     \
    high = __builtin_shufflevector(a, b, 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31);
#define EXCHANGE_8(a, b, low, high)                                                                                    \
    low = __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);                       \
    high = __builtin_shufflevector(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);

// out [width, padded] = rowsᵀ, zeros beyond the last key.
INLINE void pack_transposed(ck_rows rows, size_t keys, size_t width, float *out) {
    size_t padded = whole(keys);
    for (size_t j = 0; j < padded; j += LANES)
        for (size_t d = 0; d < width; d += LANES) {
            size_t valid = smaller(LANES, keys - j), depth = smaller(LANES, width - d);
            const float *p = rows.base + (ptrdiff_t)j * rows.row + d;
            vf t[LANES];
#pragma clang loop unroll(full)
            for (size_t i = 0; i < LANES; i++)
                t[i] = i < valid ? load_up_to(p + (ptrdiff_t)i * rows.row, depth) : splat(0);
            EXCHANGE(1)
            EXCHANGE(2)
            EXCHANGE(4)
            EXCHANGE(8)
#pragma clang loop unroll(full)
            for (size_t i = 0; i < LANES; i++)
                if (i < depth) store(out + (d + i) * padded + j, t[i]);
        }
}

// out [count, whole(width)] = rows, zeros beyond the width.
INLINE void pack(ck_rows rows, size_t count, size_t width, float *out) {
    size_t lanes = whole(width);
    for (size_t j = 0; j < count; j++)
        for (size_t d = 0; d < lanes; d += LANES)
            store(out + j * lanes + d, load_up_to(rows.base + (ptrdiff_t)j * rows.row + d, width - d));
}

INLINE void unpack(const float *in, size_t count, size_t width, float *out, ptrdiff_t out_row) {
    size_t lanes = whole(width);
    for (size_t j = 0; j < count; j++)
        for (size_t d = 0; d < width; d += LANES)
            store_up_to(out + (ptrdiff_t)j * out_row + d, load(in + j * lanes + d), width - d);
}

// MARK: softmax

// scores [padded] → exp(scale * (score - max)) over the first `valid`, zeros after; gives 1 / sum.
INLINE float exponentials(float *scores, size_t valid, size_t padded, float scale) {
    for (size_t j = valid; j < padded; j++) scores[j] = -FLT_MAX;
    vf top = load(scores);
    for (size_t j = LANES; j < padded; j += LANES) top = maximum(load(scores + j), top);
    float limit = max_lanes(top);
    vf sum = splat(0);
    for (size_t j = 0; j < padded; j += LANES) {
        vf e = exp_v((load(scores + j) - limit) * scale);
        store(scores + j, e);
        sum += e;
    }
    return 1.0f / sum_lanes(sum);
}

// MARK: forward

size_t ck_attention_scratch(size_t keys, size_t width) {
    return width * whole(keys) + keys * whole(width) + QUERIES * (whole(keys) + whole(width));
}

INLINE void attention(
    const int height, const int tile_width, ck_rows q, ck_rows k, ck_rows v, float *out, ptrdiff_t out_row, size_t first,
    size_t queries, size_t keys, size_t width, float scale, bool causal, float *scratch) {
    size_t padded = whole(keys), lanes = whole(width);
    float *kt = scratch, *packed = kt + width * padded, *scores = packed + keys * lanes,
          *sums = scores + QUERIES * padded;
    pack_transposed(k, keys, width, kt);
    // Rows of whole vectors are read where they are.
    ck_rows values = v;
    if (width % LANES != 0) {
        pack(v, keys, width, packed);
        values = (ck_rows){packed, (ptrdiff_t)lanes};
    }
    for (size_t i = first; i < first + queries; i += QUERIES) {
        size_t m = smaller(QUERIES, first + queries - i);
        product(
            height, tile_width, false, m, padded, width, (Matrix){q.base + (ptrdiff_t)i * q.row, q.row, 1}, kt,
            (ptrdiff_t)padded, scores, (ptrdiff_t)padded);
        float factors[QUERIES];
        for (size_t r = 0; r < m; r++)
            factors[r] = exponentials(scores + r * padded, causal ? i + r + 1 : keys, padded, scale);
        product(
            height, tile_width, false, m, lanes, keys, (Matrix){scores, (ptrdiff_t)padded, 1}, values.base, values.row,
            sums, (ptrdiff_t)lanes);
        for (size_t r = 0; r < m; r++)
            for (size_t d = 0; d < width; d += LANES)
                store_up_to(
                    out + (ptrdiff_t)(i + r) * out_row + d, load(sums + r * lanes + d) * factors[r], width - d);
    }
}

// MARK: backward. scratch: kt, vt [width, padded]; k, dk, dv [keys, lanes]; a block of queries behind them.

typedef struct {
    float *kt, *vt, *k, *dk, *dv, *weights, *slopes, *q, *dy, *dq;
    size_t padded, lanes;
} Workspace;

INLINE Workspace workspace(size_t keys, size_t width, float *scratch) {
    Workspace w = {.padded = whole(keys), .lanes = whole(width)};
    w.kt = scratch;
    w.vt = w.kt + width * w.padded;
    w.k = w.vt + width * w.padded;
    w.dk = w.k + keys * w.lanes;
    w.dv = w.dk + keys * w.lanes;
    w.weights = w.dv + keys * w.lanes;
    w.slopes = w.weights + QUERIES * w.padded;
    w.q = w.slopes + QUERIES * w.padded;
    w.dy = w.q + QUERIES * w.lanes;
    w.dq = w.dy + QUERIES * w.lanes;
    return w;
}

size_t ck_attention_backward_scratch(size_t keys, size_t width) {
    return 2 * width * whole(keys) + 3 * keys * whole(width) + QUERIES * (2 * whole(keys) + 3 * whole(width));
}

KERNEL void ck_attention_backward_begin(ck_rows k, ck_rows v, size_t keys, size_t width, float *scratch) {
    Workspace w = workspace(keys, width, scratch);
    pack_transposed(k, keys, width, w.kt);
    pack_transposed(v, keys, width, w.vt);
    pack(k, keys, width, w.k);
    memset(w.dk, 0, 2 * keys * w.lanes * sizeof(float));
}

KERNEL void ck_attention_backward_end(
    float *dk, ptrdiff_t dk_row, float *dv, ptrdiff_t dv_row, size_t keys, size_t width, float *scratch) {
    Workspace w = workspace(keys, width, scratch);
    unpack(w.dk, keys, width, dk, dk_row);
    unpack(w.dv, keys, width, dv, dv_row);
}

// P = softmax(scale · q kᵀ); dv += Pᵀ dy; dP = dy vᵀ; dS = P ∘ (dP - Σ P ∘ dP) · scale; dq = dS k; dk += dSᵀ q.
INLINE void backward_queries(
    const int height, const int tile_width, ck_rows dy, ck_rows q, float *dq, ptrdiff_t dq_row, size_t queries,
    size_t keys, size_t width, float scale, bool causal, float *scratch) {
    Workspace w = workspace(keys, width, scratch);
    ptrdiff_t padded = (ptrdiff_t)w.padded, lanes = (ptrdiff_t)w.lanes;
    for (size_t i = 0; i < queries; i += QUERIES) {
        size_t m = smaller(QUERIES, queries - i);
        ck_rows q_rows = {q.base + (ptrdiff_t)i * q.row, q.row}, dy_rows = {dy.base + (ptrdiff_t)i * dy.row, dy.row};
        pack(q_rows, m, width, w.q);
        pack(dy_rows, m, width, w.dy);
        product(
            height, tile_width, false, m, w.padded, width, (Matrix){w.q, lanes, 1}, w.kt, padded, w.weights, padded);
        product(
            height, tile_width, false, m, w.padded, width, (Matrix){w.dy, lanes, 1}, w.vt, padded, w.slopes, padded);
        for (size_t r = 0; r < m; r++) {
            float *p = w.weights + r * w.padded, *s = w.slopes + r * w.padded;
            float factor = exponentials(p, causal ? i + r + 1 : keys, w.padded, scale);
            vf sum = splat(0);
            for (size_t j = 0; j < w.padded; j += LANES) {
                vf weight = load(p + j) * factor;
                store(p + j, weight);
                sum = weight * load(s + j) + sum;
            }
            float mean = sum_lanes(sum);
            for (size_t j = 0; j < w.padded; j += LANES)
                store(s + j, load(p + j) * ((load(s + j) - mean) * scale));
        }
        product(height, tile_width, false, m, w.lanes, keys, (Matrix){w.slopes, padded, 1}, w.k, lanes, w.dq, lanes);
        unpack(w.dq, m, width, dq + (ptrdiff_t)i * dq_row, dq_row);
        product(height, tile_width, true, keys, w.lanes, m, (Matrix){w.weights, 1, padded}, w.dy, lanes, w.dv, lanes);
        product(height, tile_width, true, keys, w.lanes, m, (Matrix){w.slopes, 1, padded}, w.q, lanes, w.dk, lanes);
    }
}

// MARK: one body per processor level, because the tile must fit the registers: 32 of 16 lanes, 16 of 8, 16 of 4

#define ATTENTION(name, height, tile_width)                                                                            \
    static void name##_forward(                                                                                        \
        ck_rows q, ck_rows k, ck_rows v, float *out, ptrdiff_t out_row, size_t first, size_t queries, size_t keys,     \
        size_t width, float scale, bool causal, float *scratch) {                                                      \
        attention(                                                                                                     \
            height, tile_width, q, k, v, out, out_row, first, queries, keys, width, scale, causal, scratch);           \
    }
#define BACKWARD(name, height, tile_width)                                                                             \
    static void name##_backward(                                                                                       \
        ck_rows dy, ck_rows q, float *dq, ptrdiff_t dq_row, size_t queries, size_t keys, size_t width, float scale,    \
        bool causal, float *scratch) {                                                                                 \
        backward_queries(height, tile_width, dy, q, dq, dq_row, queries, keys, width, scale, causal, scratch);         \
    }

ATTENTION(baseline, 2, 1)
BACKWARD(baseline, 2, 1)
#if defined(__x86_64__) && defined(__linux__)
__attribute__((target("arch=x86-64-v3"))) ATTENTION(v3, 6, 1)
__attribute__((target("arch=x86-64-v3"))) BACKWARD(v3, 6, 1)
__attribute__((target("arch=x86-64-v4"))) ATTENTION(v4, 8, 2)
__attribute__((target("arch=x86-64-v4"))) BACKWARD(v4, 8, 2)

#define DISPATCH(suffix, ...)                                                                                          \
    if (__builtin_cpu_supports("x86-64-v4")) v4_##suffix(__VA_ARGS__);                                                 \
    else if (__builtin_cpu_supports("x86-64-v3")) v3_##suffix(__VA_ARGS__);                                            \
    else baseline_##suffix(__VA_ARGS__);
#else
#define DISPATCH(suffix, ...) baseline_##suffix(__VA_ARGS__);
#endif

void ck_attention(
    ck_rows q, ck_rows k, ck_rows v, float *out, ptrdiff_t out_row, size_t first, size_t queries, size_t keys,
    size_t width, float scale, bool causal, float *scratch) {
    DISPATCH(forward, q, k, v, out, out_row, first, queries, keys, width, scale, causal, scratch)
}

void ck_attention_backward_queries(
    ck_rows dy, ck_rows q, float *dq, ptrdiff_t dq_row, size_t queries, size_t keys, size_t width, float scale,
    bool causal, float *scratch) {
    DISPATCH(backward, dy, q, dq, dq_row, queries, keys, width, scale, causal, scratch)
}

// Attention over short sequences, such as the frames at one place of the picture: at most 16 positions.
//
// Here lanes are channels. A row holds the channels of all places and heads side by side, so a vector of 16 channels is
// a piece of one head or several whole heads, and every vector is worked on by itself; a row may be cut into chunks
// anywhere between heads.

#include "CKernels.h"
#include "vectors.h"

#pragma clang fp contract(fast)

#define LONGEST 16

static bool k_short_attention_fits(size_t queries, size_t keys, size_t width, size_t channels) {
    bool fits = width <= 8 ? LANES % width == 0 : width == 16 || width == 32 || width == 64;
    return fits && channels % LANES == 0 && queries <= LONGEST && keys <= LONGEST;
}

// Every lane gets the sum, or the largest, over the lanes of its head.
#define FOLD_HEAD(x, op)                                                                                               \
    if (width >= 16) x = op(x, __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));   \
    if (width >= 8) x = op(x, __builtin_shufflevector(x, x, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11));    \
    if (width >= 4) x = op(x, __builtin_shufflevector(x, x, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13));    \
    if (width >= 2) x = op(x, __builtin_shufflevector(x, x, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14));    \
    return x;

INLINE vf plus(vf a, vf b) { return a + b; }
INLINE vf sum_in_head(vf x, const size_t width) { FOLD_HEAD(x, plus) }
INLINE vf max_in_head(vf x, const size_t width) { FOLD_HEAD(x, maximum) }

// Lane `index` of every group.
INLINE vi lanes_at(const size_t group, const size_t index) {
    vi mask = {};
#pragma clang loop unroll(full)
    for (size_t l = 0; l < LANES; l++) mask[l] = l % group == index ? -1 : 0;
    return mask;
}

// Lane l of a vector of heads becomes lane `index` of its head.
INLINE vf lane_of_head(vf x, const size_t width, const size_t index) {
    const size_t group = width < LANES ? width : LANES;
    vf y = x;
#pragma clang loop unroll(full)
    for (size_t l = 0; l < LANES; l++) y[l] = x[l / group * group + index];
    return y;
}

// weights[j] = softmax over j of scale * q · k_j, for the head or heads of this vector; `vectors` of them make a head.
//
// Exponentials cost most, so the scores of as many keys as a head has lanes are first gathered in one vector.
INLINE void weigh(
    const size_t vectors, const size_t width, const vf *q, const float *k, ptrdiff_t row, size_t seen, float scale,
    vf *weights) {
    const size_t group = width < LANES ? width : LANES;
    vf packed[LONGEST], top = splat(-FLT_MAX), sum = splat(0);
    for (size_t start = 0; start < seen; start += group) {
        vf scores = splat(-FLT_MAX);
#pragma clang loop unroll(full)
        for (size_t l = 0; l < group; l++) {
            if (start + l >= seen) break;
            const float *p = k + (ptrdiff_t)(start + l) * row;
            vf products = q[0] * load(p);
#pragma clang loop unroll(full)
            for (size_t i = 1; i < vectors; i++) products = q[i] * load(p + i * LANES) + products;
            scores = choose(lanes_at(group, l), sum_in_head(products, width) * scale, scores);
        }
        packed[start / group] = scores;
        top = maximum(scores, top);
    }
    top = max_in_head(top, width);
    for (size_t n = 0; n * group < seen; n++) {
        packed[n] = exp_v(packed[n] - top);
        sum += packed[n];
    }
    vf factor = 1.0f / sum_in_head(sum, width);
    for (size_t start = 0; start < seen; start += group) {
        vf scores = packed[start / group] * factor;
#pragma clang loop unroll(full)
        for (size_t l = 0; l < group; l++) {
            if (start + l >= seen) break;
            weights[start + l] = lane_of_head(scores, width, l);
        }
    }
}

// Lanes whose keys and values are copied next to each other before use: rows often lie a multiple of 4 KiB apart, where
// they would push each other out of the first-level cache.
#define PIECE 64

INLINE void copy_rows(const float *from, ptrdiff_t row, size_t rows, size_t lanes, float *to) {
    for (size_t j = 0; j < rows; j++)
        for (size_t c = 0; c < lanes; c += LANES) store(to + j * PIECE + c, load(from + (ptrdiff_t)j * row + c));
}

INLINE void short_forward(
    const size_t vectors, const size_t width, const float *q, const float *k, const float *v, float *out, ptrdiff_t row,
    size_t lanes, size_t queries, size_t keys, float scale, bool causal) {
    float near_k[LONGEST * PIECE] __attribute__((aligned(64))), near_v[LONGEST * PIECE] __attribute__((aligned(64)));
    for (size_t piece = 0; piece < lanes; piece += PIECE) {
        size_t end = lanes - piece < PIECE ? lanes - piece : PIECE;
        copy_rows(k + piece, row, keys, end, near_k);
        copy_rows(v + piece, row, keys, end, near_v);
        for (size_t i = 0; i < queries; i++) {
            size_t seen = causal ? i + 1 : keys;
            for (size_t c = 0; c < end; c += vectors * LANES) {
                ptrdiff_t at = (ptrdiff_t)i * row + (ptrdiff_t)(piece + c);
                vf query[4], sums[4], weights[LONGEST];
#pragma clang loop unroll(full)
                for (size_t n = 0; n < vectors; n++) query[n] = load(q + at + n * LANES), sums[n] = splat(0);
                weigh(vectors, width, query, near_k + c, PIECE, seen, scale, weights);
                for (size_t j = 0; j < seen; j++)
#pragma clang loop unroll(full)
                    for (size_t n = 0; n < vectors; n++)
                        sums[n] = weights[j] * load(near_v + j * PIECE + c + n * LANES) + sums[n];
#pragma clang loop unroll(full)
                for (size_t n = 0; n < vectors; n++) store(out + at + n * LANES, sums[n]);
            }
        }
    }
}

INLINE void short_backward(
    const size_t vectors, const size_t width, const float *dy, const float *q, const float *k, const float *v,
    float *dq, float *dk, float *dv, ptrdiff_t row, size_t lanes, size_t queries, size_t keys, float scale,
    bool causal) {
    float near_k[LONGEST * PIECE] __attribute__((aligned(64))), near_v[LONGEST * PIECE] __attribute__((aligned(64)));
    float sums_k[LONGEST * PIECE] __attribute__((aligned(64))), sums_v[LONGEST * PIECE] __attribute__((aligned(64)));
    for (size_t piece = 0; piece < lanes; piece += PIECE) {
        size_t end = lanes - piece < PIECE ? lanes - piece : PIECE;
        copy_rows(k + piece, row, keys, end, near_k);
        copy_rows(v + piece, row, keys, end, near_v);
        memset(sums_k, 0, keys * PIECE * sizeof(float));
        memset(sums_v, 0, keys * PIECE * sizeof(float));
        for (size_t i = 0; i < queries; i++) {
            size_t seen = causal ? i + 1 : keys;
            for (size_t c = 0; c < end; c += vectors * LANES) {
                ptrdiff_t at = (ptrdiff_t)i * row + (ptrdiff_t)(piece + c);
                vf query[4], gradient[4], sums_q[4], weights[LONGEST], slopes[LONGEST];
#pragma clang loop unroll(full)
                for (size_t n = 0; n < vectors; n++) {
                    query[n] = load(q + at + n * LANES);
                    gradient[n] = load(dy + at + n * LANES);
                    sums_q[n] = splat(0);
                }
                weigh(vectors, width, query, near_k + c, PIECE, seen, scale, weights);
                vf mean = splat(0);
                for (size_t j = 0; j < seen; j++) {
                    const float *p = near_v + j * PIECE + c;
                    vf products = gradient[0] * load(p);
#pragma clang loop unroll(full)
                    for (size_t n = 1; n < vectors; n++) products = gradient[n] * load(p + n * LANES) + products;
                    slopes[j] = sum_in_head(products, width);
                    mean = weights[j] * slopes[j] + mean;
                }
                for (size_t j = 0; j < seen; j++) {
                    vf slope = weights[j] * ((slopes[j] - mean) * scale);
#pragma clang loop unroll(full)
                    for (size_t n = 0; n < vectors; n++) {
                        size_t place = j * PIECE + c + n * LANES;
                        sums_q[n] = slope * load(near_k + place) + sums_q[n];
                        store(sums_k + place, slope * query[n] + load(sums_k + place));
                        store(sums_v + place, weights[j] * gradient[n] + load(sums_v + place));
                    }
                }
#pragma clang loop unroll(full)
                for (size_t n = 0; n < vectors; n++) store(dq + at + n * LANES, sums_q[n]);
            }
        }
        for (size_t j = 0; j < keys; j++)
            for (size_t c = 0; c < end; c += LANES) {
                store(dk + (ptrdiff_t)j * row + piece + c, load(sums_k + j * PIECE + c));
                store(dv + (ptrdiff_t)j * row + piece + c, load(sums_v + j * PIECE + c));
            }
    }
}

// A body per width, since its shuffles and its number of vectors must be known to the compiler.
#define PER_WIDTH(function, ...)                                                                                       \
    switch (width) {                                                                                                   \
    case 1: function(1, 1, __VA_ARGS__); break;                                                                        \
    case 2: function(1, 2, __VA_ARGS__); break;                                                                        \
    case 4: function(1, 4, __VA_ARGS__); break;                                                                        \
    case 8: function(1, 8, __VA_ARGS__); break;                                                                        \
    case 16: function(1, 16, __VA_ARGS__); break;                                                                      \
    case 32: function(2, 32, __VA_ARGS__); break;                                                                      \
    case 64: function(4, 64, __VA_ARGS__); break;                                                                      \
    default: break;                                                                                                    \
    }

static void k_short_attention(
    const float *q, const float *k, const float *v, float *out, ptrdiff_t row, size_t lanes, size_t queries,
    size_t keys, size_t width, float scale, bool causal) {
    PER_WIDTH(short_forward, q, k, v, out, row, lanes, queries, keys, scale, causal)
}

static void k_short_attention_backward(
    const float *dy, const float *q, const float *k, const float *v, float *dq, float *dk, float *dv, ptrdiff_t row,
    size_t lanes, size_t queries, size_t keys, size_t width, float scale, bool causal) {
    PER_WIDTH(short_backward, dy, q, k, v, dq, dk, dv, row, lanes, queries, keys, scale, causal)
}

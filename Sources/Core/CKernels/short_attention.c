// Attention over short sequences, such as the frames at one place of the picture: at most 16 positions.
//
// Here lanes are channels. A row holds the channels of all places and heads side by side, so a vector of 16 channels is
// a piece of one head or several whole heads, and every vector is worked on by itself: nothing is packed, and a row is
// cut into chunks anywhere between heads. Scores stand in all lanes of their head, which makes softmax plain arithmetic.

#include "CKernels.h"
#include "vectors.h"

#pragma clang fp contract(fast)

#define LONGEST 16

bool ck_short_attention_fits(size_t queries, size_t keys, size_t width, size_t channels) {
    bool fits = width <= 8 ? LANES % width == 0 : width == 16 || width == 32 || width == 64;
    return fits && channels % LANES == 0 && queries <= LONGEST && keys <= LONGEST;
}

// Every lane gets the sum over the lanes of its head.
INLINE vf sum_in_head(vf x, const size_t width) {
    if (width >= 16) x += __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
    if (width >= 8) x += __builtin_shufflevector(x, x, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11);
    if (width >= 4) x += __builtin_shufflevector(x, x, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
    if (width >= 2) x += __builtin_shufflevector(x, x, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14);
    return x;
}

// weights[j] = softmax over j of scale * q · k_j, for the head or heads of this vector; `vectors` of them make a head.
INLINE void weigh(
    const size_t vectors, const size_t width, const vf *q, const float *k, ptrdiff_t row, size_t seen, float scale,
    vf *weights) {
    vf top = splat(0);
    for (size_t j = 0; j < seen; j++) {
        const float *p = k + (ptrdiff_t)j * row;
        vf products = q[0] * load(p);
#pragma clang loop unroll(full)
        for (size_t i = 1; i < vectors; i++) products = q[i] * load(p + i * LANES) + products;
        weights[j] = sum_in_head(products, width) * scale;
        top = j == 0 ? weights[j] : maximum(weights[j], top);
    }
    vf sum = splat(0);
    for (size_t j = 0; j < seen; j++) {
        weights[j] = exp_v(weights[j] - top);
        sum += weights[j];
    }
    vf factor = 1.0f / sum;
    for (size_t j = 0; j < seen; j++) weights[j] *= factor;
}

INLINE void forward(
    const size_t vectors, const size_t width, const float *q, const float *k, const float *v, float *out, ptrdiff_t row,
    size_t lanes, size_t queries, size_t keys, float scale, bool causal) {
    for (size_t c = 0; c < lanes; c += vectors * LANES)
        for (size_t i = 0; i < queries; i++) {
            size_t seen = causal ? i + 1 : keys;
            ptrdiff_t at = (ptrdiff_t)i * row + (ptrdiff_t)c;
            vf query[4], sums[4], weights[LONGEST];
#pragma clang loop unroll(full)
            for (size_t n = 0; n < vectors; n++) query[n] = load(q + at + n * LANES), sums[n] = splat(0);
            weigh(vectors, width, query, k + c, row, seen, scale, weights);
            for (size_t j = 0; j < seen; j++)
#pragma clang loop unroll(full)
                for (size_t n = 0; n < vectors; n++)
                    sums[n] = weights[j] * load(v + (ptrdiff_t)j * row + c + n * LANES) + sums[n];
#pragma clang loop unroll(full)
            for (size_t n = 0; n < vectors; n++) store(out + at + n * LANES, sums[n]);
        }
}

INLINE void backward(
    const size_t vectors, const size_t width, const float *dy, const float *q, const float *k, const float *v,
    float *dq, float *dk, float *dv, ptrdiff_t row, size_t lanes, size_t queries, size_t keys, float scale,
    bool causal) {
    for (size_t c = 0; c < lanes; c += vectors * LANES) {
        vf sums_k[LONGEST * 4], sums_v[LONGEST * 4];
        for (size_t j = 0; j < keys * vectors; j++) sums_k[j] = sums_v[j] = splat(0);
        for (size_t i = 0; i < queries; i++) {
            size_t seen = causal ? i + 1 : keys;
            ptrdiff_t at = (ptrdiff_t)i * row + (ptrdiff_t)c;
            vf query[4], gradient[4], sums_q[4], weights[LONGEST], slopes[LONGEST];
#pragma clang loop unroll(full)
            for (size_t n = 0; n < vectors; n++) {
                query[n] = load(q + at + n * LANES);
                gradient[n] = load(dy + at + n * LANES);
                sums_q[n] = splat(0);
            }
            weigh(vectors, width, query, k + c, row, seen, scale, weights);
            vf mean = splat(0);
            for (size_t j = 0; j < seen; j++) {
                const float *p = v + (ptrdiff_t)j * row + c;
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
                    sums_q[n] = slope * load(k + (ptrdiff_t)j * row + c + n * LANES) + sums_q[n];
                    sums_k[j * vectors + n] = slope * query[n] + sums_k[j * vectors + n];
                    sums_v[j * vectors + n] = weights[j] * gradient[n] + sums_v[j * vectors + n];
                }
            }
#pragma clang loop unroll(full)
            for (size_t n = 0; n < vectors; n++) store(dq + at + n * LANES, sums_q[n]);
        }
        for (size_t j = 0; j < keys; j++)
#pragma clang loop unroll(full)
            for (size_t n = 0; n < vectors; n++) {
                store(dk + (ptrdiff_t)j * row + c + n * LANES, sums_k[j * vectors + n]);
                store(dv + (ptrdiff_t)j * row + c + n * LANES, sums_v[j * vectors + n]);
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

KERNEL void ck_short_attention(
    const float *q, const float *k, const float *v, float *out, ptrdiff_t row, size_t lanes, size_t queries,
    size_t keys, size_t width, float scale, bool causal) {
    PER_WIDTH(forward, q, k, v, out, row, lanes, queries, keys, scale, causal)
}

KERNEL void ck_short_attention_backward(
    const float *dy, const float *q, const float *k, const float *v, float *dq, float *dk, float *dv, ptrdiff_t row,
    size_t lanes, size_t queries, size_t keys, size_t width, float scale, bool causal) {
    PER_WIDTH(backward, dy, q, k, v, dq, dk, dv, row, lanes, queries, keys, scale, causal)
}

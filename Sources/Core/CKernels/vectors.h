// Vectors of 16 floats and the functions of them that every kernel shares.
//
// A kernel is written once and compiled for each processor level (see level.h). Functions here are always inlined, so
// that they are compiled for the level of the kernel they land in.

#ifndef VECTORS_H
#define VECTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

// Vectors wider than the baseline's registers are passed only between inlined functions, so no call depends on the ABI.
#pragma clang diagnostic ignored "-Wpsabi"
// A product and a sum may be one rounding where the processor has it. No other liberty is taken with the arithmetic.
#pragma clang fp contract(fast)

#define INLINE static inline __attribute__((always_inline))

// Of a long function that is needed in many places there is one, or the instructions would not fit their cache.
#define APART static __attribute__((noinline))

#define LANES 16

typedef float vf __attribute__((vector_size(64)));
typedef int32_t vi __attribute__((vector_size(64)));
typedef uint32_t vu __attribute__((vector_size(64)));
typedef float vf_unaligned __attribute__((vector_size(64), aligned(4)));
typedef float vh __attribute__((vector_size(32)));
typedef float half_unaligned __attribute__((vector_size(32), aligned(4)));

// Listed, since 0 + x would be an addition: it turns -0 into 0.
INLINE vf splat(float x) { return (vf){x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x}; }
INLINE vu splat_bits(uint32_t x) { return (vu){x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x}; }
INLINE vf load(const float *p) { return *(const vf_unaligned *)p; }
INLINE void store(float *p, vf x) { *(vf_unaligned *)p = x; }
INLINE vh splat_half(float x) { return (vh){x, x, x, x, x, x, x, x}; }
INLINE vh load_half(const float *p) { return *(const half_unaligned *)p; }
INLINE void store_half(float *p, vh x) { *(half_unaligned *)p = x; }

// The first n < 16 elements; zeros after them.
INLINE vf load_some(const float *p, size_t n) {
    vf x = splat(0);
    if (n == 8) {
        half_unaligned half = *(const half_unaligned *)p;
        memcpy(&x, &half, sizeof half);
        return x;
    }
    memcpy(&x, p, n * sizeof(float));
    return x;
}

INLINE void store_some(float *p, vf x, size_t n) {
    if (n == 8) {
        half_unaligned half;
        memcpy(&half, &x, sizeof half);
        *(half_unaligned *)p = half;
        return;
    }
    memcpy(p, &x, n * sizeof(float));
}

INLINE vf load_up_to(const float *p, size_t n) { return n >= LANES ? load(p) : load_some(p, n); }
INLINE void store_up_to(float *p, vf x, size_t n) {
    if (n >= LANES) store(p, x);
    else store_some(p, x, n);
}

INLINE vf choose(vi mask, vf yes, vf no) { return (vf)((mask & (vi)yes) | (~mask & (vi)no)); }
INLINE vf maximum(vf a, vf b) { return choose(a > b, a, b); }
INLINE vf magnitude(vf x) { return (vf)((vi)x & 0x7fffffff); }
INLINE vf with_sign_of(vf x, vf sign) { return (vf)(((vi)x & 0x7fffffff) | ((vi)sign & (int32_t)0x80000000)); }

// The sum over the lanes, as a tree.
INLINE float sum_lanes(vf x) {
    x += __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
    x += __builtin_shufflevector(x, x, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11);
    x += __builtin_shufflevector(x, x, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
    x += __builtin_shufflevector(x, x, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14);
    return x[0];
}

// exp to about 1 ulp. x = n ln 2 + r; e^r by a minimax polynomial on |r| <= ln 2 / 2; 2^n by the exponent bits.
// Below -87.3 the result is 0, above 88.3 it stays at e^88.3.
INLINE vf exp_v(vf x) {
    vf clamped = choose(x > 88.3f, splat(88.3f), x);
    clamped = choose(clamped < -87.3f, splat(-87.3f), clamped);
    // Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits.
    vf shifted = clamped * 1.44269504f + 12582912.0f;
    vf n = shifted - 12582912.0f;
    vf r = n * -0.693359375f + clamped;
    r = n * 2.12194440e-4f + r;
    vf p = splat(1.381455804e-3f);
    p = p * r + 8.368736133e-3f;
    p = p * r + 4.166838899e-2f;
    p = p * r + 1.666652113e-1f;
    p = p * r + 4.999999404e-1f;
    vf e = (p * r) * r + r + 1.0f;
    vf scale = (vf)(((vi)shifted + (127 - 0x4b400000)) << 23);
    return choose(x < -87.3f, splat(0), e * scale);
}

// 2^x for x <= 0, as softmax needs it, to about 2 ulp: x = n + r; 2^r by a minimax polynomial on
// |r| <= 1 / 2 that is 1 at 0; 2^n by the exponent bits. Below 2^-126.5 the result is 0.
INLINE vf exp2_v(vf x) {
    // In this order, a NaN stays one.
    vf clamped = maximum(splat(-127), x);
    // Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits, 127 more the exponent's.
    vf shifted = clamped + (12582912.0f + 127.0f);
    vf r = clamped - (shifted - (12582912.0f + 127.0f));
    vf p = splat(1.326472731e-3f);
    p = p * r + 9.671512991e-3f;
    p = p * r + 5.550733581e-2f;
    p = p * r + 0.2402224242f;
    p = p * r + 0.6931470036f;
    p = p * r + 1.0f;
    return p * (vf)((vi)shifted << 23);
}

INLINE vf sigmoid_v(vf x) { return 1.0f / (1.0f + exp_v(-x)); }

// erf to 4e-7: x P(x²) / Q(x²), minimax on [0, 3.9]; ±1 beyond.
INLINE vf erf_v(vf x) {
    vf s = x * x;
    vf p = splat(2.014857481e-8f);
    p = p * s + -1.963188236e-6f;
    p = p * s + 1.405919023e-4f;
    p = p * s + 3.631966306e-3f;
    p = p * s + 5.034390472e-2f;
    p = p * s + 0.1981746066f;
    p = p * s + 1.128379112f;
    vf q = splat(9.405053054e-4f);
    q = q * s + 1.420721353e-2f;
    q = q * s + 0.1142777247f;
    q = q * s + 0.5089594191f;
    q = q * s + 1.0f;
    return choose(magnitude(x) > 3.9f, with_sign_of(splat(1), x), x * p / q);
}

INLINE vf silu_v(vf x) { return x * sigmoid_v(x); }
INLINE vf silu_slope_v(vf x) {
    vf s = sigmoid_v(x);
    return s + (x * s) * (1.0f - s);
}
INLINE vf gelu_v(vf x) { return x * (0.5f + 0.5f * erf_v(x * 0.70710678f)); }
INLINE vf gelu_slope_v(vf x) {
    return (0.5f + 0.5f * erf_v(x * 0.70710678f)) + (x * 0.39894228f) * exp_v((x * x) * -0.5f);
}
INLINE vf quick_gelu_v(vf x) { return x * sigmoid_v(1.702f * x); }
INLINE vf quick_gelu_slope_v(vf x) {
    vf s = sigmoid_v(1.702f * x);
    return s + (1.702f * x) * s * (1.0f - s);
}

#endif

#include "CKernels.h"
#include "vectors.h"

#pragma clang fp contract(fast)

// One loop for all: whole vectors, then the rest as a partial vector, so that every element takes the same path.
#define MAP1(expression)                                                                                               \
    size_t i = 0;                                                                                                      \
    for (; i + LANES <= n; i += LANES) {                                                                               \
        vf a = load(in + i);                                                                                           \
        store(y + i, expression);                                                                                      \
    }                                                                                                                  \
    if (i < n) {                                                                                                       \
        vf a = load_some(in + i, n - i);                                                                               \
        store_some(y + i, expression, n - i);                                                                          \
    }

#define MAP2(expression)                                                                                               \
    size_t i = 0;                                                                                                      \
    for (; i + LANES <= n; i += LANES) {                                                                               \
        vf a = load(in + i), b = load(in2 + i);                                                                        \
        store(y + i, expression);                                                                                      \
    }                                                                                                                  \
    if (i < n) {                                                                                                       \
        vf a = load_some(in + i, n - i), b = load_some(in2 + i, n - i);                                                \
        store_some(y + i, expression, n - i);                                                                          \
    }

static void k_add(const float *in, const float *in2, float *y, size_t n) { MAP2(a + b) }
static void k_subtract(const float *in, const float *in2, float *y, size_t n) { MAP2(a - b) }
static void k_multiply(const float *in, const float *in2, float *y, size_t n) { MAP2(a * b) }
static void k_scale(const float *in, float factor, float *y, size_t n) { MAP1(a * factor) }
static void k_axpy(float alpha, const float *in, const float *in2, float *y, size_t n) { MAP2(a * alpha + b) }

static void k_exponential(const float *in, float *y, size_t n) { MAP1(exp_v(a)) }
static void k_silu(const float *in, float *y, size_t n) { MAP1(silu_v(a)) }
static void k_silu_backward(const float *in, const float *in2, float *y, size_t n) { MAP2(a * silu_slope_v(b)) }
static void k_gelu(const float *in, float *y, size_t n) { MAP1(gelu_v(a)) }
static void k_gelu_backward(const float *in, const float *in2, float *y, size_t n) { MAP2(a * gelu_slope_v(b)) }
static void k_quick_gelu(const float *in, float *y, size_t n) { MAP1(quick_gelu_v(a)) }
static void k_quick_gelu_backward(const float *in, const float *in2, float *y, size_t n) {
    MAP2(a * quick_gelu_slope_v(b))
}

static void k_geglu(const float *x, float *out, size_t rows, size_t c) {
    for (size_t r = 0; r < rows; r++) {
        const float *in = x + r * 2 * c, *in2 = in + c;
        float *y = out + r * c;
        size_t n = c;
        MAP2(a * gelu_v(b))
    }
}

static void k_geglu_backward(const float *dy, const float *x, float *dx, size_t rows, size_t c) {
    for (size_t r = 0; r < rows; r++) {
        const float *value = x + r * 2 * c, *gate = value + c;
        float *dvalue = dx + r * 2 * c, *dgate = dvalue + c;
        for (size_t i = 0; i < c; i += LANES) {
            size_t n = c - i;
            vf d = load_up_to(dy + r * c + i, n), a = load_up_to(value + i, n), b = load_up_to(gate + i, n);
            vf cdf = 0.5f + 0.5f * erf_v(b * 0.70710678f);
            store_up_to(dvalue + i, d * (b * cdf), n);
            store_up_to(dgate + i, (d * a) * (cdf + (b * 0.39894228f) * exp_v((b * b) * -0.5f)), n);
        }
    }
}

#include "CKernels.h"
#include "vectors.h"

#pragma clang fp contract(fast)

INLINE void normalise(
    const float *x, const float *centre, const float *factor, const float *shift, float *y, size_t rows, size_t c,
    const bool silu) {
    for (size_t r = 0; r < rows; r++, x += c, y += c)
        for (size_t i = 0; i < c; i += LANES) {
            size_t n = c - i;
            vf offset = load_up_to(x + i, n) - load_up_to(centre + i, n);
            vf z = offset * load_up_to(factor + i, n) + load_up_to(shift + i, n);
            store_up_to(y + i, silu ? silu_v(z) : z, n);
        }
}

static void k_normalise(
    const float *x, const float *centre, const float *factor, const float *shift, float *y, size_t rows, size_t c,
    bool silu) {
    if (silu) normalise(x, centre, factor, shift, y, rows, c, true);
    else normalise(x, centre, factor, shift, y, rows, c, false);
}

INLINE void normalise_backward(
    const float *dy, const float *x, const float *centre, const float *rstd, const float *factor, const float *shift,
    float *dz, float *dweight, float *dbias, size_t rows, size_t c, const bool silu) {
    for (size_t i = 0; i < c; i += LANES) {
        size_t n = c - i;
        vf m = load_up_to(centre + i, n), f = load_up_to(factor + i, n), b = load_up_to(shift + i, n);
        vf sum = load_up_to(dbias + i, n), products = splat(0);
        for (size_t r = 0; r < rows; r++) {
            vf d = load_up_to(dy + r * c + i, n), offset = load_up_to(x + r * c + i, n) - m;
            if (silu) d = d * silu_slope_v(offset * f + b);
            if (dz) store_up_to(dz + r * c + i, d, n);
            sum += d;
            products = d * offset + products;
        }
        store_up_to(dbias + i, sum, n);
        store_up_to(dweight + i, products * load_up_to(rstd + i, n) + load_up_to(dweight + i, n), n);
    }
}

static void k_normalise_backward(
    const float *dy, const float *x, const float *centre, const float *rstd, const float *factor, const float *shift,
    float *dz, float *dweight, float *dbias, size_t rows, size_t c, bool silu) {
    if (silu) normalise_backward(dy, x, centre, rstd, factor, shift, dz, dweight, dbias, rows, c, true);
    else normalise_backward(dy, x, centre, rstd, factor, shift, dz, dweight, dbias, rows, c, false);
}

static void k_normalise_backward_apply(
    const float *dz, const float *x, const float *centre, const float *factor, const float *slope, const float *shift,
    float *dx, size_t rows, size_t c) {
    for (size_t r = 0; r < rows; r++, dz += c, x += c, dx += c)
        for (size_t i = 0; i < c; i += LANES) {
            size_t n = c - i;
            vf offset = load_up_to(x + i, n) - load_up_to(centre + i, n);
            vf d = offset * load_up_to(slope + i, n) + load_up_to(shift + i, n);
            store_up_to(dx + i, load_up_to(dz + i, n) * load_up_to(factor + i, n) + d, n);
        }
}

// The sum of n elements of one row.
INLINE float row_sum(const float *x, size_t n) {
    vf sum = splat(0);
    for (size_t i = 0; i < n; i += LANES) sum += load_up_to(x + i, n - i);
    return sum_lanes(sum);
}

static void k_layer_norm(
    const float *x, const float *weight, const float *bias, float epsilon, float *y, float *mean, float *rstd,
    size_t rows, size_t c) {
    size_t whole = c / LANES * LANES;
    for (size_t r = 0; r < rows; r++, x += c, y += c) {
        float m = row_sum(x, c) / (float)c;
        vf squares = splat(0);
        for (size_t i = 0; i < whole; i += LANES) {
            vf d = load(x + i) - m;
            squares = d * d + squares;
        }
        float variance = sum_lanes(squares);
        for (size_t i = whole; i < c; i++) variance += (x[i] - m) * (x[i] - m);
        float s = 1.0f / sqrtf(variance / (float)c + epsilon);
        for (size_t i = 0; i < c; i += LANES) {
            size_t n = c - i;
            vf z = (load_up_to(x + i, n) - m) * s;
            if (weight) z *= load_up_to(weight + i, n);
            if (bias) z += load_up_to(bias + i, n);
            store_up_to(y + i, z, n);
        }
        mean[r] = m;
        rstd[r] = s;
    }
}

static void k_layer_norm_backward(
    const float *dy, const float *x, const float *weight, const float *mean, const float *rstd, float *dx,
    float *dweight, float *dbias, size_t rows, size_t c) {
    for (size_t r = 0; r < rows; r++, dy += c, x += c, dx += c) {
        float m = mean[r], s = rstd[r];
        vf sum = splat(0), products = splat(0);
        for (size_t i = 0; i < c; i += LANES) {
            size_t n = c - i;
            vf d = load_up_to(dy + i, n), hat = (load_up_to(x + i, n) - m) * s;
            if (dweight) store_up_to(dweight + i, d * hat + load_up_to(dweight + i, n), n);
            if (dbias) store_up_to(dbias + i, d + load_up_to(dbias + i, n), n);
            if (weight) d *= load_up_to(weight + i, n);
            sum += d;
            products = d * hat + products;
        }
        float a = sum_lanes(sum) / (float)c, b = sum_lanes(products) / (float)c;
        for (size_t i = 0; i < c; i += LANES) {
            size_t n = c - i;
            vf d = load_up_to(dy + i, n), hat = (load_up_to(x + i, n) - m) * s;
            if (weight) d *= load_up_to(weight + i, n);
            store_up_to(dx + i, (d - a - hat * b) * s, n);
        }
    }
}

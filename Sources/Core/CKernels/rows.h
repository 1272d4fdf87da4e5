#include "CKernels.h"
#include "vectors.h"

#pragma clang fp contract(fast)

static void k_add_row(const float *x, const float *row, float *y, size_t rows, size_t c) {
    for (size_t r = 0; r < rows; r++, x += c, y += c) {
        size_t i = 0;
        for (; i + LANES <= c; i += LANES) store(y + i, load(x + i) + load(row + i));
        if (i < c) store_some(y + i, load_some(x + i, c - i) + load_some(row + i, c - i), c - i);
    }
}

// Four rows at a time into four accumulators, for one vector of channels after another.
static void k_column_sums(const float *x, size_t rows, size_t c, float *sums) {
    for (size_t i = 0; i < c; i += LANES) {
        size_t n = c - i, r = 0;
        vf s0 = load_up_to(sums + i, n), s1 = splat(0), s2 = splat(0), s3 = splat(0);
        const float *p = x + i;
        if (n >= LANES)
            for (; r + 4 <= rows; r += 4, p += 4 * c) {
                s0 += load(p);
                s1 += load(p + c);
                s2 += load(p + 2 * c);
                s3 += load(p + 3 * c);
            }
        for (; r < rows; r++, p += c) s0 += load_up_to(p, n);
        store_up_to(sums + i, (s0 + s1) + (s2 + s3), n);
    }
}

INLINE vf square_of_difference(vf a, vf b, vf sum) {
    vf d = a - b;
    return d * d + sum;
}

static void k_column_squares(const float *x, const float *centre, size_t rows, size_t c, float *sums) {
    for (size_t i = 0; i < c; i += LANES) {
        size_t n = c - i, r = 0;
        vf m = load_up_to(centre + i, n);
        vf s0 = load_up_to(sums + i, n), s1 = splat(0), s2 = splat(0), s3 = splat(0);
        const float *p = x + i;
        if (n >= LANES)
            for (; r + 4 <= rows; r += 4, p += 4 * c) {
                s0 = square_of_difference(load(p), m, s0);
                s1 = square_of_difference(load(p + c), m, s1);
                s2 = square_of_difference(load(p + 2 * c), m, s2);
                s3 = square_of_difference(load(p + 3 * c), m, s3);
            }
        for (; r < rows; r++, p += c) s0 = square_of_difference(load_up_to(p, n), m, s0);
        store_up_to(sums + i, (s0 + s1) + (s2 + s3), n);
    }
}

// 4096 elements are summed in four vectors, blocks of them in double.
#define SUMMED 4096

static double k_sum(const float *x, size_t n) {
    double total = 0;
    for (size_t start = 0; start < n; start += SUMMED) {
        size_t end = n - start < SUMMED ? n : start + SUMMED, i = start;
        vf s0 = splat(0), s1 = splat(0), s2 = splat(0), s3 = splat(0);
        for (; i + 4 * LANES <= end; i += 4 * LANES) {
            s0 += load(x + i);
            s1 += load(x + i + LANES);
            s2 += load(x + i + 2 * LANES);
            s3 += load(x + i + 3 * LANES);
        }
        for (; i < end; i += LANES) s0 += load_up_to(x + i, end - i);
        total += (double)sum_lanes((s0 + s1) + (s2 + s3));
    }
    return total;
}

static double k_dot(const float *a, const float *b, size_t n) {
    double total = 0;
    for (size_t start = 0; start < n; start += SUMMED) {
        size_t end = n - start < SUMMED ? n : start + SUMMED, i = start;
        vf s0 = splat(0), s1 = splat(0), s2 = splat(0), s3 = splat(0);
        for (; i + 4 * LANES <= end; i += 4 * LANES) {
            s0 = load(a + i) * load(b + i) + s0;
            s1 = load(a + i + LANES) * load(b + i + LANES) + s1;
            s2 = load(a + i + 2 * LANES) * load(b + i + 2 * LANES) + s2;
            s3 = load(a + i + 3 * LANES) * load(b + i + 3 * LANES) + s3;
        }
        for (; i < end; i += LANES) s0 = load_up_to(a + i, end - i) * load_up_to(b + i, end - i) + s0;
        total += (double)sum_lanes((s0 + s1) + (s2 + s3));
    }
    return total;
}

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

// Twice over the block, which the first time brings into the cache: the squares are of differences from the mean itself, and
// what these leave of a sum mends the mean's rounding.
static void k_column_moments(const float *x, size_t rows, size_t c, float *means, float *squares) {
    float count = (float)(rows ? rows : 1);
    for (size_t i = 0; i < c; i += LANES) {
        size_t n = c - i, r = 0;
        vf s0 = splat(0), s1 = splat(0), s2 = splat(0), s3 = splat(0);
        const float *p = x + i;
        if (n >= LANES)
            for (; r + 4 <= rows; r += 4, p += 4 * c) {
                s0 += load(p);
                s1 += load(p + c);
                s2 += load(p + 2 * c);
                s3 += load(p + 3 * c);
            }
        for (; r < rows; r++, p += c) s0 += load_up_to(p, n);
        vf mean = ((s0 + s1) + (s2 + s3)) / count;
        // Sums of 64 rows first: in one long sum of equal squares roundings all go one way.
        vf rest = splat(0), total = splat(0);
        p = x + i;
        for (size_t from = 0; from < rows; from += 64) {
            size_t end = rows - from < 64 ? rows : from + 64;
            vf e0 = splat(0), e1 = splat(0), q0 = splat(0), q1 = splat(0);
            r = from;
            if (n >= LANES)
                for (; r + 2 <= end; r += 2, p += 2 * c) {
                    vf d0 = load(p) - mean, d1 = load(p + c) - mean;
                    e0 += d0, e1 += d1;
                    q0 = d0 * d0 + q0, q1 = d1 * d1 + q1;
                }
            for (; r < end; r++, p += c) {
                vf d = load_up_to(p, n) - mean;
                e0 += d;
                q0 = d * d + q0;
            }
            rest += e0 + e1;
            total += q0 + q1;
        }
        store_up_to(means + i, mean + rest / count, n);
        store_up_to(squares + i, maximum(splat(0), total - rest * (rest / count)), n);
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

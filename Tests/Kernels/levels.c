// Every kernel of every level that the processor can run, against plain loops in double. `make levels` runs it here.
//
// A program of its own, without Swift or threads, for processors that one does not have, under an emulator:
//
//     clang -O2 -ffp-contract=off -static -fstack-protector-all -ISources/Core/CKernels/include \
//         Tests/Kernels/levels.c Sources/Core/CKernels/*.c -lm -o levels
//     EMULATOR ./levels [LEVEL [SEED]]
//
// Shapes are small and odd, pointers unaligned. Memory that a kernel gets begins as NaNs and lies between more of them,
// so that what is not written, or is read or written beside its place, is seen.

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "CKernels.h"

static const ck_kernels *ck;
static int failures;

// MARK: numbers

static uint64_t state = 1;

static size_t below(size_t n) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return (size_t)((state * 0x2545F4914F6CDD1Du) >> 33) % n;
}
static size_t from_to(size_t a, size_t b) { return a + below(b - a + 1); }
static float number(float scale) { return scale * ((float)below(1 << 24) / (float)(1 << 23) - 1); }

// Rounded to bfloat16, to nearest even.
static double rounded(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000;
    memcpy(&x, &bits, sizeof bits);
    return x;
}

// MARK: memory

#define GUARD 64
static const uint32_t canary = 0xffc5a5a5;
static struct {
    uint32_t *all;
    size_t before, count;
} rooms[256];
static size_t room_count, taken;

// Taken from one piece of memory, which is used anew for each case.
static void *piece(size_t bytes) {
    static const size_t size = 64 << 20;
    static char *memory;
    if (!memory) memory = malloc(size);
    void *at = memory + taken;
    taken += (bytes + 63) / 64 * 64;
    if (taken <= size) return at;
    printf("out of memory\n");
    exit(1);
}

static float *room(size_t count) {
    size_t before = GUARD + below(16), total = before + count + GUARD;
    uint32_t *all = piece(total * sizeof *all);
    for (size_t i = 0; i < total; i++) all[i] = canary;
    rooms[room_count].all = all, rooms[room_count].before = before, rooms[room_count++].count = count;
    return (float *)all + before;
}

static float *filled(size_t count, float scale) {
    float *x = room(count);
    for (size_t i = 0; i < count; i++) x[i] = number(scale);
    return x;
}

static double *wanted(size_t count) { return memset(piece(count * sizeof(double)), 0, count * sizeof(double)); }

static void settle(const char *what) {
    for (size_t r = 0; r < room_count; r++)
        for (size_t i = 0; i < rooms[r].before; i++)
            if (rooms[r].all[i] != canary
                || (i < GUARD && rooms[r].all[rooms[r].before + rooms[r].count + i] != canary)) {
                printf("    %s: wrote beside its memory\n", what), failures++;
                break;
            }
    room_count = taken = 0;
}

// MARK: comparison

static const char *group;
static size_t cases;
static double worst, least_scale;

// Ends a group, and begins one whose errors are told of the largest number expected, or of `least`.
static void report(const char *next, double least) {
    if (group) printf("%-11s %-16s %6zu comparisons, largest error %.1e of the scale\n", ck->name, group, cases, worst);
    fflush(stdout);
    group = next, cases = 0, worst = 0, least_scale = least;
}

// `rows` rows of `columns`, `row` floats apart, with what lies between them untouched.
static void compare_rows(
    const char *what, const float *got, size_t row, size_t rows, size_t columns, const double *expected,
    double tolerance) {
    double scale = least_scale, error = 0;
    size_t at = 0;
    for (size_t i = 0; i < rows * columns; i++) scale = fmax(scale, fabs(expected[i]));
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < (r + 1 < rows ? row : columns); c++) {
            double e = 0;
            uint32_t bits;
            memcpy(&bits, &got[r * row + c], sizeof bits);
            if (c >= columns) e = bits == canary ? 0 : INFINITY;
            else e = fabs((double)got[r * row + c] - expected[r * columns + c]) / scale;
            if (!(e <= error)) error = isnan(e) ? INFINITY : e, at = r * row + c;
        }
    cases++, worst = fmax(worst, error);
    if (error <= tolerance) return;
    printf("    %s [%zu, %zu]: element %zu is off by %g of the scale\n", what, rows, columns, at, error), failures++;
}

static void compare(const char *what, const float *got, size_t count, const double *expected, double tolerance) {
    compare_rows(what, got, count, 1, count, expected, tolerance);
}

// MARK: elementwise

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }
static double silu(double x) { return x * sigmoid(x); }
static double silu_slope(double x) { return sigmoid(x) * (1 + x * (1 - sigmoid(x))); }
static double normal_cdf(double x) { return 0.5 * (1 + erf(x * 0.70710678118654752)); }
static double gelu(double x) { return x * normal_cdf(x); }
static double gelu_slope(double x) { return normal_cdf(x) + x * 0.39894228040143268 * exp(-0.5 * x * x); }
static double quick_gelu(double x) { return x * sigmoid(1.702 * x); }
static double quick_gelu_slope(double x) {
    double s = sigmoid(1.702 * x);
    return s + 1.702 * x * s * (1 - s);
}

#define EACH(count, call, expression)                                                                                  \
    {                                                                                                                  \
        float *y = room(count);                                                                                        \
        double *e = wanted(count);                                                                                     \
        call;                                                                                                          \
        for (size_t i = 0; i < (count); i++) e[i] = expression;                                                        \
        compare(#call, y, count, e, 4e-6);                                                                             \
    }

static void elementwise(void) {
    static const size_t sizes[] = {0, 1, 7, 8, 15, 16, 17, 32, 33, 100};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        size_t n = sizes[s], rows = from_to(1, 3);
        float *a = filled(n, 6), *b = filled(n, 6), *x = filled(rows * 2 * n, 6), *d = filled(rows * n, 1);
        EACH(n, ck->add(a, b, y, n), (double)a[i] + b[i])
        EACH(n, ck->subtract(a, b, y, n), (double)a[i] - b[i])
        EACH(n, ck->multiply(a, b, y, n), (double)a[i] * b[i])
        EACH(n, ck->scale(a, 0.3f, y, n), (double)a[i] * 0.3f)
        EACH(n, ck->axpy(0.3f, a, b, y, n), (double)a[i] * 0.3f + b[i])
        EACH(n, (memcpy(y, b, n * sizeof *b), ck->axpy(-2, a, y, y, n)), -2.0 * a[i] + b[i])
        EACH(n, ck->exponential(a, y, n), exp(a[i]))
        EACH(n, ck->silu(a, y, n), silu(a[i]))
        EACH(n, ck->silu_backward(b, a, y, n), b[i] * silu_slope(a[i]))
        EACH(n, ck->gelu(a, y, n), gelu(a[i]))
        EACH(n, ck->gelu_backward(b, a, y, n), b[i] * gelu_slope(a[i]))
        EACH(n, ck->quick_gelu(a, y, n), quick_gelu(a[i]))
        EACH(n, ck->quick_gelu_backward(b, a, y, n), b[i] * quick_gelu_slope(a[i]))
#define VALUE(i) x[(i) / n * 2 * n + (i) % n]
#define GATE(i) x[(i) / n * 2 * n + n + (i) % n]
        EACH(rows * n, ck->geglu(x, y, rows, n), VALUE(i) * gelu(GATE(i)))
        EACH(
            2 * rows * n, ck->geglu_backward(d, x, y, rows, n),
            d[i / (2 * n) * n + i % n] * (i / n % 2 ? x[i - n] * gelu_slope(x[i]) : gelu(x[i + n])))
        EACH(rows * n, ck->add_row(d, a, y, rows, n), (double)d[i] + a[i % n])
        settle("elementwise");
    }
    float *far = room(4), *y = room(4), far_values[] = {-1000, -87.4f, 88.3f, 1000};
    memcpy(far, far_values, sizeof far_values);
    ck->exponential(far, y, 4);
    if (y[0] != 0 || y[1] != 0 || !(fabs(y[2] / exp(88.3) - 1) < 1e-5) || y[3] != y[2])
        printf("    exponential: its ends\n"), failures++;
    settle("exponential");
}

// MARK: rows and normalisation

static void rows(void) {
    for (size_t round = 0; round < 12; round++) {
        size_t r = from_to(round ? 1 : 0, 9), c = round % 3 ? from_to(1, 50) : 16 * from_to(1, 3), n = r * c;
        float *x = filled(n, 2), *dy = filled(n, 1), *m = filled(c, 1), *f = filled(c, 1), *s = filled(c, 1);
        float *t = filled(c, 1), *dw = filled(c, 1), *db = filled(c, 1), *sums = filled(c, 1);
        float *means = room(c), *squares = room(c);
        double *es = wanted(c), *em = wanted(c), *eq = wanted(c), *ew = wanted(c), *eb = wanted(c);
        double *dz = wanted(n), *da = wanted(n);
        bool with_silu = round % 2;
        for (size_t j = 0; j < c; j++) es[j] = sums[j], ew[j] = dw[j], eb[j] = db[j];
        for (size_t i = 0; i < n; i++) {
            size_t j = i % c;
            double offset = (double)x[i] - m[j];
            es[j] += x[i], em[j] += x[i] / (double)r;
            dz[i] = dy[i] * (with_silu ? silu_slope(offset * f[j] + s[j]) : 1);
            eb[j] += dz[i], ew[j] += dz[i] * offset * t[j];
            da[i] = f[j] * (double)dy[i] + t[j] * offset + s[j];
        }
        ck->column_sums(x, r, c, sums);
        for (size_t i = 0; i < n; i++) eq[i % c] += (x[i] - em[i % c]) * (x[i] - em[i % c]);
        ck->column_moments(x, r, c, means, squares);
        compare("column_sums", sums, c, es, 2e-6);
        compare("column_moments, mean", means, c, em, 2e-6);
        compare("column_moments, squares", squares, c, eq, 2e-6);
        EACH(n, ck->normalise(x, m, f, s, y, r, c, false), ((double)x[i] - m[i % c]) * f[i % c] + s[i % c])
        EACH(n, ck->normalise(x, m, f, s, y, r, c, true), silu(((double)x[i] - m[i % c]) * f[i % c] + s[i % c]))
        EACH(n, ck->normalise_backward_apply(dy, x, m, f, t, s, y, r, c), da[i])
        ck->normalise_backward(dy, x, m, t, f, s, dy, dw, db, r, c, with_silu);
        compare("normalise_backward", dy, n, dz, 2e-6);
        compare("normalise_backward, weight", dw, c, ew, 2e-6);
        compare("normalise_backward, bias", db, c, eb, 2e-6);
        settle("rows");
    }
    static const size_t sizes[] = {0, 1, 63, 64, 4096, 5000};
    for (size_t i = 0; i < 6; i++) {
        size_t n = sizes[i];
        float *a = filled(n, 1), *b = filled(n, 1), got[2];
        double e[2] = {0, 0};
        for (size_t j = 0; j < n; j++) e[0] += a[j], e[1] += (double)a[j] * b[j];
        got[0] = (float)(ck->sum(a, n) / (double)(n + 1)), got[1] = (float)(ck->dot(a, b, n) / (double)(n + 1));
        e[0] /= (double)(n + 1), e[1] /= (double)(n + 1);
        compare("sum, dot", got, 2, e, 4e-6);
        settle("sum, dot");
    }
}

static void layer_norm(void) {
    for (size_t round = 0; round < 12; round++) {
        size_t r = from_to(1, 5), c = round % 3 ? from_to(1, 70) : 16 * from_to(1, 3), n = r * c;
        bool affine = round % 4 != 1;
        float *x = filled(n, 3), *dy = filled(n, 1), *w = affine ? filled(c, 2) : 0, *b = affine ? filled(c, 1) : 0;
        float *y = room(n), *mean = room(r), *rstd = room(r), *dx = room(n), *dw = filled(c, 1), *db = filled(c, 1);
        double *e = wanted(n), *ex = wanted(n), *ew = wanted(c), *eb = wanted(c), *em = wanted(r), *es = wanted(r);
        for (size_t j = 0; j < c; j++) ew[j] = dw[j], eb[j] = db[j];
        for (size_t i = 0; i < r; i++) {
            double m = 0, v = 0, sum = 0, products = 0;
            for (size_t j = 0; j < c; j++) m += x[i * c + j] / (double)c;
            for (size_t j = 0; j < c; j++) v += (x[i * c + j] - m) * (x[i * c + j] - m) / (double)c;
            double s = 1 / sqrt(v + 1e-3);
            em[i] = m, es[i] = s;
            for (size_t j = 0; j < c; j++) {
                double hat = (x[i * c + j] - m) * s, d = dy[i * c + j];
                e[i * c + j] = hat * (w ? w[j] : 1) + (b ? b[j] : 0);
                ew[j] += d * hat, eb[j] += d;
                d *= w ? w[j] : 1;
                sum += d / (double)c, products += d * hat / (double)c;
            }
            for (size_t j = 0; j < c; j++) {
                double hat = (x[i * c + j] - m) * s, d = dy[i * c + j] * (w ? w[j] : 1.0);
                ex[i * c + j] = (d - sum - hat * products) * s;
            }
        }
        ck->layer_norm(x, w, b, 1e-3f, y, mean, rstd, r, c);
        ck->layer_norm_backward(dy, x, w, mean, rstd, dx, affine ? dw : 0, affine ? db : 0, r, c);
        compare("layer_norm", y, n, e, 1e-5);
        compare("layer_norm, mean", mean, r, em, 2e-6);
        compare("layer_norm, rstd", rstd, r, es, 2e-6);
        // One channel has no slope: what is left is rounding.
        if (c > 1) compare("layer_norm_backward", dx, n, ex, 3e-5);
        if (affine) compare("layer_norm_backward, weight", dw, c, ew, 4e-6);
        if (affine) compare("layer_norm_backward, bias", db, c, eb, 4e-6);
        settle("layer_norm");
    }
}

// MARK: products

// A packed random matrix [pieces · depth, columns], and in double as it was packed.
static const char *const names[] = {"", ", bf16", ", fp16"};

// A number as a packed matrix keeps it.
static double kept_as(ck_storage kind, float x) {
    return kind == ck_brain ? rounded(x) : kind == ck_half ? (float)(_Float16)x : x;
}

static float *packed(size_t pieces, size_t depth, size_t columns, ck_storage kind, bool turned, double *b) {
    size_t k = pieces * depth;
    float *source = filled(k * columns, 1);
    float *panels = room((columns + 31) / 32 * 32 * pieces * (kind ? (depth + 1) / 2 : depth));
    for (size_t i = 0; i < k; i++)
        for (size_t j = 0; j < columns; j++) {
            float x = source[turned ? j * k + i : i * columns + j];
            b[i * columns + j] = kept_as(kind, x);
        }
    ck->pack_panels(source, turned ? 1 : columns, turned ? (ptrdiff_t)k : 1, pieces, depth, columns, kind, panels);
    return panels;
}

static double activated(ck_activation kind, double x, double gate) {
    switch (kind) {
    case ck_silu_activation: return silu(x);
    case ck_gelu_activation: return gelu(x);
    case ck_quick_gelu_activation: return quick_gelu(x);
    case ck_geglu_activation: return x * gelu(gate);
    default: return x;
    }
}

static void product(size_t m, size_t pieces, size_t depth, size_t columns, ck_storage kind, ck_activation end) {
    bool gated = end == ck_geglu_activation, dots = kind == ck_brain && !strcmp(ck->name, "avx512bf16"), plain = false;
    size_t k = pieces * depth, width = gated ? columns / 2 : columns, rows = kind ? (depth + 1) / 2 : depth;
    double *b = wanted(k * columns), *a = wanted(m * k), *e = wanted(m * width), *line = wanted(columns);
    ck_right right = {0};
    if (!kind && pieces == 1 && columns % 32 == 0 && below(2)) {  // as it lies
        plain = true;
        float *source = filled(k * (columns + 3), 1);
        for (size_t i = 0; i < k * columns; i++) b[i] = source[i / columns * (columns + 3) + i % columns];
        right = (ck_right){source, ck->strip, (ptrdiff_t)columns + 3, ck_float};
    } else
        right = (ck_right){
            packed(pieces, depth, columns, kind, below(2), b), ck->strip * pieces * rows, (ptrdiff_t)ck->strip, kind};
    // Rows as they lie, turned, or wherever, some of them twice.
    const float **table = (const float **)wanted(m * pieces);
    size_t way = pieces > 1 ? 2 : below(3), row = way == 1 ? 1 : k + below(5), column = way == 1 ? m + below(5) : 1;
    float *source = filled(m * k + 5 * (m + k), 1);
    for (size_t i = 0; i < m; i++)
        for (size_t t = 0; t < pieces; t++) {
            table[t * m + i] = way == 2 ? source + below(m * k + 1) : source + i * row;
            for (size_t d = 0; d < depth; d++) {
                float x = table[t * m + i][d * column];
                a[i * k + t * depth + d] = dots ? rounded(x) : x;
            }
        }
    ck_left left = {way == 2 ? 0 : source, (ptrdiff_t)row, (ptrdiff_t)column, way == 2 ? table : 0, m, pieces, depth};
    size_t sharing = from_to(1, 3), first = below(7), add_row = columns + below(4), c_row = width + below(4);
    float *bias = below(2) ? filled(columns, 1) : 0, *add = below(2) ? filled((m + 7) * add_row, 1) : 0;
    bool adding = !gated && below(2);
    float *c = room(m * c_row);
    for (size_t i = 0; adding && i < m * width; i++) c[i / width * c_row + i % width] = number(1);
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < columns; j++) {
            line[j] = (bias ? bias[j] : 0) + (adding ? c[i * c_row + j] : 0);
            if (add) line[j] += add[(i + first) / sharing * add_row + j];
            for (size_t d = 0; d < k; d++) line[j] += a[i * k + d] * b[d * columns + j];
        }
        for (size_t j = 0; j < width; j++) e[i * width + j] = activated(end, line[j], line[gated ? width + j : 0]);
    }
    ck_epilogue epilogue = {bias, add, (ptrdiff_t)add_row, sharing, first, adding, end};
    ck->product(left, right, epilogue, c, (ptrdiff_t)c_row, m, columns);
    char what[200];
    snprintf(
        what, sizeof what, "product m %zu, %zu x %zu, n %zu%s%s, left %zu, activation %d", m, pieces, depth, columns,
        names[kind], plain ? ", plain" : "", way, end);
    compare_rows(what, c, c_row, m, width, e, (gated ? 2 : 1) * (2e-6 + 1e-9 * (double)k));
    settle(what);
}

static void products(void) {
    for (size_t round = 0; round < 48; round++)
        product(
            from_to(1, 30), round % 3 ? 1 : from_to(1, 10), from_to(1, 40), from_to(1, 70), round % 2,
            (ck_activation)(round / 2 % 4));
    for (ck_storage kind = ck_float; kind <= ck_half; kind++) {
        product(1, 1, 1, 1, kind, ck_no_activation);
        product(3, 1, 0, 33, kind, ck_silu_activation);      // nothing but the epilogue
        product(203, 1, 7, 33, kind, ck_gelu_activation);    // more rows than pass at once
        product(15, 1, 801, 40, kind, ck_no_activation);     // a deeper axis than passes at once
        product(5, 3, 395, 33, kind, ck_silu_activation);    // the same, of pieces
        product(200, 130, 3, 17, kind, ck_no_activation);    // many short and odd pieces: patches
        product(13, 1, 96, 64, kind, ck_no_activation);
        product(30, 1, 33, 128, kind, ck_geglu_activation);
        product(14, 1, 3001, 64, kind, ck_geglu_activation); // a few rows at once
    }
}

static void panels(void) {
    for (size_t round = 0; round < 24; round++) {
        size_t pieces = from_to(1, 4), depth = from_to(1, 40), columns = from_to(1, 70), k = pieces * depth;
        ck_storage kind = round % 3;
        double *b = wanted(k * columns), *e = wanted(k * columns), *t = wanted(k * columns);
        float *from = packed(pieces, depth, columns, kind, below(2), b), *out = room(k * columns);
        float *turned = room((depth + 31) / 32 * 32 * pieces * (kind ? (columns + 1) / 2 : columns));
        float *back = room(k * columns);
        for (size_t i = 0; i < k; i++)
            for (size_t j = 0; j < columns; j++) {
                size_t piece = pieces - 1 - i / depth;
                e[j * k + i] = b[i * columns + j];
                t[(i % depth * pieces + piece) * columns + j] = b[i * columns + j];
            }
        size_t half = columns / 2, all = (depth + 31) / 32;
        ck->unpack_panels(from, pieces, depth, 0, half, kind, out);
        ck->unpack_panels(from, pieces, depth, half, columns - half, kind, out + half * k);
        compare("unpack_panels", out, k * columns, e, 0);
        ck->turn_panels(from, pieces, depth, columns, all / 2, all, kind, turned);
        ck->turn_panels(from, pieces, depth, columns, 0, all / 2, kind, turned);
        ck->unpack_panels(turned, pieces, columns, 0, depth, kind, back);
        compare("turn_panels", back, k * columns, t, 0);
        settle("panels");
    }
}

// MARK: convolutions

static void convolution(ck_window g, size_t images, size_t out, ck_storage kind) {
    size_t taps = g.kernel_height * g.kernel_width, in = g.channels, k = taps * in, pixels = g.out_height * g.out_width;
    size_t rows = images * pixels;
    bool square = g.kernel_width == 3, steps = g.stride_height == 1 && g.stride_width == 1;
    double *b = wanted(k * out), *e = wanted(rows * out), *windows = wanted(rows * k);
    float *x = filled(images * g.height * g.width * in, 1), *weight = packed(taps, in, out, kind, true, b);
    size_t sharing = below(2) ? pixels * images : from_to(1, 2);
    float *bias = below(2) ? filled(out, 1) : 0, *y = room(rows * out), *gathered = room(rows * k);
    float *add = below(2) ? filled((rows + 1) * out, 1) : 0;
    for (size_t r = 0; r < rows; r++)
        for (size_t t = 0; t < taps; t++) {
            size_t oy = r % pixels / g.out_width, ox = r % g.out_width;
            ptrdiff_t iy = (ptrdiff_t)(oy * g.stride_height + t / g.kernel_width) - g.top;
            ptrdiff_t ix = (ptrdiff_t)(ox * g.stride_width + t % g.kernel_width) - g.left;
            bool inside = iy >= 0 && iy < (ptrdiff_t)g.height && ix >= 0 && ix < (ptrdiff_t)g.width;
            const float *pixel = x + (inside ? ((r / pixels * g.height + (size_t)iy) * g.width + (size_t)ix) * in : 0);
            for (size_t i = 0; inside && i < in; i++) windows[r * k + t * in + i] = pixel[i];
        }
    ck->gather_windows(x, &g, 0, rows / 3, gathered);
    ck->gather_windows(x, &g, rows / 3, rows - rows / 3, gathered + rows / 3 * k);
    compare("gather_windows", gathered, rows * k, windows, 0);
    float gain = ck->winograd_gain(&g, images, out, true);
    bool fits = g.kernel_height == 3 && steps && (square || (g.kernel_width == 1 && !g.left && g.out_width == g.width));
    if (fits != (gain > 0)) printf("    winograd_gain: %g\n", (double)gain), failures++;
    if (fits) {
        for (size_t r = 0; r < rows; r++)
            for (size_t j = 0; j < out; j++) {
                double sum = (bias ? bias[j] : 0) + (add ? add[r / sharing * out + j] : 0);
                for (size_t i = 0; i < k; i++) sum += windows[r * k + i] * b[i * out + j];
                e[r * out + j] = sum;
            }
        float *u = room(ck->winograd_weights_size(in, out, square));
        size_t panels = (out + 31) / 32;
        ck->winograd_weights(weight, kind, in, square, panels / 2, panels, u);
        ck->winograd_weights(weight, kind, in, square, 0, panels / 2, u);
        ck_winograd_plan plan = ck->winograd_plan(&g, images, out);
        ck_epilogue epilogue = {bias, add, (ptrdiff_t)out, sharing, 0, false, ck_no_activation};
        for (size_t block = plan.blocks; block-- > 0;)
            ck->winograd(x, &g, images, u, out, epilogue, y, plan, block, room(plan.scratch));
        char what[200];
        snprintf(
            what, sizeof what, "winograd %zu x [%zu, %zu, %zu] -> %zu, padding %td, %td%s", images, g.height, g.width,
            in, out, g.top, g.left, names[kind]);
        compare(what, y, rows * out, e, 2e-5);
    }
    settle("convolution");
}

static void convolutions(void) {
    for (size_t round = 0; round < 20; round++) {
        bool time = round % 4 == 3, direct = round % 5 == 4;
        size_t top = below(3), left = time ? 0 : below(3), h = from_to(3, 10), w = from_to(time && !direct ? 1 : 3, 10);
        size_t kh = direct ? from_to(1, 3) : 3, kw = direct ? from_to(1, 3) : time ? 1 : 3, s = direct ? 2 : 1;
        size_t oh = (h + 2 * top - kh) / s + 1, ow = (w + 2 * left - kw) / s + 1;
        ck_window g = {h, w, from_to(1, 36), kh, kw, s, s, (ptrdiff_t)top, (ptrdiff_t)left, oh, ow};
        convolution(g, from_to(1, 2), from_to(1, 40), round % 3);
    }
    // One pixel; several blocks; several groups of panels.
    convolution((ck_window){1, 1, 5, 3, 3, 1, 1, 1, 1, 1, 1}, 1, 3, ck_float);
    convolution((ck_window){33, 41, 2, 3, 3, 1, 1, 1, 1, 33, 41}, 1, 3, ck_float);
    convolution((ck_window){9, 50, 2, 3, 1, 1, 1, 1, 0, 9, 50}, 3, 3, ck_half);
    convolution((ck_window){4, 4, 3, 3, 3, 1, 1, 1, 1, 4, 4}, 1, 300, ck_float);
}

// MARK: attention

static void attention(size_t queries, size_t keys, size_t width, size_t gap, bool causal, bool is_short) {
    // `is_short`: all heads side by side; else one head at a time.
    size_t lanes = is_short ? (width < 16 ? 16 : width) * from_to(1, 3) : width, row = lanes + gap;
    size_t seqs = is_short ? 1 : 2, seq = queries * row;
    float scale = 1 / sqrtf((float)width), *k = filled(keys * row, 1), *v = filled(keys * row, 1);
    float *q = filled(seqs * seq, 2), *dy = filled(seqs * seq, 1), *y = room(seqs * seq);
    float *dq = room(seqs * seq), *dk = room(keys * row), *dv = room(keys * row);
    double *e = wanted(seqs * queries * lanes), *eq = wanted(seqs * queries * lanes), *p = wanted(keys);
    double *ek = wanted(keys * lanes), *ev = wanted(keys * lanes), *slopes = wanted(keys);
    for (size_t i = 0; i < seqs * queries; i++)
        for (size_t h = 0; h < lanes; h += width) {
            size_t seen = causal ? i % queries + 1 : keys;
            double top = -INFINITY, sum = 0, mean = 0;
            for (size_t j = 0; j < seen; j++) {
                p[j] = slopes[j] = 0;
                for (size_t d = h; d < h + width; d++)
                    p[j] += (double)q[i * row + d] * k[j * row + d],
                        slopes[j] += (double)dy[i * row + d] * v[j * row + d];
                top = fmax(top, p[j]);
            }
            for (size_t j = 0; j < seen; j++) sum += p[j] = exp((p[j] - top) * scale);
            for (size_t j = 0; j < seen; j++) p[j] /= sum, mean += p[j] * slopes[j];
            for (size_t j = 0; j < seen; j++)
                for (size_t d = h; d < h + width; d++) {
                    double slope = p[j] * (slopes[j] - mean) * scale;
                    e[i * lanes + d] += p[j] * v[j * row + d], ev[j * lanes + d] += p[j] * dy[i * row + d];
                    eq[i * lanes + d] += slope * k[j * row + d], ek[j * lanes + d] += slope * q[i * row + d];
                }
        }
    ptrdiff_t r = (ptrdiff_t)row;
    if (is_short) {
        ck->short_attention(q, k, v, y, r, lanes, queries, keys, width, scale, causal);
        ck->short_attention_backward(dy, q, k, v, dq, dk, dv, r, lanes, queries, keys, width, scale, causal);
    } else {
        float *scratch = room(ck->attention_scratch(keys, width));
        float *back = room(ck->attention_backward_scratch(keys, width));
        ck_rows k_rows = {k, r}, v_rows = {v, r};
        size_t first = queries / 2 / 32 * 32, rest = queries - first;
        ck->attention_backward_begin(k_rows, v_rows, keys, width, back);
        for (size_t at = 0; at < seqs * seq; at += seq) {
            ck_rows q_rows = {q + at, r}, dy_rows = {dy + at, r};
            ck->attention(q_rows, k_rows, v_rows, y + at, r, first, rest, keys, width, scale, causal, scratch);
            ck->attention(q_rows, k_rows, v_rows, y + at, r, 0, first, keys, width, scale, causal, scratch);
            ck->attention_backward_queries(
                dy_rows, q_rows, dq + at, r, queries, keys, width, scale, causal, back);
        }
        ck->attention_backward_end(dk, r, dv, r, keys, width, back);
    }
    char what[200];
    snprintf(
        what, sizeof what, "%sattention %zu on %zu of %zu%s", is_short ? "short " : "", queries, keys, width,
        causal ? ", causal" : "");
    compare_rows(what, y, row, seqs * queries, lanes, e, 3e-6);
    compare_rows(what, dq, row, seqs * queries, lanes, eq, 8e-6);
    compare_rows(what, dk, row, keys, lanes, ek, 8e-6);
    compare_rows(what, dv, row, keys, lanes, ev, 8e-6);
    settle(what);
}

static void attentions(void) {
    for (size_t round = 0; round < 14; round++) {
        size_t queries = from_to(1, round % 2 ? 20 : 70), keys = from_to(1, 40);
        attention(queries, round % 3 ? keys : queries, from_to(1, 40), below(9), round % 3 == 0, false);
    }
    attention(1, 1, 1, 0, false, false);
    attention(1, 1, 1, 3, true, false);
    attention(3, 40, 8, 500, false, false);  // keys that are packed first
    attention(100, 100, 8, 3, true, false);  // several runs of keys
    attention(33, 110, 24, 0, false, false);
    static const size_t widths[] = {1, 2, 4, 8, 16, 32, 64};
    for (size_t w = 0; w < 7; w++)
        for (size_t causal = 0; causal < 2; causal++) {
            size_t queries = from_to(1, 16);
            attention(queries, causal ? queries : from_to(1, 16), widths[w], below(9), causal, true);
        }
    if (ck->short_attention_fits(17, 8, 16, 64) || ck->short_attention_fits(8, 8, 5, 80) ||
        ck->short_attention_fits(8, 8, 8, 24) || !ck->short_attention_fits(16, 16, 8, 32))
        printf("    short_attention_fits\n"), failures++;
}

// MARK: all of it

int main(int count, char **arguments) {
    size_t checked = 0;
    for (size_t level = 0; (ck = ck_available_kernels(level)); level++) {
        if (count > 1 && strcmp(arguments[1], ck->name)) continue;
        state = 0x9E3779B97F4A7C15u * (count > 2 ? strtoull(arguments[2], 0, 10) : 1);
        report("elementwise", 1), elementwise();
        report("rows", 1), rows();
        report("layer norm", 1), layer_norm();
        report("panels", 1e-3), panels();
        report("products", 1), products();
        report("convolutions", 1e-3), convolutions();
        report("attention", 1e-3), attentions();
        report(0, 0), checked++;
    }
    if (!checked) printf("this processor has no level %s\n", count > 1 ? arguments[1] : ""), failures++;
    printf(failures ? "%d FAILURES\n" : "all as expected\n", failures);
    return failures ? 1 : 0;
}

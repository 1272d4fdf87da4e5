// Arithmetic that Swift's baseline code generation cannot reach: vector kernels compiled once per processor level.
//
// Plain functions over float pointers. They know nothing of tensors, threads or memory: shapes, chunks and scratch
// buffers are the caller's. Sums run in vectors of 16 whatever the processor, so their order is fixed.

#ifndef CKERNELS_H
#define CKERNELS_H

#include <stdbool.h>
#include <stddef.h>

// The level of the running processor: "x86-64-v4" (AVX-512), "x86-64-v3" (AVX2, FMA) or "baseline".
const char *ck_processor_level(void);

// Tells the processor that this is a waiting loop.
void ck_pause(void);

// MARK: element by element, n elements each

void ck_add(const float *a, const float *b, float *y, size_t n);
void ck_subtract(const float *a, const float *b, float *y, size_t n);
void ck_multiply(const float *a, const float *b, float *y, size_t n);
void ck_scale(const float *a, float factor, float *y, size_t n);
// y = alpha * x + b; y may be b.
void ck_axpy(float alpha, const float *x, const float *b, float *y, size_t n);
void ck_exponential(const float *x, float *y, size_t n);
void ck_silu(const float *x, float *y, size_t n);
void ck_silu_backward(const float *dy, const float *x, float *dx, size_t n);
void ck_gelu(const float *x, float *y, size_t n);
void ck_gelu_backward(const float *dy, const float *x, float *dx, size_t n);
void ck_quick_gelu(const float *x, float *y, size_t n);
void ck_quick_gelu_backward(const float *dy, const float *x, float *dx, size_t n);
// x [rows, 2c] = value | gate; y [rows, c] = value * gelu(gate).
void ck_geglu(const float *x, float *y, size_t rows, size_t c);
void ck_geglu_backward(const float *dy, const float *x, float *dx, size_t rows, size_t c);

// MARK: rows of c

// y [rows, c] = x + row; y may be x.
void ck_add_row(const float *x, const float *row, float *y, size_t rows, size_t c);
// sums[c] += the sum over the rows of x [rows, c].
void ck_column_sums(const float *x, size_t rows, size_t c, float *sums);
// sums[c] += the sum over the rows of (x - centre[c])².
void ck_column_squares(const float *x, const float *centre, size_t rows, size_t c, float *sums);

// MARK: sums: vector accumulators over blocks of 4096, blocks in double

double ck_sum(const float *x, size_t n);
double ck_dot(const float *a, const float *b, size_t n);

// MARK: normalisation

// y = (x - centre[c]) * factor[c] + shift[c], through SiLU if asked.
void ck_normalise(
    const float *x, const float *centre, const float *factor, const float *shift, float *y, size_t rows, size_t c,
    bool silu);
// The gradient dz before the affine part and SiLU, and its sums per channel:
// dbias[c] += Σ dz, dweight[c] += Σ dz * (x - centre) * rstd. factor = rstd * weight. dz may be dy.
void ck_normalise_backward(
    const float *dy, const float *x, const float *centre, const float *rstd, const float *factor, const float *shift,
    float *dz, float *dweight, float *dbias, size_t rows, size_t c, bool silu);
// dx = factor[c] * dz + slope[c] * (x - centre[c]) + shift[c]; dx may be dz.
void ck_normalise_backward_apply(
    const float *dz, const float *x, const float *centre, const float *factor, const float *slope, const float *shift,
    float *dx, size_t rows, size_t c);
// weight and bias may be null.
void ck_layer_norm(
    const float *x, const float *weight, const float *bias, float epsilon, float *y, float *mean, float *rstd,
    size_t rows, size_t c);
// dweight and dbias are added to, and may be null; weight may be null.
void ck_layer_norm_backward(
    const float *dy, const float *x, const float *weight, const float *mean, const float *rstd, float *dx,
    float *dweight, float *dbias, size_t rows, size_t c);

// MARK: products

// Whether this processor has registers enough for the functions below to beat a BLAS.
bool ck_has_panel_product(void);
// b [depth, columns] → panels of 32 columns, each [depth, 32], zeros beyond the last column. One stride of b is 1.
void ck_pack_panels(
    const float *b, ptrdiff_t b_row, ptrdiff_t b_column, size_t depth, size_t columns, float *panels);
// c [m, columns] = a [m, depth] · b + bias (or null). Panel j of b begins at panels + j * panel_stride and has rows
// b_row apart: packed panels, or a matrix as it lies (stride 32) if its columns fill vectors.
void ck_panel_product(
    const float *a, ptrdiff_t a_row, ptrdiff_t a_column, const float *panels, size_t panel_stride, ptrdiff_t b_row,
    const float *bias, float *c, ptrdiff_t c_row, size_t m, size_t columns, size_t depth);

// MARK: attention, one head

// Where the rows of a head lie: `row` floats from one position to the next.
typedef struct {
    const float *base;
    ptrdiff_t row;
} ck_rows;

// Floats of scratch memory that the functions below need, aligned or not.
size_t ck_attention_scratch(size_t keys, size_t width);
size_t ck_attention_backward_scratch(size_t keys, size_t width);

// Queries `first ..< first + queries` of a head against all its keys; q and out begin at query 0.
void ck_attention(
    ck_rows q, ck_rows k, ck_rows v, float *out, ptrdiff_t out_row, size_t first, size_t queries, size_t keys,
    size_t width, float scale, bool causal, float *scratch);

// Prepares scratch for a head's keys and values; then any number of query sequences; then the gradients of k and v.
void ck_attention_backward_begin(ck_rows k, ck_rows v, size_t keys, size_t width, float *scratch);
void ck_attention_backward_queries(
    ck_rows dy, ck_rows q, float *dq, ptrdiff_t dq_row, size_t queries, size_t keys, size_t width, float scale,
    bool causal, float *scratch);
void ck_attention_backward_end(
    float *dk, ptrdiff_t dk_row, float *dv, ptrdiff_t dv_row, size_t keys, size_t width, float *scratch);

// MARK: attention over short sequences, all heads: row i of every matrix begins `row` floats after row i - 1

// Whether the functions below can do it: few positions, and heads that begin and end at whole vectors.
bool ck_short_attention_fits(size_t queries, size_t keys, size_t width, size_t channels);
// The `lanes` channels from the pointers on: a whole number of heads and of vectors.
void ck_short_attention(
    const float *q, const float *k, const float *v, float *out, ptrdiff_t row, size_t lanes, size_t queries,
    size_t keys, size_t width, float scale, bool causal);
void ck_short_attention_backward(
    const float *dy, const float *q, const float *k, const float *v, float *dq, float *dk, float *dv, ptrdiff_t row,
    size_t lanes, size_t queries, size_t keys, size_t width, float scale, bool causal);

// MARK: convolution

typedef struct {
    size_t height, width, channels;      // of the input image
    size_t kernel_height, kernel_width;
    size_t stride_height, stride_width;
    ptrdiff_t top, left;                 // padding; may be negative
    size_t out_height, out_width;
} ck_window;

// Rows `first ..< first + rows` of the matrix [n * oh * ow, kh * kw * c] of windows over x [n, h, w, c].
void ck_gather_windows(const float *x, const ck_window *window, size_t first, size_t rows, float *out);
// Adds such rows back into dx [n, h, w, c].
void ck_scatter_windows(const float *rows_in, const ck_window *window, size_t first, size_t rows, float *dx);

#endif

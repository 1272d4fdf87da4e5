// Arithmetic that Swift's baseline code generation cannot reach: vector kernels, compiled once per level of processor.
//
// Plain functions over float pointers, in a table for each level. They know nothing of tensors, threads or memory:
// shapes, chunks and scratch buffers are the caller's. Sums run in vectors of 16 whatever the processor, so their order
// is fixed.

#ifndef CKERNELS_H
#define CKERNELS_H

#include <stdbool.h>
#include <stddef.h>

#pragma clang assume_nonnull begin

// Tells the processor that this is a waiting loop.
void ck_pause(void);

// MARK: what products take

// A left matrix of `pieces` · `depth` columns. Piece t of row i begins at `rows[t * row_count + i]`, or where there are
// no `rows` (and one piece) at `base + i * row`; its columns are `column` floats apart.
typedef struct {
    const float *_Nullable base;
    ptrdiff_t row, column;
    const float *_Nonnull const *_Nullable rows;
    size_t row_count;
    size_t pieces, depth;
} ck_left;

// How the numbers of a packed matrix are kept: float32, or 16 bits.
typedef enum {
    ck_float,
    // bfloat16: the upper half of a float.
    ck_brain,
    // IEEE half precision.
    ck_half,
} ck_storage;

// A right matrix in strips of `ck_kernels.strip` columns, `strip_stride` floats apart; the rows of a strip are `row`
// floats apart. Packed, a row of a strip is as wide as the strip, and rows of 16 bits come in pairs, one pair in
// the place of a float, the last row of an odd piece with a zero. A plain matrix whose columns fill vectors is one as it
// lies, its strips side by side.
typedef struct {
    const float *panels;
    size_t strip_stride;
    ptrdiff_t row;
    ck_storage storage;
} ck_right;

typedef enum {
    ck_no_activation,
    ck_silu_activation,
    ck_gelu_activation,
    ck_quick_gelu_activation,
    // value · gelu(gate), half as many columns: values, then gates, a multiple of 32 of each.
    ck_geglu_activation,
} ck_activation;

// What happens to a product before it is stored: + bias[column], + row (first_row + i) / sharing of `add`, + what was
// there (`adding`), then the activation. A gated product takes one piece.
typedef struct {
    const float *_Nullable bias;
    const float *_Nullable add;
    ptrdiff_t add_row;
    size_t sharing, first_row;
    bool adding;
    ck_activation activation;
} ck_epilogue;

// Where the rows of an attention head lie: `row` floats from one position to the next.
typedef struct {
    const float *base;
    ptrdiff_t row;
} ck_rows;

// The windows of a convolution.
typedef struct {
    size_t height, width, channels;      // of the input image
    size_t kernel_height, kernel_width;
    size_t stride_height, stride_width;
    ptrdiff_t top, left;                 // padding; may be negative
    size_t out_height, out_width;
} ck_window;

// How a Winograd convolution is cut: `blocks` of up to `tiles` tiles and `panels` panels of 32 outputs (`groups` of
// panels), each with `scratch` floats of memory of its own, aligned or not.
typedef struct {
    size_t tiles, panels, groups, blocks, scratch;
} ck_winograd_plan;

// MARK: the kernels

// Constants, which threads may share.
typedef struct __attribute__((swift_attr("@Sendable"))) {
    // How people force it: "portable", "avx2", "avx512", "avx512bf16".
    const char *name;
    // Whether the processor has registers enough for `product` to beat a BLAS.
    bool fills_registers;
    // Columns of a strip of a right matrix.
    size_t strip;

    // Element by element, n elements each; axpy is y = alpha * x + b, and y may be b.
    void (*_Nonnull add)(const float *a, const float *b, float *y, size_t n);
    void (*_Nonnull subtract)(const float *a, const float *b, float *y, size_t n);
    void (*_Nonnull multiply)(const float *a, const float *b, float *y, size_t n);
    void (*_Nonnull scale)(const float *a, float factor, float *y, size_t n);
    void (*_Nonnull axpy)(float alpha, const float *x, const float *b, float *y, size_t n);
    void (*_Nonnull exponential)(const float *x, float *y, size_t n);
    void (*_Nonnull silu)(const float *x, float *y, size_t n);
    void (*_Nonnull silu_backward)(const float *dy, const float *x, float *dx, size_t n);
    void (*_Nonnull gelu)(const float *x, float *y, size_t n);
    void (*_Nonnull gelu_backward)(const float *dy, const float *x, float *dx, size_t n);
    void (*_Nonnull quick_gelu)(const float *x, float *y, size_t n);
    void (*_Nonnull quick_gelu_backward)(const float *dy, const float *x, float *dx, size_t n);
    // x [rows, 2c] = value | gate; y [rows, c] = value * gelu(gate).
    void (*_Nonnull geglu)(const float *x, float *y, size_t rows, size_t c);
    void (*_Nonnull geglu_backward)(const float *dy, const float *x, float *dx, size_t rows, size_t c);

    // y [rows, c] = x + row; y may be x.
    void (*_Nonnull add_row)(const float *x, const float *row, float *y, size_t rows, size_t c);
    // sums[c] += the sum over the rows of x [rows, c].
    void (*_Nonnull column_sums)(const float *x, size_t rows, size_t c, float *sums);
    // The mean of each column of x [rows, c], and the sum over the rows of (x - mean)².
    void (*_Nonnull column_moments)(const float *x, size_t rows, size_t c, float *means, float *squares);
    // Vector accumulators over blocks of 4096, blocks in double.
    double (*_Nonnull sum)(const float *x, size_t n);
    double (*_Nonnull dot)(const float *a, const float *b, size_t n);

    // y = (x - centre[c]) * factor[c] + shift[c], through SiLU if asked.
    void (*_Nonnull normalise)(
        const float *x, const float *centre, const float *factor, const float *shift, float *y, size_t rows, size_t c,
        bool silu);
    // The gradient dz before the affine part and SiLU, and its sums per channel:
    // dbias[c] += Σ dz, dweight[c] += Σ dz * (x - centre) * rstd. factor = rstd * weight. dz may be dy, or null, as it is
    // dy without SiLU.
    void (*_Nonnull normalise_backward)(
        const float *dy, const float *x, const float *centre, const float *rstd, const float *factor,
        const float *shift, float *_Nullable dz, float *dweight, float *dbias, size_t rows, size_t c, bool silu);
    // dx = factor[c] * dz + slope[c] * (x - centre[c]) + shift[c]; dx may be dz.
    void (*_Nonnull normalise_backward_apply)(
        const float *dz, const float *x, const float *centre, const float *factor, const float *slope,
        const float *shift, float *dx, size_t rows, size_t c);
    void (*_Nonnull layer_norm)(
        const float *x, const float *_Nullable weight, const float *_Nullable bias, float epsilon, float *y,
        float *mean, float *rstd, size_t rows, size_t c);
    // dweight and dbias are added to.
    void (*_Nonnull layer_norm_backward)(
        const float *dy, const float *x, const float *_Nullable weight, const float *mean, const float *rstd, float *dx,
        float *_Nullable dweight, float *_Nullable dbias, size_t rows, size_t c);

    // b [pieces · depth, columns], one of whose strides is 1 → strips, with zero columns up to a multiple of 32.
    void (*_Nonnull pack_panels)(
        const float *b, ptrdiff_t b_row, ptrdiff_t b_column, size_t pieces, size_t depth, size_t columns,
        ck_storage storage, float *panels);
    // Columns 32 · `first` ..< 32 · `last` of [pieces · columns, depth], the pieces in reverse order, from
    // [pieces · depth, columns], both packed: what the gradient of a product's left side is multiplied by.
    void (*_Nonnull turn_panels)(
        const float *panels, size_t pieces, size_t depth, size_t columns, size_t first, size_t last,
        ck_storage storage, float *turned);
    // The columns `first ..< first + count` as rows of floats [count, pieces · depth].
    void (*_Nonnull unpack_panels)(
        const float *panels, size_t pieces, size_t depth, size_t first, size_t count, ck_storage storage,
        float *out);
    // c [m, columns] = a · b, and the epilogue.
    void (*_Nonnull product)(
        ck_left a, ck_right b, ck_epilogue epilogue, float *c, ptrdiff_t c_row, size_t m, size_t columns);

    // Multiplications and additions that stay in registers, and how many they were: the ceiling of `product`. sink [3]:
    // a factor, an addend, and what came of it.
    size_t (*_Nonnull spin)(size_t rounds, float *sink);

    // Attention of one head. Scratch memory is counted in floats, and need not be aligned.
    size_t (*_Nonnull attention_scratch)(size_t keys, size_t width);
    // Queries `first ..< first + queries` of a head against all its keys; q and out begin at query 0.
    void (*_Nonnull attention)(
        ck_rows q, ck_rows k, ck_rows v, float *out, ptrdiff_t out_row, size_t first, size_t queries, size_t keys,
        size_t width, float scale, bool causal, float *scratch);
    // `begin` prepares scratch for a head's keys and values; then any number of query sequences; then the gradients of
    // k and v.
    size_t (*_Nonnull attention_backward_scratch)(size_t keys, size_t width);
    void (*_Nonnull attention_backward_begin)(ck_rows k, ck_rows v, size_t keys, size_t width, float *scratch);
    void (*_Nonnull attention_backward_queries)(
        ck_rows dy, ck_rows q, float *dq, ptrdiff_t dq_row, size_t queries, size_t keys, size_t width, float scale,
        bool causal, float *scratch);
    void (*_Nonnull attention_backward_end)(
        float *dk, ptrdiff_t dk_row, float *dv, ptrdiff_t dv_row, size_t keys, size_t width, float *scratch);

    // Attention over short sequences, all heads: row i of every matrix begins `row` floats after row i - 1. It fits few
    // positions, and heads that begin and end at whole vectors; `lanes` is a whole number of heads and of vectors.
    bool (*_Nonnull short_attention_fits)(size_t queries, size_t keys, size_t width, size_t channels);
    void (*_Nonnull short_attention)(
        const float *q, const float *k, const float *v, float *out, ptrdiff_t row, size_t lanes, size_t queries,
        size_t keys, size_t width, float scale, bool causal);
    void (*_Nonnull short_attention_backward)(
        const float *dy, const float *q, const float *k, const float *v, float *dq, float *dk, float *dv, ptrdiff_t row,
        size_t lanes, size_t queries, size_t keys, size_t width, float scale, bool causal);

    // Rows `first ..< first + rows` of the matrix [n * oh * ow, kh * kw * c] of windows over x [n, h, w, c].
    void (*_Nonnull gather_windows)(const float *x, const ck_window *window, size_t first, size_t rows, float *out);

    // Winograd's F(4 × 4, 3 × 3) over pictures and F(4, 3) in time. `gain`: about how many times as fast as `product`
    // it is, the weights being transformed before (`kept`) or for this call alone; 0 where the window does not fit.
    float (*_Nonnull winograd_gain)(const ck_window *window, size_t images, size_t out, bool kept);
    // Floats of the transformed weights of a 3 × 3 (`square`) or 3 × 1 kernel.
    size_t (*_Nonnull winograd_weights_size)(size_t in, size_t out, bool square);
    // Columns 32 · `first` ..< 32 · `last` of a packed weight, transformed.
    void (*_Nonnull winograd_weights)(
        const float *packed, ck_storage storage, size_t in, bool square, size_t first, size_t last, float *u);
    // A function of the sizes alone.
    ck_winograd_plan (*_Nonnull winograd_plan)(const ck_window *window, size_t images, size_t out);
    // Block `index` of the plan: its part of y [n, oh, ow, out] = x [n, h, w, in] under the kernel, and the epilogue's
    // bias and addend, which may be y.
    void (*_Nonnull winograd)(
        const float *x, const ck_window *window, size_t images, const float *u, size_t out, ck_epilogue epilogue,
        float *y, ck_winograd_plan plan, size_t index, float *scratch);
} ck_kernels;

// The table of level `index`, from the plainest (0, any processor) to the fastest; null beyond what this processor can.
const ck_kernels *_Nullable ck_available_kernels(size_t index);

#pragma clang assume_nonnull end

#endif

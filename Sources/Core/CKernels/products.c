// Matrix products over a right matrix in panels of 32 columns: two vectors wide, the inner axis running down.

#include "CKernels.h"
#include "tiles.h"

#pragma clang fp contract(fast)

#define PANEL 32
// Rows of the left matrix that pass under all panels while they lie in the second-level cache.
#define ROWS_AT_ONCE 192

KERNEL void ck_pack_panels(
    const float *b, ptrdiff_t b_row, ptrdiff_t b_column, size_t depth, size_t columns, float *panels) {
    for (size_t j = 0; j < columns; j += PANEL) {
        float *panel = panels + j * depth;
        size_t valid = smaller(PANEL, columns - j);
        if (b_column == 1) {
            for (size_t k = 0; k < depth; k++)
                for (size_t v = 0; v < PANEL; v += LANES) {
                    vf x = v < valid ? load_up_to(b + (ptrdiff_t)k * b_row + j + v, valid - v) : splat(0);
                    store(panel + k * PANEL + v, x);
                }
            continue;
        }
        for (size_t k = 0; k < depth; k += LANES)
            for (size_t v = 0; v < PANEL; v += LANES) {
                size_t rows = v < valid ? smaller(LANES, valid - v) : 0, length = smaller(LANES, depth - k);
                const float *p = b + (ptrdiff_t)(j + v) * b_column + k;
                vf t[LANES];
#pragma clang loop unroll(full)
                for (size_t i = 0; i < LANES; i++)
                    t[i] = i < rows ? load_up_to(p + (ptrdiff_t)i * b_column, length) : splat(0);
                EXCHANGE_ALL
#pragma clang loop unroll(full)
                for (size_t i = 0; i < LANES; i++)
                    if (i < length) store(panel + (k + i) * PANEL + v, t[i]);
            }
    }
}

// The last columns, which do not fill a vector: through a buffer of whole ones.
INLINE void narrow_product(
    const int height, const int width, size_t m, size_t columns, size_t depth, Matrix a, const float *b,
    ptrdiff_t b_row, const float *bias, float *c, ptrdiff_t c_row) {
    float buffer[64 * PANEL];
    for (size_t i = 0; i < m; i += 64) {
        size_t rows = smaller(64, m - i);
        Matrix part = {a.base + (ptrdiff_t)i * a.row, a.row, a.column};
        multiply(height, width, zero, rows, whole(columns), depth, part, b, b_row, buffer, PANEL);
        for (size_t r = 0; r < rows; r++)
            for (size_t j = 0; j < columns; j += LANES) {
                vf x = load(buffer + r * PANEL + j);
                if (bias) x += load_up_to(bias + j, columns - j);
                store_up_to(c + (ptrdiff_t)(i + r) * c_row + j, x, columns - j);
            }
    }
}

INLINE void panel_product(
    const int height, const int width, Matrix a, const float *panels, size_t panel_stride, ptrdiff_t b_row,
    const float *bias, float *c, ptrdiff_t c_row, size_t m, size_t columns, size_t depth) {
    for (size_t i = 0; i < m; i += ROWS_AT_ONCE)
        for (size_t j = 0; j < columns; j += PANEL) {
            size_t rows = smaller(ROWS_AT_ONCE, m - i), valid = smaller(PANEL, columns - j);
            Matrix part = {a.base + (ptrdiff_t)i * a.row, a.row, a.column};
            const float *b = panels + j / PANEL * panel_stride, *shift = bias ? bias + j : 0;
            float *to = c + (ptrdiff_t)i * c_row + j;
            if (valid % LANES != 0)
                narrow_product(height, width, rows, valid, depth, part, b, b_row, shift, to, c_row);
            else if (valid == PANEL && width == 2) {
                if (bias) column_of_tiles(height, 2, given, shift, rows, depth, part, b, b_row, to, c_row);
                else column_of_tiles(height, 2, zero, 0, rows, depth, part, b, b_row, to, c_row);
            } else
                for (size_t v = 0; v < valid; v += LANES)
                    if (bias)
                        column_of_tiles(
                            height, 1, given, shift + v, rows, depth, part, b + v, b_row, to + v, c_row);
                    else column_of_tiles(height, 1, zero, 0, rows, depth, part, b + v, b_row, to + v, c_row);
        }
}

#if defined(__x86_64__) && defined(__linux__)
#define PRODUCT(name, level, height, width)                                                                            \
    __attribute__((target(level))) static void name(                                                                   \
        Matrix a, const float *panels, size_t panel_stride, ptrdiff_t b_row, const float *bias, float *c,              \
        ptrdiff_t c_row, size_t m, size_t columns, size_t depth) {                                                     \
        panel_product(height, width, a, panels, panel_stride, b_row, bias, c, c_row, m, columns, depth);               \
    }

PRODUCT(v3_product, "arch=x86-64-v3", 6, 1)
PRODUCT(v4_product, "arch=x86-64-v4", 12, 2)
#endif

bool ck_has_panel_product(void) {
#if defined(__x86_64__) && defined(__linux__)
    return __builtin_cpu_supports("x86-64-v3");
#else
    return false;
#endif
}

void ck_panel_product(
    const float *a, ptrdiff_t a_row, ptrdiff_t a_column, const float *panels, size_t panel_stride, ptrdiff_t b_row,
    const float *bias, float *c, ptrdiff_t c_row, size_t m, size_t columns, size_t depth) {
    Matrix left = {a, a_row, a_column};
#if defined(__x86_64__) && defined(__linux__)
    if (__builtin_cpu_supports("x86-64-v4"))
        v4_product(left, panels, panel_stride, b_row, bias, c, c_row, m, columns, depth);
    else v3_product(left, panels, panel_stride, b_row, bias, c, c_row, m, columns, depth);
#else
    panel_product(2, 1, left, panels, panel_stride, b_row, bias, c, c_row, m, columns, depth);
#endif
}

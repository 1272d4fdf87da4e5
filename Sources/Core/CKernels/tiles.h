// Products in registers: a tile of the result stays there while the inner axis passes by.
//
// The left matrix is read by broadcast, from wherever it lies and with any strides; the right one in whole vectors.

#ifndef TILES_H
#define TILES_H

#include "vectors.h"

#pragma clang fp contract(fast)

// The level of the processor says how many rows (TILE_HEIGHT) and vectors (TILE_WIDTH) of sums fill its registers.
#define TALLEST TILE_HEIGHT
// Rows of half vectors of sums that fill them.
#define HALF_HEIGHT (TILE_HEIGHT > 2 ? 12 : 4)

INLINE size_t whole(size_t n) { return (n + LANES - 1) / LANES * LANES; }
INLINE size_t smaller(size_t a, size_t b) { return a < b ? a : b; }
INLINE size_t larger(size_t a, size_t b) { return a > b ? a : b; }

// What a tile begins with: zeros, or what the result holds.
typedef enum { zero, sum } Start;

typedef struct {
    const float *base;
    ptrdiff_t row, column;
} Matrix;

INLINE void tile(
    const int height, const int width, const Start start, size_t depth, Matrix a, const float *b, ptrdiff_t b_row,
    float *c, ptrdiff_t c_row) {
    vf sums[TALLEST][2];
#pragma clang loop unroll(full)
    for (int r = 0; r < height; r++)
#pragma clang loop unroll(full)
        for (int v = 0; v < width; v++) {
            if (start == sum) sums[r][v] = load(c + r * c_row + v * LANES);
            else sums[r][v] = splat(0);
        }
    const float *column = a.base;
    for (size_t k = 0; k < depth; k++, column += a.column, b += b_row) {
        vf right[2];
#pragma clang loop unroll(full)
        for (int v = 0; v < width; v++) right[v] = load(b + v * LANES);
#pragma clang loop unroll(full)
        for (int r = 0; r < height; r++) {
            vf left = splat(column[r * a.row]);
#pragma clang loop unroll(full)
            for (int v = 0; v < width; v++) sums[r][v] = left * right[v] + sums[r][v];
        }
    }
#pragma clang loop unroll(full)
    for (int r = 0; r < height; r++)
#pragma clang loop unroll(full)
        for (int v = 0; v < width; v++) store(c + r * c_row + v * LANES, sums[r][v]);
}

// All rows of one column of tiles.
INLINE void column_of_tiles(
    const int width, const Start start, size_t m, size_t depth, Matrix a, const float *b, ptrdiff_t b_row, float *c,
    ptrdiff_t c_row) {
    size_t i = 0;
#define ROWS(n)                                                                                                        \
    tile(n, width, start, depth, (Matrix){a.base + (ptrdiff_t)i * a.row, a.row, a.column}, b, b_row,                   \
         c + (ptrdiff_t)i * c_row, c_row);                                                                             \
    i += n;
    while (i + TILE_HEIGHT <= m) {
        // Twice four keep both multipliers busy, six and two do not.
        if (TILE_HEIGHT == 6 && m - i == 8) { ROWS(4) }
        else { ROWS(TILE_HEIGHT) }
    }
    if (TILE_HEIGHT > 8 && i + 8 <= m) { ROWS(8) }
    if (TILE_HEIGHT > 4 && i + 4 <= m) { ROWS(4) }
    while (TILE_HEIGHT > 2 && i + 2 <= m) { ROWS(2) }
    if (i < m) { ROWS(1) }
#undef ROWS
}

// As a tile one vector wide that begins with a sum, but half a vector: what a head of 8 channels is.
INLINE void half_tile(
    const int height, size_t depth, Matrix a, const float *b, ptrdiff_t b_row, float *c, ptrdiff_t c_row) {
    vh sums[HALF_HEIGHT];
#pragma clang loop unroll(full)
    for (int r = 0; r < height; r++) sums[r] = load_half(c + r * c_row);
    const float *column = a.base;
    for (size_t k = 0; k < depth; k++, column += a.column, b += b_row) {
        vh right = load_half(b);
#pragma clang loop unroll(full)
        for (int r = 0; r < height; r++) sums[r] = splat_half(column[r * a.row]) * right + sums[r];
    }
#pragma clang loop unroll(full)
    for (int r = 0; r < height; r++) store_half(c + r * c_row, sums[r]);
}

INLINE void column_of_half_tiles(
    size_t m, size_t depth, Matrix a, const float *b, ptrdiff_t b_row, float *c, ptrdiff_t c_row) {
    size_t i = 0;
#define ROWS(n)                                                                                                        \
    half_tile(n, depth, (Matrix){a.base + (ptrdiff_t)i * a.row, a.row, a.column}, b, b_row,                            \
              c + (ptrdiff_t)i * c_row, c_row);                                                                        \
    i += n;
    while (i + HALF_HEIGHT <= m) { ROWS(HALF_HEIGHT) }
    while (i + 4 <= m) { ROWS(4) }
    while (i < m) { ROWS(1) }
#undef ROWS
}

// c [m, columns] = a [m, depth] · b [depth, columns], or += with `sum`; columns fill vectors.
INLINE void multiply(
    const Start start, size_t m, size_t columns, size_t depth, Matrix a, const float *b, ptrdiff_t b_row, float *c,
    ptrdiff_t c_row) {
    size_t j = 0;
    if (TILE_WIDTH == 2)
        for (; j + 2 * LANES <= columns; j += 2 * LANES)
            column_of_tiles(2, start, m, depth, a, b + j, b_row, c + j, c_row);
    for (; j < columns; j += LANES) column_of_tiles(1, start, m, depth, a, b + j, b_row, c + j, c_row);
}

// c [m, columns] += a [m, depth] · b [depth, columns]; columns fill half vectors.
INLINE void multiply_halves(
    size_t m, size_t columns, size_t depth, Matrix a, const float *b, ptrdiff_t b_row, float *c, ptrdiff_t c_row) {
    size_t j = columns / LANES * LANES;
    multiply(sum, m, j, depth, a, b, b_row, c, c_row);
    if (j < columns) column_of_half_tiles(m, depth, a, b + j, b_row, c + j, c_row);
}

// A 16 × 16 block turned over in registers: pairs of rows exchange lanes at distances 1, 2, 4 and 8.
#define EXCHANGE(distance, ...)                                                                                        \
    _Pragma("clang loop unroll(full)") for (int i = 0; i < LANES; i++) if (!(i & distance)) {                          \
        vf a = t[i], b = t[i + distance];                                                                              \
        EXCHANGE_##distance(a, b, t[i], t[i + distance])                                                               \
    }
#define EXCHANGE_1(a, b, low, high)                                                                                    \
    low = __builtin_shufflevector(a, b, 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30);                    \
    high = __builtin_shufflevector(a, b, 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31);
#define EXCHANGE_2(a, b, low, high)                                                                                    \
    low = __builtin_shufflevector(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);                     \
    high = __builtin_shufflevector(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
#define EXCHANGE_4(a, b, low, high)                                                                                    \
    low = __builtin_shufflevector(a, b, 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27);                     \
    high = __builtin_shufflevector(a, b, 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31);
#define EXCHANGE_8(a, b, low, high)                                                                                    \
    low = __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);                       \
    high = __builtin_shufflevector(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);

// All of it, for `vf t[LANES]`.
#define EXCHANGE_ALL EXCHANGE(1) EXCHANGE(2) EXCHANGE(4) EXCHANGE(8)

#endif

// Matrix products over a right matrix in strips as wide as a tile of sums, the inner axis running down.
//
// The left matrix is read by broadcast, in place, wherever its rows lie: a convolution is a product whose rows are pieces
// of the picture. The inner axis passes in blocks, so that a block of left rows stays in the second-level cache while
// all panels pass over it.

#ifndef PRODUCTS_H
#define PRODUCTS_H

#include "CKernels.h"
#include "tiles.h"

#pragma clang fp contract(fast)

// Columns of a strip, and of a panel: what passes over the rows at once, and what columns are padded to.
#define STRIP (TILE_WIDTH * LANES)
#define PANEL 32
#define ROWS_AT_ONCE 192
#define DEPTH_AT_ONCE 384

// MARK: bfloat16: the upper half of a float, rounded to nearest even

INLINE vi brain_bits(vf x) {
    vi rounded = (vi)(((vu)x + 0x7fff + (((vu)x >> 16) & 1)) >> 16);
    // The rounding of a NaN could carry into its sign.
    vi is_number = x == x;
    return (is_number & rounded) | (~is_number & (((vi)((vu)x >> 16)) | 0x40));
}
INLINE vi brain_pairs(vf even, vf odd) { return brain_bits(even) | (brain_bits(odd) << 16); }
INLINE vf brain_even(vi pairs) { return (vf)(pairs << 16); }
INLINE vf brain_odd(vi pairs) { return (vf)(pairs & (int32_t)0xffff0000); }

// MARK: half precision: by whole numbers alone, so that no level needs an instruction for it

INLINE vf half_widened(vi bits) {
    vi sign = (bits & 0x8000) << 16, rest = bits & 0x7fff;
    vf normal = (vf)((rest << 13) + (112 << 23));
    // Below 2^-14 a half counts 2^-24; infinity and NaN have all bits of the exponent set.
    vf small = __builtin_convertvector(rest, vf) * splat(0x1p-24f);
    vf endless = (vf)((rest << 13) | 0x7f800000);
    vf x = choose(rest < 0x0400, small, choose(rest >= 0x7c00, endless, normal));
    return (vf)((vi)x | sign);
}

// Rounded to nearest even; what is too large becomes infinite.
INLINE vi half_bits(vf x) {
    vi bits = (vi)x, sign = (vi)((vu)bits >> 16) & 0x8000, rest = bits & 0x7fffffff;
    // Added to 1/2, the last bit of a float counts 2^-24 as that of a small half does.
    vi small = (vi)((vf)rest + splat(0.5f)) - 0x3f000000;
    vi normal = (vi)((vu)(rest - (112 << 23) + 0x0fff + (((vu)rest >> 13) & 1)) >> 13);
    vi endless = ((vi)(rest > 0x7f800000) & 0x0200) | 0x7c00;
    // 65520 and more round to infinity.
    vi is_small = rest < 0x38800000, is_endless = rest >= 0x477ff000;
    return sign | (is_small & small) | (~is_small & ((is_endless & endless) | (~is_endless & normal)));
}

// MARK: 16 bits, in pairs

INLINE vi narrowed_pairs(const ck_storage storage, vf even, vf odd) {
    return storage == ck_brain ? brain_pairs(even, odd) : half_bits(even) | (half_bits(odd) << 16);
}
INLINE vf widened_even(const ck_storage storage, vi pairs) {
    return storage == ck_brain ? brain_even(pairs) : half_widened(pairs & 0xffff);
}
INLINE vf widened_odd(const ck_storage storage, vi pairs) {
    return storage == ck_brain ? brain_odd(pairs) : half_widened((vi)((vu)pairs >> 16));
}

// Rows that a piece of `depth` takes in a strip: floats each, or pairs.
INLINE size_t strip_rows(size_t depth, const bool paired) { return paired ? (depth + 1) / 2 : depth; }

// MARK: packing

// Sixteen columns of b, k rows of them; `valid` columns are there.
INLINE void load_block(
    const float *b, ptrdiff_t b_row, ptrdiff_t b_column, size_t k, size_t valid, vf *t) {
    if (b_column == 1)
        for (size_t i = 0; i < LANES; i++)
            t[i] = i < k && valid ? load_up_to(b + (ptrdiff_t)i * b_row, valid) : splat(0);
    else {
#pragma clang loop unroll(full)
        for (size_t i = 0; i < LANES; i++)
            t[i] = i < valid ? load_up_to(b + (ptrdiff_t)i * b_column, k) : splat(0);
        EXCHANGE_ALL
    }
}

// Where piece p of column j begins, in strips whose pieces take `rows` rows.
INLINE float *piece_at(float *strips, size_t pieces, size_t rows, size_t p, size_t j) {
    return strips + (j / STRIP * pieces + p) * rows * STRIP + j % STRIP;
}

// Rows `k ..< k + count` (of 16 in t) of sixteen columns of a piece.
INLINE void store_block(const vf *t, size_t count, const ck_storage storage, float *piece, size_t k) {
    if (storage == ck_float)
        for (size_t i = 0; i < count; i++) store(piece + (k + i) * STRIP, t[i]);
    else
        for (size_t i = 0; i < count; i += 2)
            store(
                piece + (k + i) / 2 * STRIP,
                (vf)narrowed_pairs(storage, t[i], i + 1 < count ? t[i + 1] : splat(0)));
}

INLINE void pack_panels(
    const float *b, ptrdiff_t b_row, ptrdiff_t b_column, size_t pieces, size_t depth, size_t columns,
    const ck_storage storage, float *panels) {
    size_t rows = strip_rows(depth, storage != ck_float);
    for (size_t j = 0; j < (columns + PANEL - 1) / PANEL * PANEL; j += LANES)
        for (size_t p = 0; p < pieces; p++)
            for (size_t k = 0; k < depth; k += LANES) {
                const float *from = b + (ptrdiff_t)(p * depth + k) * b_row + (ptrdiff_t)j * b_column;
                size_t count = smaller(LANES, depth - k), valid = j < columns ? smaller(LANES, columns - j) : 0;
                vf t[LANES];
                load_block(from, b_row, b_column, count, valid, t);
                store_block(t, count, storage, piece_at(panels, pieces, rows, p, j), k);
            }
}

static void k_pack_panels(
    const float *b, ptrdiff_t b_row, ptrdiff_t b_column, size_t pieces, size_t depth, size_t columns,
    ck_storage storage, float *panels) {
    switch (storage) {
    case ck_float: pack_panels(b, b_row, b_column, pieces, depth, columns, ck_float, panels); break;
    case ck_brain: pack_panels(b, b_row, b_column, pieces, depth, columns, ck_brain, panels); break;
    case ck_half: pack_panels(b, b_row, b_column, pieces, depth, columns, ck_half, panels); break;
    }
}

// Sixteen rows from row k on of sixteen columns of a piece, widened.
INLINE void load_rows(const float *piece, size_t k, size_t count, const ck_storage storage, vf *t) {
    for (size_t i = 0; i < LANES; i++) {
        if (i >= count) t[i] = splat(0);
        else if (storage == ck_float) t[i] = load(piece + (k + i) * STRIP);
        else {
            vi pairs = (vi)load(piece + (k + i) / 2 * STRIP);
            t[i] = (k + i) % 2 == 0 ? widened_even(storage, pairs) : widened_odd(storage, pairs);
        }
    }
}

INLINE void turn_panels(
    float *panels, size_t pieces, size_t depth, size_t columns, size_t first, size_t last,
    const ck_storage storage, float *turned) {
    const bool paired = storage != ck_float;
    size_t rows = strip_rows(depth, paired), turned_rows = strip_rows(columns, paired);
    for (size_t j = first * PANEL; j < last * PANEL; j += LANES)
        for (size_t p = 0; p < pieces; p++)
            for (size_t k = 0; k < columns; k += LANES) {
                vf t[LANES];
                load_rows(piece_at(panels, pieces, rows, p, k), j, j < depth ? depth - j : 0, storage, t);
                EXCHANGE_ALL
                float *to = piece_at(turned, pieces, turned_rows, pieces - 1 - p, j);
                store_block(t, smaller(LANES, columns - k), storage, to, k);
            }
}

static void k_turn_panels(
    const float *panels, size_t pieces, size_t depth, size_t columns, size_t first, size_t last,
    ck_storage storage, float *turned) {
    float *from = (float *)panels;
    switch (storage) {
    case ck_float: turn_panels(from, pieces, depth, columns, first, last, ck_float, turned); break;
    case ck_brain: turn_panels(from, pieces, depth, columns, first, last, ck_brain, turned); break;
    case ck_half: turn_panels(from, pieces, depth, columns, first, last, ck_half, turned); break;
    }
}

// The columns `first ..< first + count` of a packed matrix as rows [count, pieces × depth] of floats.
static void k_unpack_panels(
    const float *panels, size_t pieces, size_t depth, size_t first, size_t count, ck_storage storage,
    float *out) {
    const bool paired = storage != ck_float;
    size_t rows = strip_rows(depth, paired);
    for (size_t j = first; j < first + count; j++, out += pieces * depth)
        for (size_t p = 0; p < pieces; p++) {
            const float *piece = piece_at((float *)panels, pieces, rows, p, j);
            for (size_t k = 0; k < depth; k++) {
                uint32_t bits;
                memcpy(&bits, piece + (paired ? k / 2 : k) * STRIP, sizeof bits);
                if (paired && k % 2 == 1) bits >>= 16;
                if (storage == ck_brain) bits <<= 16;
                vf wide = storage == ck_half ? half_widened((vi)splat_bits(bits & 0xffff)) : (vf)splat_bits(bits);
                out[p * depth + k] = wide[0];
            }
        }
}

// MARK: the left matrix

// A part of the inner axis: pieces, and of each the same columns.
typedef struct {
    size_t piece, last_piece, from, to;
} Span;

INLINE const float *row_start(const ck_left *a, size_t piece, size_t row) {
    return a->rows ? a->rows[piece * a->row_count + row] : a->base + (ptrdiff_t)row * a->row;
}

#ifdef BRAIN_DOT
// A block of left rows in bfloat16, which such processors multiply by pairs: [rows][pairs].
typedef struct {
    int32_t pairs[ROWS_AT_ONCE * (DEPTH_AT_ONCE / 2 + LANES)];
    size_t row;
} BrainBlock;

INLINE void round_rows(const ck_left *a, size_t first, size_t m, Span span, BrainBlock *block) {
    size_t depth = span.to - span.from, pairs = (depth + 1) / 2;
    block->row = (span.last_piece - span.piece) * pairs;
    for (size_t r = 0; r < m; r++) {
        int32_t *to = block->pairs + r * block->row;
        for (size_t p = span.piece; p < span.last_piece; p++, to += pairs) {
            const float *x = row_start(a, p, first + r) + (ptrdiff_t)span.from * a->column;
            size_t k = 0;
            if (a->column == 1)
                for (; k + 2 * LANES <= depth; k += 2 * LANES)
                    _mm512_storeu_si512(
                        to + k / 2, (__m512i)_mm512_cvtne2ps_pbh((__m512)load(x + k + LANES), (__m512)load(x + k)));
            for (; k < depth; k += 2) {
                vf even = splat(x[(ptrdiff_t)k * a->column]);
                vf odd = splat(k + 1 < depth ? x[(ptrdiff_t)(k + 1) * a->column] : 0);
                to[k / 2] = brain_pairs(even, odd)[0];
            }
        }
    }
}
#else
typedef struct {
    size_t row;
} BrainBlock;
INLINE void round_rows(const ck_left *a, size_t first, size_t m, Span span, BrainBlock *block) {}
#endif

// MARK: a tile of the result in registers

// How a tile begins: with bias and addend, or with what the result holds.
typedef struct {
    const ck_epilogue *epilogue;  // null: with what the result holds
    size_t row, column;
} Beginning;

INLINE const float *addend(const ck_epilogue *e, size_t row) {
    row += e->first_row;
    return e->add + (ptrdiff_t)(e->sharing == 1 ? row : row / e->sharing) * e->add_row;
}

INLINE void begin_tile(
    const int height, const int width, Beginning at, const float *c, ptrdiff_t c_row, vf sums[][2]) {
    const ck_epilogue *e = at.epilogue;
#pragma clang loop unroll(full)
    for (int r = 0; r < height; r++)
#pragma clang loop unroll(full)
        for (int v = 0; v < width; v++)
            sums[r][v] = e ? (e->bias ? load(e->bias + at.column + v * LANES) : splat(0)) : load(c + r * c_row + v * LANES);
    if (!e) return;
    if (e->add)
#pragma clang loop unroll(full)
        for (int r = 0; r < height; r++) {
            const float *row = addend(e, at.row + (size_t)r) + at.column;
#pragma clang loop unroll(full)
            for (int v = 0; v < width; v++) sums[r][v] += load(row + v * LANES);
        }
    if (e->adding)
#pragma clang loop unroll(full)
        for (int r = 0; r < height; r++)
#pragma clang loop unroll(full)
            for (int v = 0; v < width; v++) sums[r][v] += load(c + r * c_row + v * LANES);
}

INLINE void product_tile(
    const int height, const int width, const bool brain, const ck_left *a, size_t row, Span span,
    const BrainBlock *block, size_t block_row, const float *b, ptrdiff_t b_row, Beginning beginning, float *c,
    ptrdiff_t c_row) {
    vf sums[height][2];
    begin_tile(height, width, beginning, c, c_row, sums);
#ifdef BRAIN_DOT
    if (brain) {
        const int32_t *left = block->pairs + block_row * block->row;
        for (size_t k = 0; k < block->row; k++, left++, b += b_row) {
            __m512i right[2];
#pragma clang loop unroll(full)
            for (int v = 0; v < width; v++) right[v] = _mm512_loadu_si512(b + v * LANES);
#pragma clang loop unroll(full)
            for (int r = 0; r < height; r++) {
                __m512i pair = _mm512_set1_epi32(left[(size_t)r * block->row]);
#pragma clang loop unroll(full)
                for (int v = 0; v < width; v++)
                    sums[r][v] = (vf)_mm512_dpbf16_ps((__m512)sums[r][v], (__m512bh)pair, (__m512bh)right[v]);
            }
        }
    } else
#endif
    {
        ptrdiff_t column = a->column;
        for (size_t p = span.piece; p < span.last_piece; p++) {
            const float *left[height];
#pragma clang loop unroll(full)
            for (int r = 0; r < height; r++) left[r] = row_start(a, p, row + (size_t)r) + (ptrdiff_t)span.from * column;
            size_t depth = span.to - span.from, k = 0;
            ptrdiff_t at = 0;
#define STEP(left_column, right_row)                                                                                   \
    for (int r = 0; r < height; r++) {                                                                                 \
        vf x = splat(left[r][left_column]);                                                                            \
        _Pragma("clang loop unroll(full)") for (int v = 0; v < width; v++) sums[r][v] = x * right_row[v] + sums[r][v];  \
    }
            if (brain)
                for (; k < depth; k += 2, b += b_row) {
                    vf even[2], odd[2];
#pragma clang loop unroll(full)
                    for (int v = 0; v < width; v++) even[v] = brain_even((vi)load(b + v * LANES));
#pragma clang loop unroll(full)
                    STEP(at, even)
                    at += column;
                    if (k + 1 == depth) continue;
                    // Loaded again: there is no register to keep the pairs in.
                    __asm__ volatile("" ::: "memory");
#pragma clang loop unroll(full)
                    for (int v = 0; v < width; v++) odd[v] = brain_odd((vi)load(b + v * LANES));
#pragma clang loop unroll(full)
                    STEP(at, odd)
                    at += column;
                }
            else
                for (; k < depth; k++, at += column, b += b_row) {
                    vf right[2];
#pragma clang loop unroll(full)
                    for (int v = 0; v < width; v++) right[v] = load(b + v * LANES);
#pragma clang loop unroll(full)
                    STEP(at, right)
                }
#undef STEP
        }
    }
#pragma clang loop unroll(full)
    for (int r = 0; r < height; r++)
#pragma clang loop unroll(full)
        for (int v = 0; v < width; v++) store(c + r * c_row + v * LANES, sums[r][v]);
}

// Each kind of tile is a function of its own: all in one would not leave its pointers in registers.
#define TILE_OF(height, width, kind, brain)                                                                            \
    static __attribute__((noinline)) void product_tile_##height##_##width##_##kind(                                    \
        const ck_left *a, size_t row, Span span, const BrainBlock *block, size_t block_row, const float *b,            \
        ptrdiff_t b_row, Beginning beginning, float *c, ptrdiff_t c_row) {                                             \
        product_tile(height, width, brain, a, row, span, block, block_row, b, b_row, beginning, c, c_row);             \
    }
#define TILES(height)                                                                                                  \
    TILE_OF(height, 1, plain, false) TILE_OF(height, 1, brain, true) TILE_OF(height, 2, plain, false)                  \
        TILE_OF(height, 2, brain, true)
TILES(1)
TILES(2)
TILES(4)
TILES(6)
TILES(8)
TILES(12)

// m rows of 16 · width columns.
INLINE void product_column(
    const int width, const bool brain, const ck_left *a, size_t first, size_t m, Span span, const BrainBlock *block,
    const float *b, ptrdiff_t b_row, const ck_epilogue *epilogue, size_t column, float *c, ptrdiff_t c_row) {
    size_t i = 0;
#define TILE(height, kind)                                                                                             \
    (width == 2 ? product_tile_##height##_2_##kind : product_tile_##height##_1_##kind)(                                \
        a, first + i, span, block, i, b, b_row, (Beginning){epilogue, first + i, column}, c + (ptrdiff_t)i * c_row,    \
        c_row)
#define ROWS(height)                                                                                                   \
    if (brain) TILE(height, brain);                                                                                    \
    else TILE(height, plain);                                                                                          \
    i += height;
    while (i + TILE_HEIGHT <= m) {
        if (TILE_HEIGHT == 12) { ROWS(12) }
        else if (TILE_HEIGHT == 6) { ROWS(6) }
        else { ROWS(2) }
    }
    if (TILE_HEIGHT > 8 && i + 8 <= m) { ROWS(8) }
    if (TILE_HEIGHT > 4 && i + 4 <= m) { ROWS(4) }
    while (i + 2 <= m) { ROWS(2) }
    if (i < m) { ROWS(1) }
#undef TILE
#undef ROWS
}

// m rows of one panel, of which `valid` columns are wanted, in whole vectors.
INLINE void product_panel(
    const bool brain, const ck_left *a, size_t first, size_t m, Span span, const BrainBlock *block, const float *b,
    const ck_right *right, const ck_epilogue *epilogue, size_t column, size_t valid, float *c, ptrdiff_t c_row) {
    if (TILE_WIDTH == 2 && valid == PANEL)
        product_column(2, brain, a, first, m, span, block, b, right->row, epilogue, column, c, c_row);
    else
        for (size_t v = 0; v < valid; v += LANES)
            product_column(
                1, brain, a, first, m, span, block, b + v / STRIP * right->strip_stride + v % STRIP, right->row,
                epilogue, column + v, c + v, c_row);
}

// MARK: the end of a product

INLINE vf activated(vf x, const ck_activation activation) {
    switch (activation) {
    case ck_silu_activation: return silu_v(x);
    case ck_gelu_activation: return gelu_v(x);
    case ck_quick_gelu_activation: return quick_gelu_v(x);
    default: return x;
    }
}

#define ACTIVATE(kind)                                                                                                 \
    case kind:                                                                                                         \
        for (size_t r = 0; r < m; r++)                                                                                 \
            for (size_t v = 0; v < valid; v += LANES) {                                                                \
                vf x = load_up_to(from + (ptrdiff_t)r * from_row + v, valid - v);                                      \
                store_up_to(to + (ptrdiff_t)r * to_row + v, activated(x, kind), valid - v);                            \
            }                                                                                                          \
        break;

// Rows of a finished panel through the activation.
INLINE void finish_panel(
    const float *from, ptrdiff_t from_row, size_t m, size_t valid, ck_activation activation, float *to,
    ptrdiff_t to_row) {
    switch (activation) {
        ACTIVATE(ck_no_activation)
        ACTIVATE(ck_silu_activation)
        ACTIVATE(ck_gelu_activation)
        ACTIVATE(ck_quick_gelu_activation)
    default: break;
    }
}

// Begins a panel in a buffer: what `begin_tile` does, for columns that do not fill vectors.
INLINE void begin_buffer(
    const ck_epilogue *e, size_t first, size_t m, size_t column, size_t valid, const float *c, ptrdiff_t c_row,
    float *buffer) {
    for (size_t r = 0; r < m; r++)
        for (size_t v = 0; v < PANEL; v += LANES) {
            vf x = splat(0);
            if (v < valid) {
                size_t n = valid - v;
                if (e && e->bias) x = load_up_to(e->bias + column + v, n);
                if (e && e->add) x += load_up_to(addend(e, first + r) + column + v, n);
                if (!e || e->adding) x += load_up_to(c + (ptrdiff_t)r * c_row + v, n);
            }
            store(buffer + r * PANEL + v, x);
        }
}

// MARK: half precision, span by span

// A span of one panel as floats, strip after strip [rows of the span][STRIP]; gives how many rows those are. It is
// little beside the product: the floats meet up to ROWS_AT_ONCE rows, in the order in which floats alone would.
INLINE size_t widen_span(const ck_right *b, size_t depth, Span span, size_t column, float *wide) {
    size_t rows = (span.last_piece - span.piece) * (span.to - span.from);
    for (size_t v = 0; v < PANEL; v += LANES) {
        float *to = wide + v / STRIP * rows * STRIP + v % STRIP;
        const float *strip = b->panels + (column + v) / STRIP * b->strip_stride + v % STRIP;
        for (size_t p = span.piece; p < span.last_piece; p++) {
            const float *from = strip + (ptrdiff_t)(p * strip_rows(depth, true) + span.from / 2) * b->row;
            for (size_t k = span.from; k < span.to; k++, to += STRIP) {
                vi pairs = (vi)load(from);
                store(to, k % 2 == 0 ? widened_even(ck_half, pairs) : widened_odd(ck_half, pairs));
                if (k % 2 == 1) from += b->row;
            }
        }
    }
    return rows;
}

// MARK: all of it

// One span of the inner axis for m rows of one panel; `begin` where it is the first, `end` where it is the last.
INLINE void multiply_span(
    const bool brain, const ck_left *a, const ck_right *b, size_t first, size_t m, Span span, const BrainBlock *block,
    const ck_epilogue *begin, const ck_epilogue *end, size_t column, size_t valid, float *c, ptrdiff_t c_row,
    float *buffer, float *wide) {
    size_t row = span.piece * strip_rows(a->depth, brain) + strip_rows(span.from, brain);
    const float *right = b->panels + column / STRIP * b->strip_stride + (ptrdiff_t)row * b->row;
    ck_right widened;
    if (!brain && b->storage == ck_half) {
        widened = (ck_right){wide, widen_span(b, a->depth, span, column, wide) * STRIP, STRIP, ck_float};
        b = &widened;
        right = wide;
    }
    float *to = c + (ptrdiff_t)first * c_row + column;
    ck_activation activation = end ? end->activation : ck_no_activation;
    if (valid % LANES == 0) {
        product_panel(brain, a, first, m, span, block, right, b, begin, column, valid, to, c_row);
        if (activation) finish_panel(to, c_row, m, valid, activation, to, c_row);
    } else {
        begin_buffer(begin, first, m, column, valid, to, c_row, buffer);
        product_panel(brain, a, first, m, span, block, right, b, 0, 0, whole(valid), buffer, PANEL);
        finish_panel(buffer, PANEL, m, valid, activation, to, c_row);
    }
}

INLINE void multiply_panels(
    const bool brain, const ck_left *a, const ck_right *b, const ck_epilogue *e, float *c, ptrdiff_t c_row, size_t m,
    size_t columns) {
    float buffer[ROWS_AT_ONCE * PANEL] __attribute__((aligned(64)));
    float wide[brain ? 1 : DEPTH_AT_ONCE * PANEL] __attribute__((aligned(64)));
    BrainBlock block;
    // Short pieces pass together, long ones in parts of equal length. An odd piece of bfloat16 is as long as an even one.
    size_t length = brain ? 2 * strip_rows(a->depth, true) : a->depth;
    size_t together = length < DEPTH_AT_ONCE ? smaller(a->pieces, DEPTH_AT_ONCE / larger(1, length)) : 1;
    size_t parts = (a->depth + DEPTH_AT_ONCE - 1) / DEPTH_AT_ONCE;
    size_t part = parts ? ((a->depth + parts - 1) / parts + 1) / 2 * 2 : 1;
    for (size_t i = 0; i < m; i += ROWS_AT_ONCE) {
        size_t height = smaller(ROWS_AT_ONCE, m - i);
        for (size_t p = 0; p < a->pieces; p += together)
            for (size_t from = 0; from == 0 || from < a->depth; from += part) {
                Span span = {p, smaller(a->pieces, p + together), from, smaller(a->depth, from + part)};
                bool is_first = p == 0 && from == 0, is_last = span.last_piece == a->pieces && span.to == a->depth;
                if (brain) round_rows(a, i, height, span, &block);
                for (size_t j = 0; j < columns; j += PANEL)
                    multiply_span(
                        brain, a, b, i, height, span, &block, is_first ? e : 0, is_last ? e : 0, j,
                        smaller(PANEL, columns - j), c, c_row, buffer, wide);
            }
    }
}

// c [m, columns / 2] = value · gelu(gate), the columns being values, then gates, each half whole panels. Sums of parts
// would have no place, so the whole inner axis passes at once.
INLINE void multiply_gated(
    const bool brain, const ck_left *a, const ck_right *b, const ck_epilogue *e, float *c, ptrdiff_t c_row, size_t m,
    size_t columns) {
    float both[2][ROWS_AT_ONCE * PANEL] __attribute__((aligned(64)));
    float wide[brain ? 1 : DEPTH_AT_ONCE * PANEL] __attribute__((aligned(64)));
    BrainBlock block;
    size_t rows = ROWS_AT_ONCE * DEPTH_AT_ONCE / larger(1, 2 * a->depth) / TILE_HEIGHT * TILE_HEIGHT;
    rows = larger(TILE_HEIGHT, smaller(ROWS_AT_ONCE, rows));
    Span span = {0, 1, 0, a->depth};
    for (size_t i = 0; i < m; i += rows) {
        size_t height = smaller(rows, m - i);
        if (brain) round_rows(a, i, height, span, &block);
        for (size_t j = 0; j < columns / 2; j += PANEL) {
            for (size_t half = 0; half < 2; half++) {
                size_t column = half * columns / 2 + j;
                begin_buffer(e, i, height, column, PANEL, 0, 0, both[half]);
                if (brain || b->storage != ck_half) {
                    product_panel(
                        brain, a, i, height, span, &block, b->panels + column / STRIP * b->strip_stride, b, 0, 0, PANEL,
                        both[half], PANEL);
                    continue;
                }
                for (size_t from = 0; from < a->depth; from += DEPTH_AT_ONCE) {
                    Span part = {0, 1, from, smaller(a->depth, from + DEPTH_AT_ONCE)};
                    ck_right right = {wide, widen_span(b, a->depth, part, column, wide) * STRIP, STRIP, ck_float};
                    product_panel(false, a, i, height, part, &block, wide, &right, 0, 0, PANEL, both[half], PANEL);
                }
            }
            for (size_t r = 0; r < height; r++)
                for (size_t v = 0; v < PANEL; v += LANES) {
                    vf gate = load(both[1] + r * PANEL + v);
                    store(c + (ptrdiff_t)(i + r) * c_row + j + v, load(both[0] + r * PANEL + v) * gelu_v(gate));
                }
        }
    }
}

static void k_product(ck_left a, ck_right b, ck_epilogue e, float *c, ptrdiff_t c_row, size_t m, size_t columns) {
    bool gated = e.activation == ck_geglu_activation;
    const bool brain = b.storage == ck_brain;
    if (gated && brain) multiply_gated(true, &a, &b, &e, c, c_row, m, columns);
    else if (gated) multiply_gated(false, &a, &b, &e, c, c_row, m, columns);
    else if (brain) multiply_panels(true, &a, &b, &e, c, c_row, m, columns);
    else multiply_panels(false, &a, &b, &e, c, c_row, m, columns);
}

// MARK: the ceiling

// As many independent sums as fill the registers, multiplied and added to; gives the operations that it did.
static size_t k_spin(size_t rounds, float *sink) {
    vf sums[TILE_HEIGHT][TILE_WIDTH], x = splat(sink[0]), y = splat(sink[1]);
#pragma clang loop unroll(full)
    for (int r = 0; r < TILE_HEIGHT; r++)
#pragma clang loop unroll(full)
        for (int v = 0; v < TILE_WIDTH; v++) sums[r][v] = splat((float)(r + v));
    for (size_t i = 0; i < rounds; i++)
#pragma clang loop unroll(full)
        for (int r = 0; r < TILE_HEIGHT; r++)
#pragma clang loop unroll(full)
            for (int v = 0; v < TILE_WIDTH; v++) sums[r][v] = x * sums[r][v] + y;
    vf total = splat(0);
    for (int r = 0; r < TILE_HEIGHT; r++)
        for (int v = 0; v < TILE_WIDTH; v++) total += sums[r][v];
    sink[2] = sum_lanes(total);
    return 2 * LANES * TILE_HEIGHT * TILE_WIDTH * rounds;
}

#endif

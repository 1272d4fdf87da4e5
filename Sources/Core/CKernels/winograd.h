// Convolutions by Winograd's minimal filtering: four outputs of a 3-tap window from six products instead of twelve.
//
// F(4 × 4, 3 × 3) over pictures and F(4, 3) in time, step 1. The polynomials behind it are evaluated at 0, ±NEAR, ±FAR
// and infinity. A block of tiles goes all the way at once: its windows to points, a product per point, back to
// positions. The sum over the input channels runs in one order whatever the block, so bits do not depend on it.

#include "products.h"
#include "tiles.h"

#pragma clang fp contract(fast)

// MARK: constants

// These have half the error of 1 and 2, and squares and products that are exact.
#define NEAR 0.625f
#define FAR 1.5f

// Outputs of a tile along an axis, and its points (and inputs).
#define TILE_OUT 4
#define TILE_POINTS 6

// MARK: one axis

// Six inputs → six points.
INLINE void inputs_to_points(const vf *d, ptrdiff_t step, vf *to, ptrdiff_t to_step) {
    const float a2 = NEAR * NEAR, b2 = FAR * FAR;
    vf d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step], d5 = d[5 * step];
    to[0] = (d4 - (a2 + b2) * d2) + (a2 * b2) * d0;
    vf even = d4 - b2 * d2, odd = d3 - b2 * d1;
    to[to_step] = even + NEAR * odd;
    to[2 * to_step] = even - NEAR * odd;
    even = d4 - a2 * d2, odd = d3 - a2 * d1;
    to[3 * to_step] = even + FAR * odd;
    to[4 * to_step] = even - FAR * odd;
    to[5 * to_step] = (d5 - (a2 + b2) * d3) + (a2 * b2) * d1;
}

// Three taps → six points.
INLINE void taps_to_points(vf g0, vf g1, vf g2, vf *to, ptrdiff_t to_step) {
    const double a2 = (double)NEAR * NEAR, b2 = (double)FAR * FAR;
    const float origin = (float)(1 / (a2 * b2)), near = (float)(1 / (2 * a2 * (a2 - b2))),
                far = (float)(1 / (2 * b2 * (b2 - a2)));
    to[0] = g0 * origin;
    vf even = g0 + (NEAR * NEAR) * g2;
    to[to_step] = (even + NEAR * g1) * near;
    to[2 * to_step] = (even - NEAR * g1) * near;
    even = g0 + (FAR * FAR) * g2;
    to[3 * to_step] = (even + FAR * g1) * far;
    to[4 * to_step] = (even - FAR * g1) * far;
    to[5 * to_step] = g2;
}

// Six points → four outputs.
INLINE void points_to_outputs(const vf *m, ptrdiff_t step, vf *to, ptrdiff_t to_step) {
    const float a2 = NEAR * NEAR, b2 = FAR * FAR;
    vf near_even = m[step] + m[2 * step], near_odd = m[step] - m[2 * step];
    vf far_even = m[3 * step] + m[4 * step], far_odd = m[3 * step] - m[4 * step];
    to[0] = (m[0] + near_even) + far_even;
    to[to_step] = NEAR * near_odd + FAR * far_odd;
    to[2 * to_step] = a2 * near_even + b2 * far_even;
    to[3 * to_step] = ((NEAR * a2) * near_odd + (FAR * b2) * far_odd) + m[5 * step];
}

// MARK: shapes

typedef struct {
    bool square;                // 3 × 3, not 3 × 1
    size_t points, down, across; // of a tile; tiles of an image
    size_t row, plane, product_plane; // floats from a tile of a block to the next, from a point to the next
} WinogradShape;

INLINE WinogradShape winograd_shape(const ck_window *g, size_t tiles) {
    WinogradShape s;
    s.square = g->kernel_width == 3;
    s.points = s.square ? TILE_POINTS * TILE_POINTS : TILE_POINTS;
    s.down = (g->out_height + TILE_OUT - 1) / TILE_OUT;
    s.across = s.square ? (g->out_width + TILE_OUT - 1) / TILE_OUT : g->out_width;
    // An odd number of cache lines between the points, so that they do not fall on the same places of the cache.
    s.row = whole(g->channels) + LANES;
    s.plane = (tiles * s.row / LANES | 1) * LANES;
    s.product_plane = tiles * PANEL + LANES;
    return s;
}

INLINE size_t winograd_panels(size_t out) { return (out + PANEL - 1) / PANEL; }

// Whether there are products to save: steps of 1 and three taps, both ways or down.
static bool k_winograd_fits(const ck_window *g) {
    return g->kernel_height == 3 && (g->kernel_width == 3 || g->kernel_width == 1) && g->stride_height == 1
        && g->stride_width == 1 && (g->kernel_width == 3 || (g->left == 0 && g->out_width == g->width));
}

// A function of the shapes alone. The points of a block's inputs are 8 MB at most, but of 48 tiles where the weights,
// which every block reads, fill a third of the last cache; of 24 if not. Eight blocks if there is work for them.
static ck_winograd_plan k_winograd_plan(const ck_window *g, size_t images, size_t out) {
    WinogradShape s = winograd_shape(g, 0);
    size_t tiles = images * s.down * s.across, panels = winograd_panels(out);
    bool large = s.points * g->channels * out > (3 << 20);
    size_t least = s.square ? (large ? 48 : 24) : 96, most = s.square ? 96 : 240;
    size_t height = larger(least, smaller(most, (2 << 20) / (s.points * s.row) / 12 * 12));
    while (height > least && tiles < 8 * height) height -= 12;
    size_t down = larger(1, (tiles + height - 1) / height);
    height = ((tiles + down - 1) / down + 11) / 12 * 12;
    down = (tiles + height - 1) / larger(1, height);
    // Each group of panels transforms the inputs anew: 128 channels at least.
    size_t groups = down < 8 ? smaller((7 + larger(1, down)) / larger(1, down), larger(1, panels / 4)) : 1;
    size_t width = (panels + groups - 1) / groups;
    groups = (panels + width - 1) / width;
    s = winograd_shape(g, height);
    return (ck_winograd_plan){
        height, width, groups, down * groups, s.points * (s.plane + s.product_plane) + s.row + LANES};
}

// How many times as fast as a direct convolution, in multiplications: what the products, the transforms of inputs and
// outputs and, if they are not `kept`, of the weights come to, as measured. Worth it from about 1.1.
static float k_winograd_gain(const ck_window *g, size_t images, size_t out, bool kept) {
    if (!k_winograd_fits(g)) return 0;
    WinogradShape s = winograd_shape(g, 0);
    float ci = (float)g->channels, co = (float)whole(out), tiles = (float)(images * s.down * s.across);
    float direct = (float)(s.points == TILE_POINTS ? 3 : 9) * (float)(images * g->out_height * g->out_width);
    bool large = s.points * g->channels * out > (3 << 20);
    float points = (float)s.points, weights = points * (kept ? (large ? 8.0f : 0.0f) : (large ? 28.0f : 14.0f));
    float ends = s.square ? 450 / co + 1100 / ci : 45 / co + 150 / ci;
    return direct / (tiles * (1.15f * points + ends) + weights);
}

// MARK: weights

// Floats of the transformed weights.
static size_t k_winograd_weights_size(size_t in, size_t out, bool square) {
    return winograd_panels(out) * PANEL * in * (square ? TILE_POINTS * TILE_POINTS : TILE_POINTS);
}

// The taps of one input channel and 16 output channels → points, `to_step` floats apart.
INLINE void store_points(const bool square, const vf *taps, ptrdiff_t step, float *to, size_t to_step) {
    if (!square) {
        vf p[TILE_POINTS];
        taps_to_points(taps[0], taps[step], taps[2 * step], p, 1);
#pragma clang loop unroll(full)
        for (int i = 0; i < TILE_POINTS; i++) store(to + (size_t)i * to_step, p[i]);
        return;
    }
    vf half[TILE_POINTS][3];
#pragma clang loop unroll(full)
    for (int x = 0; x < 3; x++)
        taps_to_points(taps[x * step], taps[(3 + x) * step], taps[(6 + x) * step], &half[0][x], 3);
#pragma clang loop unroll(full)
    for (int i = 0; i < TILE_POINTS; i++) {
        vf p[TILE_POINTS];
        taps_to_points(half[i][0], half[i][1], half[i][2], p, 1);
#pragma clang loop unroll(full)
        for (int j = 0; j < TILE_POINTS; j++) store(to + (size_t)(i * TILE_POINTS + j) * to_step, p[j]);
    }
}

// Where the 16 channels of vector v of a panel lie within a point: columns of tiles one after another.
INLINE size_t vector_offset(size_t v, size_t in) {
    return v / TILE_WIDTH * TILE_WIDTH * in * LANES + v % TILE_WIDTH * LANES;
}

// The taps of 16 input channels from k on and 16 output channels from column on: [taps][in].
INLINE void load_taps(
    const ck_storage storage, const size_t taps, const float *packed, size_t in, size_t column, size_t k, vf (*to)[LANES]) {
    for (size_t tap = 0; tap < taps; tap++)
        load_rows(
            piece_at((float *)packed, taps, strip_rows(in, storage != ck_float), tap, column), k,
            smaller(LANES, in - k), storage,
            to[tap]);
}

INLINE void transform_weights(
    const ck_storage storage, const bool square, const float *packed, size_t in, size_t first, size_t last, float *u) {
    const size_t taps = square ? 9 : 3, points = square ? TILE_POINTS * TILE_POINTS : TILE_POINTS;
    const size_t point = in * PANEL, row = TILE_WIDTH * LANES;
    for (size_t panel = first; panel < last; panel++)
        for (size_t v = 0; v < PANEL / LANES; v++) {
            float *to = u + panel * points * point + vector_offset(v, in);
            for (size_t k = 0; k < in; k += LANES) {
                vf all[9][LANES];
                load_taps(storage, taps, packed, in, panel * PANEL + v * LANES, k, all);
                for (size_t i = 0; i < smaller(LANES, in - k); i++, to += row)
                    store_points(square, &all[0][i], LANES, to, point);
            }
        }
}

static void k_winograd_weights(
    const float *packed, ck_storage storage, size_t in, bool square, size_t first, size_t last, float *u) {
#define TRANSFORM(kind)                                                                                                \
    case kind:                                                                                                         \
        if (square) transform_weights(kind, true, packed, in, first, last, u);                                         \
        else transform_weights(kind, false, packed, in, first, last, u);                                               \
        break;
    switch (storage) {
        TRANSFORM(ck_float)
        TRANSFORM(ck_brain)
        TRANSFORM(ck_half)
    }
#undef TRANSFORM
}

// MARK: blocks

// Where a tile begins.
typedef struct {
    size_t image, y, x;
} TilePlace;

INLINE TilePlace tile_place(const WinogradShape *s, size_t tile) {
    size_t in_image = tile % (s->down * s->across);
    return (TilePlace){
        tile / (s->down * s->across), in_image / s->across * TILE_OUT,
        in_image % s->across * (s->square ? TILE_OUT : 1)};
}

INLINE void transform_inputs(
    const bool square, const bool full, const float *const *from, size_t c, size_t n, float *to, size_t plane) {
    const int across = square ? TILE_POINTS : 1;
    vf half[TILE_POINTS][TILE_POINTS];
#pragma clang loop unroll(full)
    for (int x = 0; x < across; x++) {
        vf d[TILE_POINTS];
#pragma clang loop unroll(full)
        for (int y = 0; y < TILE_POINTS; y++) {
            const float *p = from[y * across + x] + c;
            d[y] = full ? load(p) : load_some(p, n);
        }
        inputs_to_points(d, 1, &half[0][x], TILE_POINTS);
    }
#pragma clang loop unroll(full)
    for (int y = 0; y < TILE_POINTS; y++) {
        vf p[TILE_POINTS];
        if (square) inputs_to_points(half[y], 1, p, 1);
        else p[0] = half[y][0];
#pragma clang loop unroll(full)
        for (int x = 0; x < across; x++) store(to + (size_t)(y * across + x) * plane + c, p[x]);
    }
}

INLINE void block_inputs(
    const bool square, const float *x, const ck_window *g, const WinogradShape *s, size_t first, size_t tiles,
    const float *zeros, float *v) {
    const int across = square ? TILE_POINTS : 1;
    size_t c = g->channels;
    for (size_t t = 0; t < tiles; t++, v += s->row) {
        TilePlace place = tile_place(s, first + t);
        const float *image = x + place.image * g->height * g->width * c, *from[TILE_POINTS * TILE_POINTS];
        for (int i = 0; i < TILE_POINTS; i++)
            for (int j = 0; j < across; j++) {
                ptrdiff_t iy = (ptrdiff_t)place.y - g->top + i, ix = (ptrdiff_t)place.x - g->left + j;
                bool inside = iy >= 0 && iy < (ptrdiff_t)g->height && ix >= 0 && ix < (ptrdiff_t)g->width;
                from[i * across + j] = inside ? image + ((size_t)iy * g->width + (size_t)ix) * c : zeros;
            }
        size_t k = 0;
        for (; k + LANES <= c; k += LANES) transform_inputs(square, true, from, k, LANES, v, s->plane);
        if (k < c) transform_inputs(square, false, from, k, c - k, v, s->plane);
    }
}

// A product per point: m [tiles, columns of the panel] = v [tiles, in] · u [in, columns of the panel].
INLINE void block_products(
    const WinogradShape *s, size_t tiles, size_t in, size_t vectors, const float *v, const float *u, float *m) {
    const ptrdiff_t u_row = TILE_WIDTH * LANES;
    for (size_t point = 0; point < s->points; point++, v += s->plane, u += in * PANEL, m += s->product_plane)
        for (size_t j = 0; j < vectors; j += TILE_WIDTH) {
            Matrix a = {v, (ptrdiff_t)s->row, 1};
            const float *b = u + vector_offset(j, in);
            float *c = m + j * LANES;
            if (vectors - j < TILE_WIDTH) column_of_tiles(1, zero, tiles, in, a, b, u_row, c, PANEL);
            else column_of_tiles(TILE_WIDTH, zero, tiles, in, a, b, u_row, c, PANEL);
        }
}

INLINE void transform_outputs(const bool square, const float *m, size_t plane, vf *out) {
    const int across = square ? TILE_POINTS : 1;
    vf half[TILE_OUT][TILE_POINTS];
#pragma clang loop unroll(full)
    for (int x = 0; x < across; x++) {
        vf p[TILE_POINTS];
#pragma clang loop unroll(full)
        for (int y = 0; y < TILE_POINTS; y++) p[y] = load(m + (size_t)(y * across + x) * plane);
        points_to_outputs(p, 1, &half[0][x], TILE_POINTS);
    }
#pragma clang loop unroll(full)
    for (int y = 0; y < TILE_OUT; y++)
        if (square) points_to_outputs(half[y], 1, out + y * TILE_OUT, 1);
        else out[y * TILE_OUT] = half[y][0];
}

INLINE void block_outputs(
    const bool square, const ck_window *g, const WinogradShape *s, size_t first, size_t tiles, size_t out,
    size_t column, const float *m, const ck_epilogue *e, float *y) {
    size_t columns = smaller(PANEL, out - column);
    // Rows that whole images share are the same for all of a tile.
    bool shared = e->add && e->sharing % (g->out_height * g->out_width) == 0;
    for (size_t t = 0; t < tiles; t++, m += PANEL) {
        TilePlace place = tile_place(s, first + t);
        size_t down = smaller(TILE_OUT, g->out_height - place.y);
        size_t across = square ? smaller(TILE_OUT, g->out_width - place.x) : 1;
        size_t position = (place.image * g->out_height + place.y) * g->out_width + place.x;
        for (size_t j = 0; j < columns; j += LANES) {
            size_t n = columns - j, c = column + j;
            vf o[TILE_OUT * TILE_OUT], shift = splat(0);
            transform_outputs(square, m + j, s->product_plane, o);
            if (e->bias) shift = load_up_to(e->bias + c, n);
            if (shared) shift += load_up_to(addend(e, position) + c, n);
            for (size_t i = 0; i < down; i++)
                for (size_t l = 0; l < across; l++) {
                    size_t at = position + i * g->out_width + l;
                    vf value = o[i * TILE_OUT + l] + shift;
                    if (e->add && !shared) value += load_up_to(addend(e, at) + c, n);
                    store_up_to(y + at * out + c, value, n);
                }
        }
    }
}

INLINE void winograd_block(
    const bool square, const float *x, const ck_window *g, const float *u, size_t out, const ck_epilogue *e,
    float *y, size_t first, size_t tiles, size_t first_panel, size_t panels, float *scratch) {
    WinogradShape s = winograd_shape(g, tiles);
    float *v = (float *)(((uintptr_t)scratch + 63) / 64 * 64), *m = v + s.points * s.plane;
    float *zeros = m + s.points * s.product_plane;
    for (size_t i = 0; i < s.row; i += LANES) store(zeros + i, splat(0));
    block_inputs(square, x, g, &s, first, tiles, zeros, v);
    for (size_t panel = first_panel; panel < first_panel + panels; panel++) {
        size_t column = panel * PANEL;
        size_t vectors = whole(smaller(PANEL, out - column)) / LANES;
        block_products(
            &s, tiles, g->channels, vectors, v, u + panel * s.points * g->channels * PANEL, m);
        block_outputs(square, g, &s, first, tiles, out, column, m, e, y);
    }
}

static void k_winograd(
    const float *x, const ck_window *g, size_t images, const float *u, size_t out, ck_epilogue e,
    float *y, ck_winograd_plan plan, size_t index, float *scratch) {
    WinogradShape s = winograd_shape(g, 0);
    size_t first = index / plan.groups * plan.tiles, panel = index % plan.groups * plan.panels;
    size_t tiles = smaller(plan.tiles, images * s.down * s.across - first);
    size_t panels = smaller(plan.panels, winograd_panels(out) - panel);
    if (s.square) winograd_block(true, x, g, u, out, &e, y, first, tiles, panel, panels, scratch);
    else winograd_block(false, x, g, u, out, &e, y, first, tiles, panel, panels, scratch);
}

#include "CKernels.h"
#include "vectors.h"

// The part of a window that lies inside the image: kernel columns `from ..< to`.
INLINE void columns_inside(const ck_window *g, ptrdiff_t x0, size_t *from, size_t *to) {
    *from = x0 < 0 ? (size_t)-x0 : 0;
    ptrdiff_t room = (ptrdiff_t)g->width - x0;
    *to = room < 0 ? 0 : (size_t)room < g->kernel_width ? (size_t)room : g->kernel_width;
    if (*from > g->kernel_width) *from = g->kernel_width;
    if (*to < *from) *to = *from;
}

INLINE void copy(float *to, const float *from, size_t n) {
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) store(to + i, load(from + i));
    if (i < n) store_some(to + i, load_some(from + i, n - i), n - i);
}

INLINE void clear(float *to, size_t n) {
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) store(to + i, splat(0));
    if (i < n) store_some(to + i, splat(0), n - i);
}

static void k_gather_windows(const float *x, const ck_window *g, size_t first, size_t rows, float *out) {
    size_t c = g->channels, span = g->kernel_width * c;
    size_t ox = first % g->out_width, oy = first / g->out_width % g->out_height;
    const float *image = x + first / (g->out_width * g->out_height) * g->height * g->width * c;
    for (size_t r = 0; r < rows; r++) {
        ptrdiff_t x0 = (ptrdiff_t)(ox * g->stride_width) - g->left, y0 = (ptrdiff_t)(oy * g->stride_height) - g->top;
        size_t from, to;
        columns_inside(g, x0, &from, &to);
        for (size_t ky = 0; ky < g->kernel_height; ky++, out += span) {
            ptrdiff_t iy = y0 + (ptrdiff_t)ky;
            if (iy < 0 || iy >= (ptrdiff_t)g->height) {
                clear(out, span);
                continue;
            }
            const float *row = image + (iy * (ptrdiff_t)g->width + x0) * (ptrdiff_t)c;
            if (from) clear(out, from * c);
            copy(out + from * c, row + from * c, (to - from) * c);
            if (to < g->kernel_width) clear(out + to * c, (g->kernel_width - to) * c);
        }
        if (++ox < g->out_width) continue;
        ox = 0;
        if (++oy < g->out_height) continue;
        oy = 0;
        image += g->height * g->width * c;
    }
}

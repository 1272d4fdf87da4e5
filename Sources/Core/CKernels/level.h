// All kernels for one level of processor, and their table. Includes nothing that was not included before it, so that the
// level's target applies to our functions alone.
//
// A level defines LEVEL (the name of its table), NAME (as people force it), TILE_HEIGHT and TILE_WIDTH (the tile of sums
// that fills its registers), and BRAIN_DOT if it multiplies bfloat16 itself.

#include "attention.h"
#include "elementwise.h"
#include "normalisation.h"
#include "products.h"
#include "rows.h"
#include "short_attention.h"
#include "windows.h"
#include "winograd.h"

const ck_kernels LEVEL = {
    .name = NAME,
    .fills_registers = TILE_HEIGHT > 2,
    .strip = STRIP,
    .add = k_add,
    .subtract = k_subtract,
    .multiply = k_multiply,
    .scale = k_scale,
    .axpy = k_axpy,
    .exponential = k_exponential,
    .silu = k_silu,
    .silu_backward = k_silu_backward,
    .gelu = k_gelu,
    .gelu_backward = k_gelu_backward,
    .quick_gelu = k_quick_gelu,
    .quick_gelu_backward = k_quick_gelu_backward,
    .geglu = k_geglu,
    .geglu_backward = k_geglu_backward,
    .add_row = k_add_row,
    .column_sums = k_column_sums,
    .column_moments = k_column_moments,
    .sum = k_sum,
    .dot = k_dot,
    .normalise = k_normalise,
    .normalise_backward = k_normalise_backward,
    .normalise_backward_apply = k_normalise_backward_apply,
    .layer_norm = k_layer_norm,
    .layer_norm_backward = k_layer_norm_backward,
    .pack_panels = k_pack_panels,
    .turn_panels = k_turn_panels,
    .unpack_panels = k_unpack_panels,
    .product = k_product,
    .spin = k_spin,
    .attention_scratch = k_attention_scratch,
    .attention = k_attention,
    .attention_backward_scratch = k_attention_backward_scratch,
    .attention_backward_begin = k_attention_backward_begin,
    .attention_backward_queries = k_attention_backward_queries,
    .attention_backward_end = k_attention_backward_end,
    .short_attention_fits = k_short_attention_fits,
    .short_attention = k_short_attention,
    .short_attention_backward = k_short_attention_backward,
    .gather_windows = k_gather_windows,
    .winograd_gain = k_winograd_gain,
    .winograd_weights_size = k_winograd_weights_size,
    .winograd_weights = k_winograd_weights,
    .winograd_plan = k_winograd_plan,
    .winograd = k_winograd,
};

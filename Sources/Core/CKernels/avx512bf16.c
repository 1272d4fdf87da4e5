// AVX-512 with products of bfloat16 pairs.

#include "levels.h"

#ifdef __x86_64__
#include <float.h>
#include <immintrin.h>
#include <math.h>

#include "CKernels.h"

#define LEVEL ck_avx512bf16
#define NAME "avx512bf16"
#define TILE_HEIGHT 12
#define TILE_WIDTH 2
#define BRAIN_DOT
#pragma clang attribute push(__attribute__((target("arch=x86-64-v4,avx512bf16"))), apply_to = function)
#include "level.h"
#pragma clang attribute pop
#endif

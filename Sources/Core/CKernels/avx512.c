// AVX-512: 32 registers of 16 floats, 24 of them sums.

#include "levels.h"

#ifdef __x86_64__
#include <float.h>
#include <math.h>

#include "CKernels.h"

#define LEVEL ck_avx512
#define NAME "avx512"
#define TILE_HEIGHT 12
#define TILE_WIDTH 2
#pragma clang attribute push(__attribute__((target("arch=x86-64-v4"))), apply_to = function)
#include "level.h"
#pragma clang attribute pop
#endif

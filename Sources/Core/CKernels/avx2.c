// AVX2 and FMA: 16 registers of 8 floats, 12 of them sums.

#include "levels.h"

#ifdef __x86_64__
#include <float.h>
#include <math.h>

#include "CKernels.h"

#define LEVEL ck_avx2
#define NAME "avx2"
#define TILE_HEIGHT 6
#define TILE_WIDTH 1
#pragma clang attribute push(__attribute__((target("arch=x86-64-v3"))), apply_to = function)
#include "level.h"
#pragma clang attribute pop
#endif

// The tables, one for each level of processor. To add a processor: a file like avx2.c, a line here, a line in dispatch.c.

#ifndef LEVELS_H
#define LEVELS_H

#include "CKernels.h"

extern const ck_kernels ck_portable, ck_avx2, ck_avx512, ck_avx512bf16;

#endif

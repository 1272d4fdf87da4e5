#include <string.h>

#include "CKernels.h"
#include "levels.h"

// From the plainest to the fastest.
const ck_kernels *ck_available_kernels(size_t index) {
    const ck_kernels *levels[5] = {&ck_portable};
    size_t count = 1;
#ifdef __x86_64__
    __builtin_cpu_init();
    if (__builtin_cpu_supports("x86-64-v3")) levels[count++] = &ck_avx2;
    if (__builtin_cpu_supports("x86-64-v4")) {
        levels[count++] = &ck_avx512;
        if (__builtin_cpu_supports("avx512bf16")) levels[count++] = &ck_avx512bf16;
    }
#endif
    return index < count ? levels[index] : 0;
}

void ck_pause(void) {
#ifdef __x86_64__
    __builtin_ia32_pause();
#endif
}

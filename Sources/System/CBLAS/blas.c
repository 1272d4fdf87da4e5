// OpenBLAS, loaded when the first product is computed: `motrans status` should not pay for it.

#include "CBLAS.h"

#include "../lazy.h"

#include <pthread.h>

#define SONAME "libopenblas.so.0"

// As it is loaded OpenBLAS starts a thread per core, which spins for some 40 ms and then waits for work that never comes: the
// products are cut into pieces outside of it. Only its environment tells it not to, and programs that are started must not
// inherit that. The one change of the environment in this process: the list that others may be reading is not freed.
static void load(void) {
    static const char threads[] = "OPENBLAS_NUM_THREADS";
    if (getenv(threads)) return;
    setenv(threads, "1", 1);
    dlopen(SONAME, RTLD_NOW | RTLD_LOCAL);
    unsetenv(threads);
}

static void *find(const char *soname, const char *name) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    return lazy_find(soname, name);
}

#define BLAS(type, name, parameters, arguments) LAZY(find, SONAME, type, name, parameters, arguments)

BLAS(char *, openblas_get_config, (void), ())
BLAS(char *, openblas_get_corename, (void), ())
BLAS(void, openblas_set_num_threads, (int count), (count))
BLAS(void, cblas_sgemm,
     (OPENBLAS_CONST enum CBLAS_ORDER order, OPENBLAS_CONST enum CBLAS_TRANSPOSE transA,
      OPENBLAS_CONST enum CBLAS_TRANSPOSE transB, OPENBLAS_CONST blasint m, OPENBLAS_CONST blasint n,
      OPENBLAS_CONST blasint k, OPENBLAS_CONST float alpha, OPENBLAS_CONST float *a, OPENBLAS_CONST blasint lda,
      OPENBLAS_CONST float *b, OPENBLAS_CONST blasint ldb, OPENBLAS_CONST float beta, float *c,
      OPENBLAS_CONST blasint ldc),
     (order, transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc))

// OpenBLAS, loaded when the first product is computed: as it is loaded it starts threads that spin for some 40 ms, which
// `motrans status` should not pay for.

#include "CBLAS.h"

#include "../lazy.h"

#define BLAS(type, name, parameters, arguments) LAZY("libopenblas.so.0", type, name, parameters, arguments)

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

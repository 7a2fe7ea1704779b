#include <cblas.h>

// LAPACK's eigenvalues of a symmetric matrix, part of OpenBLAS but of none of its headers.
void dsyev_(
    const char *jobz, const char *uplo, const int *n, double *a, const int *lda, double *w,
    double *work, const int *lwork, int *info);

#include <cblas.h>

// LAPACK's eigenvalues of a symmetric matrix, part of OpenBLAS but of none of its headers.
void dsyev_(
    const char *jobz, const char *uplo, const int *n, double *a, const int *lda, double *w,
    double *work, const int *lwork, int *info);

// The same for some of the eigenvalues, with their eigenvectors.
void dsyevr_(
    const char *jobz, const char *range, const char *uplo, const int *n, double *a, const int *lda,
    const double *vl, const double *vu, const int *il, const int *iu, const double *abstol, int *m,
    double *w, double *z, const int *ldz, int *isuppz, double *work, const int *lwork, int *iwork,
    const int *liwork, int *info);

// LAPACK's QR factorization by Householder reflections, and the Q of it.
void dgeqrf_(
    const int *m, const int *n, double *a, const int *lda, double *tau, double *work,
    const int *lwork, int *info);
void dorgqr_(
    const int *m, const int *n, const int *k, double *a, const int *lda, const double *tau,
    double *work, const int *lwork, int *info);

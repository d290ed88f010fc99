#include <cblas.h>

// LAPACK's eigenvalues and eigenvectors of a symmetric matrix, which OpenBLAS holds without a header of its own.
void dsyev_(const char *job, const char *triangle, const int *order, double *matrix, const int *leading, double *eigenvalues, double *work,
            const int *work_count, int *info);

#ifndef HPA_H5AD_H
#define HPA_H5AD_H

#include <stdint.h>

enum { HPA_H5AD_WRITTEN = 0, HPA_H5AD_NO_LIBRARY = 1, HPA_H5AD_FAILED = 2 };

// Writes an AnnData file: X (rows x columns), the names of rows and columns, and one text in uns. Opens the HDF5 library at the first call,
// so that programs which do not write such files do not pay for it. The texts are UTF-8.
int hpa_h5ad_write(
  const char *path, const float *values, uint64_t rows, uint64_t columns, const char *const *row_names, const char *const *column_names,
  const char *text_name, const char *text);

#endif

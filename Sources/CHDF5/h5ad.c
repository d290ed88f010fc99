// AnnData's on-disk format 0.1.0: https://anndata.readthedocs.io/en/latest/fileformat-prose.html
#include "include/hpa_h5ad.h"

#include <dlfcn.h>
#include <hdf5/serial/hdf5.h>
#include <stddef.h>

// H5F_ACC_TRUNC, whose macro calls the library.
static const unsigned truncate_file = 2;

// The functions that are used, found in the library when it is opened.
#define FUNCTIONS(each)                                                                                                                  \
  each(H5open) each(H5Eset_auto2) each(H5Fcreate) each(H5Fclose) each(H5Gcreate2) each(H5Gclose) each(H5Screate) each(H5Screate_simple)   \
  each(H5Sclose) each(H5Tcopy) each(H5Tset_size) each(H5Tset_cset) each(H5Tclose) each(H5Dcreate2) each(H5Dwrite) each(H5Dclose)          \
  each(H5Acreate2) each(H5Awrite) each(H5Aclose)

typedef struct {
#define MEMBER(name) __typeof__(&name) name;
  FUNCTIONS(MEMBER)
  hid_t text, little_float, native_float;
} library;

static int open_library(library *h5) {
  void *handle = dlopen("libhdf5_serial.so.103", RTLD_NOW | RTLD_LOCAL);
  if (handle == NULL) return 0;
#define FIND(name) \
  if ((h5->name = (__typeof__(&name))dlsym(handle, #name)) == NULL) return 0;
  FUNCTIONS(FIND)
  if (h5->H5open() < 0) return 0;
  hid_t *little = dlsym(handle, "H5T_IEEE_F32LE_g"), *native = dlsym(handle, "H5T_NATIVE_FLOAT_g"), *text = dlsym(handle, "H5T_C_S1_g");
  if (little == NULL || native == NULL || text == NULL) return 0;
  h5->H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  h5->little_float = *little;
  h5->native_float = *native;
  h5->text = h5->H5Tcopy(*text);
  return h5->text >= 0 && h5->H5Tset_size(h5->text, H5T_VARIABLE) >= 0 && h5->H5Tset_cset(h5->text, H5T_CSET_UTF8) >= 0;
}

static int attribute(library *h5, hid_t owner, const char *name, hid_t space, const void *values) {
  hid_t attribute = h5->H5Acreate2(owner, name, h5->text, space, H5P_DEFAULT, H5P_DEFAULT);
  int written = attribute >= 0 && (values == NULL || h5->H5Awrite(attribute, h5->text, values) >= 0);
  return attribute >= 0 && h5->H5Aclose(attribute) >= 0 && written;
}

static int text_attribute(library *h5, hid_t owner, const char *name, const char *value) {
  hid_t space = h5->H5Screate(H5S_SCALAR);
  int written = space >= 0 && attribute(h5, owner, name, space, &value);
  return space >= 0 && h5->H5Sclose(space) >= 0 && written;
}

static int encoding(library *h5, hid_t owner, const char *type, const char *version) {
  return text_attribute(h5, owner, "encoding-type", type) && text_attribute(h5, owner, "encoding-version", version);
}

// `rank` 0 is a scalar.
static int dataset(
  library *h5, hid_t group, const char *name, hid_t stored, hid_t memory, int rank, const hsize_t *extents, const void *values,
  const char *type, const char *version) {
  hid_t space = rank == 0 ? h5->H5Screate(H5S_SCALAR) : h5->H5Screate_simple(rank, extents, NULL);
  hid_t set = space < 0 ? -1 : h5->H5Dcreate2(group, name, stored, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  int written = set >= 0 && h5->H5Dwrite(set, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0 && encoding(h5, set, type, version);
  written = set >= 0 && h5->H5Dclose(set) >= 0 && written;
  return space >= 0 && h5->H5Sclose(space) >= 0 && written;
}

// A table that has names and no columns.
static int names(library *h5, hid_t file, const char *name, uint64_t count, const char *const *values) {
  hid_t group = h5->H5Gcreate2(file, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  if (group < 0) return 0;
  hsize_t none = 0, extent = count;
  hid_t empty = h5->H5Screate_simple(1, &none, NULL);
  int written = empty >= 0 && encoding(h5, group, "dataframe", "0.2.0") && text_attribute(h5, group, "_index", "_index") &&
                attribute(h5, group, "column-order", empty, NULL) &&
                dataset(h5, group, "_index", h5->text, h5->text, 1, &extent, values, "string-array", "0.2.0");
  written = empty >= 0 && h5->H5Sclose(empty) >= 0 && written;
  return h5->H5Gclose(group) >= 0 && written;
}

static int text(library *h5, hid_t file, const char *name, const char *value) {
  hid_t group = h5->H5Gcreate2(file, "uns", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  if (group < 0) return 0;
  int written = encoding(h5, group, "dict", "0.1.0") &&
                dataset(h5, group, name, h5->text, h5->text, 0, NULL, &value, "string", "0.2.0");
  return h5->H5Gclose(group) >= 0 && written;
}

int hpa_h5ad_write(
  const char *path, const float *values, uint64_t rows, uint64_t columns, const char *const *row_names, const char *const *column_names,
  const char *text_name, const char *text_value) {
  library h5;
  if (!open_library(&h5)) return HPA_H5AD_NO_LIBRARY;
  hid_t file = h5.H5Fcreate(path, truncate_file, H5P_DEFAULT, H5P_DEFAULT);
  if (file < 0) return HPA_H5AD_FAILED;
  hsize_t extents[2] = {rows, columns};
  int written = encoding(&h5, file, "anndata", "0.1.0") &&
                dataset(&h5, file, "X", h5.little_float, h5.native_float, 2, extents, values, "array", "0.2.0") &&
                names(&h5, file, "obs", rows, row_names) && names(&h5, file, "var", columns, column_names) &&
                text(&h5, file, text_name, text_value);
  written = h5.H5Fclose(file) >= 0 && written;
  h5.H5Tclose(h5.text);
  return written ? HPA_H5AD_WRITTEN : HPA_H5AD_FAILED;
}

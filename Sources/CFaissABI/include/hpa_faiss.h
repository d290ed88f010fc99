// The border between Swift and Faiss: one exported symbol, which returns a table of functions (as hpa_torch.h, and for the same reason:
// the library behind it brings an OpenMP runtime, which programs that build no index need not load).
//
// The law of every function that takes an error: it throws nothing; where it fails, it sets error->code and error->message, and what it
// returns is null. Rows are float32, one after the other. All but training runs on the calling thread.
#ifndef HPA_FAISS_H
#define HPA_FAISS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Raised with every change of the table.
#define HPA_FAISS_ABI_VERSION 1

enum {
  HPA_FAISS_OK = 0,
  HPA_FAISS_REFUSED = 1,  // Faiss refused a factory string, a parameter, rows or a file
  HPA_FAISS_NO_MEMORY = 2,
};

typedef struct HPAFaissIndex HPAFaissIndex;

typedef struct {
  int32_t code;
  char *message;  // from malloc; given back with free
} HPAFaissError;

typedef struct {
  uint32_t abi_version;
  uint32_t size;
  const char *faiss_version;

  // An empty index by inner product. `factory` is a Faiss factory string.
  HPAFaissIndex *(*make)(int64_t dimension, const char *factory, HPAFaissError *error);
  void (*free)(HPAFaissIndex *index);

  int64_t (*dimension)(const HPAFaissIndex *index);
  int64_t (*count)(const HPAFaissIndex *index);

  // The result does not depend on the number of threads: each of them finds the nearest centroids of its own rows.
  void (*train)(HPAFaissIndex *index, const float *rows, int64_t count, int32_t threads, HPAFaissError *error);
  void (*add)(HPAFaissIndex *index, const float *rows, int64_t count, HPAFaissError *error);

  // Search-time parameters as Faiss's AutoTune writes them: "efSearch=64", "nprobe=16,ht=64".
  void (*set)(HPAFaissIndex *index, const char *parameters, HPAFaissError *error);

  // The `neighbours` nearest rows of every query; -1 where the index found fewer.
  void (*search)(const HPAFaissIndex *index, const float *queries, int64_t count, int64_t neighbours, int64_t *rows, float *products, HPAFaissError *error);

  // Faiss's own file format, from the current place of an open file on.
  void (*write)(const HPAFaissIndex *index, int file, HPAFaissError *error);
  HPAFaissIndex *(*read)(int file, HPAFaissError *error);
} HPAFaissTable;

// The only symbol of the library.
__attribute__((visibility("default"))) const HPAFaissTable *hpa_faiss_table(void);

#ifdef __cplusplus
}
#endif
#endif

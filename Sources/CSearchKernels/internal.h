#ifndef HPA_SEARCH_INTERNAL_H
#define HPA_SEARCH_INTERNAL_H

#include "hpa_search.h"

extern const hpa_search_kernel hpa_search_kernel_avx512;
extern const hpa_search_kernel hpa_search_kernel_avx2;

// Adds a candidate; sieves, and settles what the sieve cannot, before they are too many.
void hpa_search_add(hpa_search_block *block, int32_t query, hpa_search_candidate candidate);

#endif

#include "internal.h"

const hpa_search_kernel *hpa_search_avx512(void) {
  __builtin_cpu_init();
  const bool is_supported = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                            __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
  return is_supported ? &hpa_search_kernel_avx512 : NULL;
}

const hpa_search_kernel *hpa_search_avx2(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? &hpa_search_kernel_avx2 : NULL;
}

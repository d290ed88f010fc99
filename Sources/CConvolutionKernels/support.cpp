#include "convolution.h"

namespace convolution {

bool is_supported(bool in_bfloat16) {
  const bool has_avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                          __builtin_cpu_supports("avx512vl");
  // Where the processor multiplies tiles (AMX), oneDNN's kernels are several times as fast in bfloat16.
  return has_avx512 && (!in_bfloat16 || (__builtin_cpu_supports("avx512bf16") && !__builtin_cpu_supports("amx-bf16")));
}

}  // namespace convolution

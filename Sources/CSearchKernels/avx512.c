#include <immintrin.h>

#include "targets.h"

#pragma STDC FP_CONTRACT OFF
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma"))), apply_to = function)

static const float greatest_code = 127;

// 32 rows in two registers, twelve queries at most: 24 sums stay in registers.
__attribute__((always_inline)) static inline bool score_quartets(
    const hpa_search_gallery *gallery, size_t tile, const int8_t *codes, const targets *targets, const size_t *quartets, size_t count,
    passed *passed) {
  const size_t queries = count * HPA_SEARCH_QUARTET, words = gallery->words;
  __m512i sums[quartets_together * HPA_SEARCH_QUARTET][2];
  const int8_t *query_words[quartets_together];
#pragma unroll
  for (size_t index = 0; index < queries; index++) {
    const size_t place = quartets[index / HPA_SEARCH_QUARTET] * HPA_SEARCH_QUARTET + index % HPA_SEARCH_QUARTET;
    sums[index][0] = sums[index][1] = _mm512_set1_epi32(targets->corrections[place]);
  }
#pragma unroll
  for (size_t index = 0; index < count; index++) query_words[index] = codes + quartets[index] * words * HPA_SEARCH_QUARTET * 4;
  const uint8_t *rows = gallery->codes + tile * words * HPA_SEARCH_TILE * 4;
  for (size_t word = 0; word < words; word++, rows += HPA_SEARCH_TILE * 4) {
    const __m512i low = _mm512_load_si512(rows), high = _mm512_load_si512(rows + 64);
#pragma unroll
    for (size_t index = 0; index < queries; index++) {
      int32_t code;
      __builtin_memcpy(&code, query_words[index / HPA_SEARCH_QUARTET] + (word * HPA_SEARCH_QUARTET + index % HPA_SEARCH_QUARTET) * 4, 4);
      const __m512i query = _mm512_set1_epi32(code);
      sums[index][0] = _mm512_dpbusd_epi32(sums[index][0], low, query);
      sums[index][1] = _mm512_dpbusd_epi32(sums[index][1], high, query);
    }
  }
  const float *scales = gallery->scales + tile * HPA_SEARCH_TILE, *shifts = gallery->shifts + tile * HPA_SEARCH_TILE;
  bool has_passed = false;
#pragma unroll
  for (size_t index = 0; index < queries; index++) {
    const size_t place = quartets[index / HPA_SEARCH_QUARTET] * HPA_SEARCH_QUARTET + index % HPA_SEARCH_QUARTET;
    const __m512 scale = _mm512_set1_ps(targets->scales[place]), lowest = _mm512_set1_ps(targets->lowest[place]);
    __m512 scores[2];
    __mmask16 masks[2];
#pragma unroll
    for (size_t half = 0; half < 2; half++) {
      const __m512 product = _mm512_mul_ps(_mm512_cvtepi32_ps(sums[index][half]), _mm512_loadu_ps(scales + half * 16));
      scores[half] = _mm512_fmadd_ps(product, scale, _mm512_loadu_ps(shifts + half * 16));
      masks[half] = _mm512_cmp_ps_mask(scores[half], lowest, _CMP_GE_OQ);
    }
    passed->masks[index] = (uint32_t)masks[0] | (uint32_t)masks[1] << 16;
    if (__builtin_expect(passed->masks[index] != 0, false)) {
      has_passed = true;
      _mm512_store_ps(passed->scores[index], scores[0]);
      _mm512_store_ps(passed->scores[index] + 16, scores[1]);
    }
  }
  return has_passed;
}

static bool score_tile(
    const hpa_search_gallery *gallery, size_t tile, const int8_t *codes, const targets *targets, const size_t *quartets, size_t count,
    passed *passed) {
  switch (count) {
    case 1: return score_quartets(gallery, tile, codes, targets, quartets, 1, passed);
    case 2: return score_quartets(gallery, tile, codes, targets, quartets, 2, passed);
    default: return score_quartets(gallery, tile, codes, targets, quartets, 3, passed);
  }
}

#include "kernel.h"

#pragma clang attribute pop

const hpa_search_kernel hpa_search_kernel_avx512 = {.encode = encode, .aim = aim, .scan = scan, .score = score};

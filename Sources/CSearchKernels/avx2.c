#include <immintrin.h>

#include "targets.h"

#pragma STDC FP_CONTRACT OFF
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

// The sum of two products of a row's and a query's code must not exceed 16 bits: 2 * 255 * 64 does not.
static const float greatest_code = 64;

// 16 rows in two registers, four queries.
static bool score_quartet(
    const hpa_search_gallery *gallery, size_t tile, size_t half, const int8_t *codes, const targets *targets, size_t quartet,
    uint32_t *masks, float (*all_scores)[HPA_SEARCH_TILE]) {
  const size_t words = gallery->words, place = quartet * HPA_SEARCH_QUARTET;
  const __m256i ones = _mm256_set1_epi16(1);
  __m256i sums[HPA_SEARCH_QUARTET][2];
#pragma unroll
  for (size_t index = 0; index < HPA_SEARCH_QUARTET; index++) {
    sums[index][0] = sums[index][1] = _mm256_set1_epi32(targets->corrections[place + index]);
  }
  const int8_t *query_words = codes + place * words * 4;
  const uint8_t *rows = gallery->codes + tile * words * HPA_SEARCH_TILE * 4 + half * 64;
  for (size_t word = 0; word < words; word++, rows += HPA_SEARCH_TILE * 4, query_words += HPA_SEARCH_QUARTET * 4) {
    const __m256i low = _mm256_load_si256((const __m256i *)rows), high = _mm256_load_si256((const __m256i *)(rows + 32));
#pragma unroll
    for (size_t index = 0; index < HPA_SEARCH_QUARTET; index++) {
      int32_t code;
      __builtin_memcpy(&code, query_words + index * 4, 4);
      const __m256i query = _mm256_set1_epi32(code);
      sums[index][0] = _mm256_add_epi32(sums[index][0], _mm256_madd_epi16(_mm256_maddubs_epi16(low, query), ones));
      sums[index][1] = _mm256_add_epi32(sums[index][1], _mm256_madd_epi16(_mm256_maddubs_epi16(high, query), ones));
    }
  }
  const size_t start = tile * HPA_SEARCH_TILE + half * 16;
  uint32_t has_passed = 0;
#pragma unroll
  for (size_t index = 0; index < HPA_SEARCH_QUARTET; index++) {
    const __m256 scale = _mm256_set1_ps(targets->scales[place + index]), lowest = _mm256_set1_ps(targets->lowest[place + index]);
#pragma unroll
    for (size_t part = 0; part < 2; part++) {
      const __m256 product = _mm256_mul_ps(_mm256_cvtepi32_ps(sums[index][part]), _mm256_loadu_ps(gallery->scales + start + part * 8));
      const __m256 scores = _mm256_fmadd_ps(product, scale, _mm256_loadu_ps(gallery->shifts + start + part * 8));
      const uint32_t mask = (uint32_t)_mm256_movemask_ps(_mm256_cmp_ps(scores, lowest, _CMP_GE_OQ));
      _mm256_store_ps(all_scores[index] + half * 16 + part * 8, scores);
      masks[index] |= mask << (half * 16 + part * 8);
      has_passed |= mask;
    }
  }
  return has_passed != 0;
}

static bool score_tile(
    const hpa_search_gallery *gallery, size_t tile, const int8_t *codes, const targets *targets, const size_t *quartets, size_t count,
    passed *passed) {
  bool has_passed = false;
  for (size_t index = 0; index < count; index++) {
    uint32_t *masks = passed->masks + index * HPA_SEARCH_QUARTET;
    for (size_t query = 0; query < HPA_SEARCH_QUARTET; query++) masks[query] = 0;
    for (size_t half = 0; half < 2; half++) {
      has_passed |=
          score_quartet(gallery, tile, half, codes, targets, quartets[index], masks, passed->scores + index * HPA_SEARCH_QUARTET);
    }
  }
  return has_passed;
}

#include "kernel.h"

#pragma clang attribute pop

const hpa_search_kernel hpa_search_kernel_avx2 = {.encode = encode, .aim = aim, .scan = scan, .score = score};

// The inner kernel of every convolution: a tile of output pixels times a block of output channels, held in registers over the whole sum.
//
// Fourteen pixels by two vectors of sixteen channels take 28 registers; each step loads two vectors of weights and multiplies them by one
// number (or, in bfloat16, by a pair) of every pixel.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <type_traits>
#include <utility>

#define HPA_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")))
#define HPA_AVX512_INLINE __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16"), always_inline)) inline

namespace convolution {

// Bits of a bfloat16.
using BFloat16 = uint16_t;

// Channels of a vector, of a block of weights, and pixels of a tile.
constexpr int lanes = 16;
constexpr int block = 2 * lanes;
constexpr int tile_pixels = 14;

// A step of the sum takes one float32 or two bfloat16 of every pixel: four bytes.
template <class Element>
constexpr int64_t step = 4 / int64_t(sizeof(Element));

HPA_AVX512_INLINE __m512 load(const float *values, __mmask16 mask = 0xffff) { return _mm512_maskz_loadu_ps(mask, values); }
HPA_AVX512_INLINE __m512 load(const BFloat16 *values, __mmask16 mask = 0xffff) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, values)), 16));
}
HPA_AVX512_INLINE void store(float *place, __m512 values, __mmask16 mask = 0xffff) { _mm512_mask_storeu_ps(place, mask, values); }
HPA_AVX512_INLINE void store(BFloat16 *place, __m512 values, __mmask16 mask = 0xffff) {
  _mm256_mask_storeu_epi16(place, mask, __m256i(_mm512_cvtneps_pbh(values)));
}

// A NaN stays one: the instruction gives its second operand then.
HPA_AVX512_INLINE __m512 rectified(__m512 values) { return _mm512_max_ps(_mm512_setzero_ps(), values); }

inline __mmask16 mask_of(int64_t channels) { return channels >= lanes ? 0xffff : __mmask16((1 << channels) - 1); }

// What becomes of the sums of a tile.
template <class Result>
struct Destination {
  Result *output;
  int64_t output_stride;
  // Null: nothing is added.
  const Result *addend;
  int64_t addend_stride;
  bool is_rectified;

  Destination at(int64_t pixel, int64_t channel) const {
    return {
        output + pixel * output_stride + channel, output_stride, addend ? addend + pixel * addend_stride + channel : nullptr, addend_stride,
        is_rectified};
  }

  HPA_AVX512_INLINE void put(int64_t pixel, int64_t channel, __m512 sum, __mmask16 mask) const {
    if (addend) sum = _mm512_add_ps(sum, load(addend + pixel * addend_stride + channel, mask));
    if (is_rectified) sum = rectified(sum);
    store(output + pixel * output_stride + channel, sum, mask);
  }
};

template <class Element>
HPA_AVX512_INLINE __m512 multiply_add(__m512 left, __m512 right, __m512 sum) {
  if constexpr (std::is_same_v<Element, float>) {
    return _mm512_fmadd_ps(left, right, sum);
  } else {
    return _mm512_dpbf16_ps(sum, __m512bh(left), __m512bh(right));
  }
}

// One float32, or the bits of two bfloat16.
template <class Element>
HPA_AVX512_INLINE float four_bytes(const Element *numbers, int64_t offset) {
  float bits;
  __builtin_memcpy(&bits, reinterpret_cast<const char *>(numbers) + offset, sizeof bits);
  return bits;
}

// A factor of the sum: pixels x (taps x depth), and (taps x depth) x channels.
template <class Element>
struct Factors {
  // Where the numbers of each pixel lie, but for `shift`: [taps][pixels].
  const Element *const *pixels;
  int64_t shift;
  int64_t taps;
  // Numbers of a pixel and tap: a multiple of `step`.
  int64_t depth;
  // [taps][depth / step][vectors * lanes][step], at multiples of 64 bytes.
  const Element *weights;
  // Of the block's channels.
  const float *bias;
};

template <class Element, class Result, int pixels, int vectors>
HPA_AVX512 void multiply(const Factors<Element> &factors, const Destination<Result> &destination, __mmask16 last) {
  __m512 sums[pixels][vectors];
#pragma unroll
  for (int vector = 0; vector < vectors; ++vector) {
    const __m512 bias = load(factors.bias + vector * lanes);
#pragma unroll
    for (int pixel = 0; pixel < pixels; ++pixel) sums[pixel][vector] = bias;
  }
  const char *weights = reinterpret_cast<const char *>(factors.weights);
  const int64_t start = factors.shift * int64_t(sizeof(Element)), end = start + factors.depth * int64_t(sizeof(Element));
  for (int64_t tap = 0; tap < factors.taps; ++tap) {
    const Element *const *sources = factors.pixels + tap * pixels;
    for (int64_t offset = start; offset < end; offset += 4, weights += vectors * 64) {
      __m512 weight[vectors];
#pragma unroll
      for (int vector = 0; vector < vectors; ++vector) weight[vector] = _mm512_load_ps(weights + vector * 64);
#pragma unroll
      for (int pixel = 0; pixel < pixels; ++pixel) {
        const __m512 number = _mm512_set1_ps(four_bytes(sources[pixel], offset));
#pragma unroll
        for (int vector = 0; vector < vectors; ++vector) {
          sums[pixel][vector] = multiply_add<Element>(number, weight[vector], sums[pixel][vector]);
        }
      }
    }
  }
#pragma unroll
  for (int pixel = 0; pixel < pixels; ++pixel) {
#pragma unroll
    for (int vector = 0; vector < vectors; ++vector) {
      destination.put(pixel, vector * lanes, sums[pixel][vector], vector == vectors - 1 ? last : __mmask16(0xffff));
    }
  }
}

// `count` pixels, 1 to 14, by `channels`, 1 to 32.
template <class Element, class Result>
void multiply(int count, int64_t channels, const Factors<Element> &factors, const Destination<Result> &destination) {
  using Kernel = void (*)(const Factors<Element> &, const Destination<Result> &, __mmask16);
  static constexpr auto kernels = []<int... index>(std::integer_sequence<int, index...>) {
    struct Table {
      Kernel narrow[tile_pixels], wide[tile_pixels];
    };
    return Table{{&multiply<Element, Result, index + 1, 1>...}, {&multiply<Element, Result, index + 1, 2>...}};
  }(std::make_integer_sequence<int, tile_pixels>());
  const bool is_wide = channels > lanes;
  (is_wide ? kernels.wide : kernels.narrow)[count - 1](factors, destination, mask_of(is_wide ? channels - lanes : channels));
}

}  // namespace convolution

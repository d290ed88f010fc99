// float32 and bfloat16 (its bits) in loops that are compiled for several processors. Those must not call inline functions of other headers: clang
// does not emit them for such a loop alone.
#pragma once

#include <cstdint>
#include <cstring>

#define HPA_INLINE inline __attribute__((always_inline))
#define HPA_FOR_EVERY_PROCESSOR __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))

HPA_INLINE float widened(float number) { return number; }
HPA_INLINE float widened(uint16_t bits) {
  const uint32_t wide = uint32_t(bits) << 16;
  float number;
  std::memcpy(&number, &wide, sizeof number);
  return number;
}

template <class Number>
Number narrowed(float number);
template <>
HPA_INLINE float narrowed<float>(float number) {
  return number;
}
// To the nearest, ties to even; a NaN stays one.
template <>
HPA_INLINE uint16_t narrowed<uint16_t>(float number) {
  uint32_t bits;
  std::memcpy(&bits, &number, sizeof bits);
  return number != number ? uint16_t(0x7FC0) : uint16_t((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

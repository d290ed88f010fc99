// Weights in the order in which the tiles take them.
#pragma once

#include <algorithm>
#include <cstring>

#include "convolution.h"

namespace convolution {

template <class Element>
Element rounded(float number);
template <>
inline float rounded<float>(float number) {
  return number;
}
// To the nearest, ties to even.
template <>
inline Brain rounded<Brain>(float number) {
  uint32_t bits;
  std::memcpy(&bits, &number, sizeof bits);
  return Brain((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

// Blocks of up to 32 outputs, each [taps][inputs / step][16 or 32 outputs][step]; outputs and inputs that are short of a block count as zeros.
template <class Element>
class Packed {
 public:
  const int64_t taps, depth, outputs;

  // - weight: (output, input, tap) to the number.
  template <class Weight>
  Packed(int64_t outputs, int64_t inputs, int64_t taps, const float *bias, Weight weight)
      : taps(taps), depth(rounded_up(inputs, step<Element>)), outputs(outputs), values_(size_t(rounded_up(outputs, lanes) * taps * depth)),
        bias_(size_t(rounded_up(outputs, block))) {
    Element *place = values_.data();
    for (int64_t first = 0; first < outputs; first += block) {
      const int64_t width = outputs - first > lanes ? block : lanes;
      for (int64_t tap = 0; tap < taps; ++tap) {
        for (int64_t input = 0; input < depth; input += step<Element>) {
          for (int64_t output = first; output < first + width; ++output) {
            for (int64_t part = input; part < input + step<Element>; ++part) {
              *place++ = output < outputs && part < inputs ? rounded<Element>(weight(output, part, tap)) : Element(0);
            }
          }
        }
      }
    }
    std::fill_n(bias_.data(), bias_.size(), 0.0f);
    if (bias) std::copy_n(bias, outputs, bias_.data());
  }

  // Of the outputs from `first` on, a multiple of 32.
  Factors<Element> factors(const Element *const *pixels, int64_t first, int64_t shift = 0) const {
    return {pixels, shift, taps, depth, values_.data() + first * taps * depth, bias_.data() + first};
  }

  const float *bias() const { return bias_.data(); }

 private:
  Aligned<Element> values_;
  Aligned<float> bias_;
};

}  // namespace convolution

// Weights in the order in which the tiles take them.
#pragma once

#include <algorithm>

#include "numbers.h"
#include "convolution.h"

namespace convolution {

// Blocks of up to 32 outputs, each [taps][inputs / step][16 or 32 outputs][step]; outputs that are short of a block count as zeros. There may be several
// sets of weights of one form.
template <class Element>
class Packed {
 public:
  const int64_t taps, depth, outputs;

  // - inputs: a multiple of `step`.
  // - weight: (output, input, tap, numbers) writes the number of every set.
  template <int sets, class Weight>
  Packed(std::integral_constant<int, sets>, int64_t outputs, int64_t inputs, int64_t taps, const float *bias, Weight weight)
      : taps(taps), depth(inputs), outputs(outputs), set_size_(rounded_up(outputs, lanes) * taps * inputs), values_(size_t(sets * set_size_)),
        bias_(size_t(rounded_up(outputs, block))) {
    in_parallel((outputs + block - 1) / block, [&](int64_t part) { pack<sets>(part * block, weight); });
    std::fill_n(bias_.data(), bias_.size(), 0.0f);
    if (bias) std::copy_n(bias, outputs, bias_.data());
  }

  // Of the outputs from `first` on, a multiple of 32.
  Factors<Element> factors(const Element *const *pixels, int64_t first, int64_t shift = 0, int set = 0) const {
    return {pixels, shift, taps, depth, values_.data() + set * set_size_ + first * taps * depth, bias_.data() + first};
  }

 private:
  template <int sets, class Weight>
  void pack(int64_t first, const Weight &weight) {
    Element *place = values_.data() + first * taps * depth;
    const int64_t width = outputs - first > lanes ? block : lanes;
    for (int64_t tap = 0; tap < taps; ++tap) {
      for (int64_t input = 0; input < depth; input += step<Element>) {
        for (int64_t output = first; output < first + width; ++output) {
          for (int64_t part = input; part < input + step<Element>; ++part, ++place) {
            float numbers[sets] = {};
            if (output < outputs) weight(output, part, tap, numbers);
            for (int set = 0; set < sets; ++set) place[set * set_size_] = narrowed<Element>(numbers[set]);
          }
        }
      }
    }
  }

  const int64_t set_size_;
  Aligned<Element> values_;
  Aligned<float> bias_;
};

}  // namespace convolution

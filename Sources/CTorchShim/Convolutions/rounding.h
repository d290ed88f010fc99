// How the weights of a sum become bfloat16.
#pragma once

#include <cstdint>
#include <type_traits>

#include "../numbers.h"

namespace convolution {

// Rounds `count` weights of one sum, `stride` apart; what one loses is added to the next, so that the error of their sum stays below that of the last.
//
// What they are multiplied by has passed a rectifier as a rule: neighbours are alike, and none is negative. Errors of the weights that cancel do so
// in the sum of the products, then: of Inception-v4's features, a fifth of 1 - cosine is left. It is the error diffusion of images (Floyd and
// Steinberg 1976), in one direction.
template <class Element>
void round_weights(float *weights, int64_t count, int64_t stride) {
  if constexpr (!std::is_same_v<Element, float>) {
    double lost = 0;
    for (float *place = weights; place < weights + count * stride; place += stride) {
      const double wanted = double(*place) + lost;
      *place = widened(narrowed<Element>(float(wanted)));
      lost = wanted - *place;
    }
  }
}

}  // namespace convolution

// How the weights of a sum become bfloat16.
#pragma once

#include <cstdint>

#include "numbers.h"
#include "workers.h"

namespace convolution {

// Rounds `count` weights of one sum, `stride` apart; what one loses is added to the next, so that the error of their sum stays below that of the last.
//
// What they are multiplied by has passed a rectifier as a rule: neighbours are alike, and none is negative. Errors of the weights that cancel do so
// in the sum of the products, then: of Inception-v4's features, a fifth of 1 - cosine is left. It is the error diffusion of images (Floyd and
// Steinberg 1976), in one direction.
inline void round_weights(float *weights, int64_t count, int64_t stride) {
  double lost = 0;
  for (float *place = weights; place < weights + count * stride; place += stride) {
    const double wanted = double(*place) + lost;
    *place = widened(narrowed<uint16_t>(float(wanted)));
    lost = wanted - *place;
  }
}

// The same for every output of (outputs, count).
inline void round_weights_of_outputs(float *weights, int64_t outputs, int64_t count) {
  in_parallel(outputs, [&](int64_t output) { round_weights(weights + output * count, count, 1); });
}

}  // namespace convolution

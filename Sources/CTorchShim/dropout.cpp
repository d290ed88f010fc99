#include "dropout.h"
#include "numbers.h"
#include "workers.h"

#include <ATen/CPUGeneratorImpl.h>
#include <torch/csrc/autograd/custom_function.h>

#include <mutex>

namespace {

constexpr int64_t numbers_at_once = 1 << 15;

// The number at `place` of the stream of `seed`: SplitMix64 (Steele, Lea and Flood 2014), which can begin anywhere.
HPA_INLINE uint64_t drawn(uint64_t seed, uint64_t place) {
  uint64_t bits = seed + (place + 1) * 0x9E3779B97F4A7C15;
  bits = (bits ^ bits >> 30) * 0xBF58476D1CE4E5B9;
  bits = (bits ^ bits >> 27) * 0x94D049BB133111EB;
  return bits ^ bits >> 31;
}

HPA_FOR_EVERY_PROCESSOR void drop(const float *input, uint64_t seed, uint64_t limit, float scale, int64_t begin, int64_t end, float *output) {
  for (int64_t place = begin; place < end; ++place) {
    output[place] = drawn(seed, uint64_t(place)) >> 32 < limit ? input[place] * scale : 0;
  }
}

at::Tensor drop_all(const at::Tensor &input, uint64_t seed, double probability) {
  const at::Tensor plain = input.contiguous(), output = at::empty_like(plain);
  const double kept = 1 - probability;
  const auto limit = uint64_t(kept * 0x1p32);
  const float scale = kept > 0 ? float(1 / kept) : 0;
  const float *source = plain.const_data_ptr<float>();
  float *target = output.mutable_data_ptr<float>();
  const int64_t count = plain.numel(), parts = (count + numbers_at_once - 1) / numbers_at_once;
  in_parallel(parts, [&](int64_t part) { drop(source, seed, limit, scale, count * part / parts, count * (part + 1) / parts, target); });
  return output;
}

struct Dropout final : torch::autograd::Function<Dropout> {
  using Context = torch::autograd::AutogradContext;
  using Tensors = torch::autograd::variable_list;

  static at::Tensor forward(Context *context, const at::Tensor &input, double probability, int64_t seed) {
    context->saved_data["probability"] = probability;
    context->saved_data["seed"] = seed;
    return drop_all(input, uint64_t(seed), probability);
  }

  static Tensors backward(Context *context, const Tensors &gradients) {
    const auto seed = uint64_t(context->saved_data["seed"].toInt());
    return {drop_all(gradients[0], seed, context->saved_data["probability"].toDouble()), at::Tensor(), at::Tensor()};
  }
};

uint64_t next(at::Generator &generator) {
  auto *numbers = at::check_generator<at::CPUGeneratorImpl>(generator);
  const std::lock_guard guard(numbers->mutex_);
  return numbers->random64();
}

}  // namespace

at::Tensor dropped_out(const at::Tensor &input, double probability, at::Generator &generator) {
  return Dropout::apply(input, probability, int64_t(next(generator)));
}

#include "pooling.h"
#include "numbers.h"
#include "workers.h"

#include <algorithm>
#include <cstring>

namespace {

constexpr int64_t side = 3;

// One output pixel: up to nine input pixels of `channels` numbers each.
struct Window {
  const void *pixels[side * side];
  int64_t count;
};

template <class Number, bool is_maximum>
HPA_INLINE void pool_pixel(
    const Window &window, float divisor, const float *bias, bool is_rectified, int64_t channels, Number *output) {
  constexpr int64_t block = 64;
  float sums[block];
  for (int64_t first = 0; first < channels; first += block) {
    const int64_t count = std::min(block, channels - first);
    const Number *start = static_cast<const Number *>(window.pixels[0]) + first;
    for (int64_t channel = 0; channel < count; ++channel) sums[channel] = widened(start[channel]);
    for (int64_t pixel = 1; pixel < window.count; ++pixel) {
      const Number *values = static_cast<const Number *>(window.pixels[pixel]) + first;
      for (int64_t channel = 0; channel < count; ++channel) {
        const float value = widened(values[channel]);
        // Written so that a NaN stays.
        const bool is_kept = sums[channel] > value || sums[channel] != sums[channel];
        sums[channel] = is_maximum ? (is_kept ? sums[channel] : value) : sums[channel] + value;
      }
    }
    if (!is_maximum) {
      for (int64_t channel = 0; channel < count; ++channel) sums[channel] *= divisor;
    }
    if (bias) {
      for (int64_t channel = 0; channel < count; ++channel) sums[channel] += bias[first + channel];
    }
    if (is_rectified) {
      for (int64_t channel = 0; channel < count; ++channel) sums[channel] = sums[channel] > 0 ? sums[channel] : 0;
    }
    for (int64_t channel = 0; channel < count; ++channel) output[first + channel] = narrowed<Number>(sums[channel]);
  }
}

HPA_FOR_EVERY_PROCESSOR void maximum(const Window &window, const float *bias, bool is_rectified, int64_t channels, float *output) {
  pool_pixel<float, true>(window, 1, bias, is_rectified, channels, output);
}
HPA_FOR_EVERY_PROCESSOR void maximum(const Window &window, const float *bias, bool is_rectified, int64_t channels, uint16_t *output) {
  pool_pixel<uint16_t, true>(window, 1, bias, is_rectified, channels, output);
}
HPA_FOR_EVERY_PROCESSOR void mean(const Window &window, float divisor, const float *bias, bool is_rectified, int64_t channels, float *output) {
  pool_pixel<float, false>(window, divisor, bias, is_rectified, channels, output);
}
HPA_FOR_EVERY_PROCESSOR void mean(const Window &window, float divisor, const float *bias, bool is_rectified, int64_t channels, uint16_t *output) {
  pool_pixel<uint16_t, false>(window, divisor, bias, is_rectified, channels, output);
}

int64_t output_length(int64_t length, int64_t stride, int64_t padding, bool rounds_up) {
  const int64_t room = length + 2 * padding - side;
  int64_t outputs = (rounds_up ? room + stride - 1 : room) / stride + 1;
  // A window that begins beyond the image and its padding is none.
  if (rounds_up && (outputs - 1) * stride >= length + padding) --outputs;
  return outputs;
}

template <class Number>
void pool(const at::Tensor &input, const Output &output, Pool kind, int64_t stride, int64_t padding, const float *bias, bool is_rectified) {
  const int64_t channels = input.size(1), height = input.size(2), width = input.size(3);
  const int64_t rows = output.whole.size(2), columns = output.whole.size(3);
  const auto *source = static_cast<const Number *>(input.const_data_ptr());
  auto *target = output.pixels<Number>();
  in_parallel(input.size(0) * rows, [&](int64_t line) {
    const int64_t image = line / rows, top = line % rows * stride - padding;
    for (int64_t column = 0; column < columns; ++column) {
      const int64_t left = column * stride - padding;
      Window window{{}, 0};
      for (int64_t y = std::max<int64_t>(top, 0); y < std::min(top + side, height); ++y) {
        for (int64_t x = std::max<int64_t>(left, 0); x < std::min(left + side, width); ++x) {
          window.pixels[window.count++] = source + ((image * height + y) * width + x) * channels;
        }
      }
      Number *place = target + (line * columns + column) * output.stride;
      if (kind == Pool::maximum) {
        maximum(window, bias, is_rectified, channels, place);
      } else {
        const int64_t counted = kind == Pool::mean ? side * side : window.count;
        mean(window, 1 / float(counted), bias, is_rectified, channels, place);
      }
    }
  });
}

}  // namespace

at::Tensor pooled(
    const at::Tensor &input, Pool kind, int64_t stride, int64_t padding, bool rounds_up, const at::Tensor &bias, bool is_rectified,
    const std::optional<ChannelPlace> &place) {
  TORCH_CHECK(input.dim() == 4 && input.device().is_cpu(), "pools for inference take images on the CPU");
  TORCH_CHECK(input.scalar_type() == at::kFloat || input.scalar_type() == at::kBFloat16, "no pool of ", input.scalar_type());
  TORCH_CHECK(kind == Pool::maximum || (!rounds_up && padding <= 1), "means round down");
  const at::Tensor plain = input.contiguous(at::MemoryFormat::ChannelsLast);
  const int64_t rows = output_length(plain.size(2), stride, padding, rounds_up), columns = output_length(plain.size(3), stride, padding, rounds_up);
  TORCH_CHECK(rows > 0 && columns > 0, "an image of ", input.sizes(), " is too small for a pool");
  const Output target = output(plain, plain.size(1), {rows, columns}, place);
  const at::Tensor terms = bias.defined() ? bias.contiguous() : bias;
  TORCH_CHECK(!terms.defined() || (terms.scalar_type() == at::kFloat && terms.numel() == plain.size(1)), "a bias is float32, a number a channel");
  const float *numbers = terms.defined() ? terms.const_data_ptr<float>() : nullptr;
  if (plain.scalar_type() == at::kFloat) {
    pool<float>(plain, target, kind, stride, padding, numbers, is_rectified);
  } else {
    pool<uint16_t>(plain, target, kind, stride, padding, numbers, is_rectified);
  }
  return target.whole;
}

// PyTorch goes through an image six times to normalise and rectify it and eight times for the gradient; this does it in three and five.
#include "normalisation.h"
#include "numbers.h"
#include "workers.h"

#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace {

// Sums go over parts of the pixels, whatever the number of threads, and in each over blocks that stay in the cache.
constexpr int64_t parts = 16, block = 32;

// A tensor pixel by pixel: `stride` numbers from one to the next, the channels side by side.
template <class Number>
struct Pixels {
  Number *start;
  int64_t stride, count, channels;

  Pixels(Number *start, const at::Tensor &tensor)
      : start(start), stride(tensor.stride(3)), count(tensor.size(0) * tensor.size(2) * tensor.size(3)), channels(tensor.size(1)) {}

  HPA_INLINE Number *operator[](int64_t pixel) const { return start + pixel * stride; }
};

template <class Number>
Pixels<const Number> read(const at::Tensor &tensor) {
  return {static_cast<const Number *>(tensor.const_data_ptr()), tensor};
}

template <class Number>
Pixels<Number> written(const at::Tensor &tensor) {
  return {static_cast<Number *>(tensor.mutable_data_ptr()), tensor};
}

at::Tensor empty_images(const at::Tensor &like) { return at::empty(like.sizes(), like.options(), at::MemoryFormat::ChannelsLast); }

// The tensor, or a copy, that `Pixels` can walk. Some of the channels of a larger tensor, as the gradient of a concatenation is, need no copy.
at::Tensor walkable(const at::Tensor &images) {
  const int64_t height = images.size(2), width = images.size(3), stride = images.stride(3);
  const bool is_walkable = images.size(1) > 1 && images.stride(1) == 1 && width > 1 && stride >= images.size(1) &&
                           (height == 1 || images.stride(2) == width * stride) && (images.size(0) == 1 || images.stride(0) == height * width * stride);
  return is_walkable ? images : empty_images(images).copy_(images);
}

// Two numbers for each channel of some pixels.
struct Pairs {
  std::vector<double> left, right;
  int64_t count = 0;

  explicit Pairs(int64_t channels) : left(static_cast<size_t>(channels)), right(static_cast<size_t>(channels)) {}
};

// Mean and sum of squared distances from it; joined as in Chan, Golub and LeVeque 1979.
struct Moments : Pairs {
  using Pairs::Pairs;

  template <class Numbers>
  void join(const Numbers &means, const Numbers &squares, int64_t others) {
    if (others == 0) return;
    const double share = double(others) / double(count + others), weight = share * double(count);
    for (size_t channel = 0; channel < left.size(); ++channel) {
      const double distance = double(means[channel]) - left[channel];
      left[channel] += distance * share;
      right[channel] += double(squares[channel]) + distance * distance * weight;
    }
    count += others;
  }
};

// The sum of gradients, and of their products with the distance of the input from its mean.
struct GradientSums : Pairs {
  using Pairs::Pairs;

  template <class Numbers>
  void join(const Numbers &plain, const Numbers &products, int64_t others) {
    for (size_t channel = 0; channel < left.size(); ++channel) {
      left[channel] += double(plain[channel]);
      right[channel] += double(products[channel]);
    }
    count += others;
  }
};

// How a channel is normalised: output = max((input - mean) * scale + bias, floor). The distance comes first: beside a mean of many deviations, a product of
// the input itself would lose the digits that count.
struct Rule {
  const float *means, *scales, *biases;
  float floor;

  HPA_INLINE float normalized(float value, int64_t channel) const { return (value - means[channel]) * scales[channel] + biases[channel]; }
};

// Means and sums of squared distances of a block; both begin as zeros.
template <class Number>
HPA_INLINE void add_moments_of(Pixels<const Number> input, int64_t first, int64_t last, float *means, float *squares) {
  for (int64_t pixel = first; pixel < last; ++pixel) {
    const Number *values = input[pixel];
    for (int64_t channel = 0; channel < input.channels; ++channel) means[channel] += widened(values[channel]);
  }
  for (int64_t channel = 0; channel < input.channels; ++channel) means[channel] /= float(last - first);
  for (int64_t pixel = first; pixel < last; ++pixel) {
    const Number *values = input[pixel];
    for (int64_t channel = 0; channel < input.channels; ++channel) {
      const float distance = widened(values[channel]) - means[channel];
      squares[channel] += distance * distance;
    }
  }
}

template <class Number>
HPA_INLINE void normalize_of(Pixels<const Number> input, Rule rule, int64_t begin, int64_t end, Pixels<Number> output) {
  for (int64_t pixel = begin; pixel < end; ++pixel) {
    const Number *values = input[pixel];
    Number *results = output[pixel];
    for (int64_t channel = 0; channel < input.channels; ++channel) {
      const float value = rule.normalized(widened(values[channel]), channel);
      // Written so that a NaN stays.
      results[channel] = narrowed<Number>(value <= rule.floor ? rule.floor : value);
    }
  }
}

// The gradient before the rectifier, which did what `normalize_of` computed.
template <class Number>
HPA_INLINE float unrectified(Number gradient, float value, const Rule &rule, int64_t channel) {
  return rule.normalized(value, channel) <= rule.floor ? 0 : widened(gradient);
}

template <class Number>
HPA_INLINE void add_gradients_of(
    Pixels<const Number> input, Pixels<const Number> gradient, Rule rule, int64_t first, int64_t last, float *plain, float *products) {
  for (int64_t pixel = first; pixel < last; ++pixel) {
    const Number *values = input[pixel], *slopes = gradient[pixel];
    for (int64_t channel = 0; channel < input.channels; ++channel) {
      const float value = widened(values[channel]), slope = unrectified(slopes[channel], value, rule, channel);
      plain[channel] += slope;
      products[channel] += slope * (value - rule.means[channel]);
    }
  }
}

// gradient * scale + (input - mean) * tilts + offsets
template <class Number>
HPA_INLINE void propagate_of(
    Pixels<const Number> input, Pixels<const Number> gradient, Rule rule, const float *tilts, const float *offsets, int64_t begin, int64_t end,
    Pixels<Number> output) {
  for (int64_t pixel = begin; pixel < end; ++pixel) {
    const Number *values = input[pixel], *slopes = gradient[pixel];
    Number *results = output[pixel];
    for (int64_t channel = 0; channel < input.channels; ++channel) {
      const float value = widened(values[channel]), slope = unrectified(slopes[channel], value, rule, channel);
      results[channel] = narrowed<Number>(slope * rule.scales[channel] + ((value - rule.means[channel]) * tilts[channel] + offsets[channel]));
    }
  }
}

// The attribute picks code for the processor at run time, but not of templates.
#define HPA_LOOPS_OF(Number)                                                                                                                        \
  HPA_FOR_EVERY_PROCESSOR void add_moments(Pixels<const Number> input, int64_t first, int64_t last, float *means, float *squares) {                 \
    add_moments_of(input, first, last, means, squares);                                                                                             \
  }                                                                                                                                                 \
  HPA_FOR_EVERY_PROCESSOR void normalize(Pixels<const Number> input, Rule rule, int64_t begin, int64_t end, Pixels<Number> output) {                \
    normalize_of(input, rule, begin, end, output);                                                                                                  \
  }                                                                                                                                                 \
  HPA_FOR_EVERY_PROCESSOR void add_gradients(                                                                                                       \
      Pixels<const Number> input, Pixels<const Number> gradient, Rule rule, int64_t first, int64_t last, float *plain, float *products) {           \
    add_gradients_of(input, gradient, rule, first, last, plain, products);                                                                          \
  }                                                                                                                                                 \
  HPA_FOR_EVERY_PROCESSOR void propagate(                                                                                                           \
      Pixels<const Number> input, Pixels<const Number> gradient, Rule rule, const float *tilts, const float *offsets, int64_t begin,                \
      int64_t end, Pixels<Number> output) {                                                                                                         \
    propagate_of(input, gradient, rule, tilts, offsets, begin, end, output);                                                                        \
  }
HPA_LOOPS_OF(float)
HPA_LOOPS_OF(uint16_t)

// Calls body(part, begin, end) with the pixels of each part.
template <class Body>
void for_each_part(int64_t pixels, Body body) {
  in_parallel(parts, [&](int64_t part) { body(size_t(part), pixels * part / parts, pixels * (part + 1) / parts); });
}

// Joins what add(first, last, left, right) leaves of the blocks of all pixels: a pair of numbers a channel, which begin as zeros.
template <class Joined, class Add>
Joined joined(int64_t pixels, int64_t channels, Add add) {
  std::vector<Joined> found(static_cast<size_t>(parts), Joined(channels));
  for_each_part(pixels, [&](size_t part, int64_t begin, int64_t end) {
    std::vector<float> left(static_cast<size_t>(channels)), right(static_cast<size_t>(channels));
    for (int64_t first = begin; first < end; first += block) {
      const int64_t last = std::min(first + block, end);
      std::fill(left.begin(), left.end(), 0.0f);
      std::fill(right.begin(), right.end(), 0.0f);
      add(first, last, left.data(), right.data());
      found[part].join(left, right, last - first);
    }
  });
  Joined all(channels);
  for (const Joined &part : found) all.join(part.left, part.right, part.count);
  return all;
}

template <class Number>
Moments moments_of(const at::Tensor &input) {
  const auto values = read<Number>(input);
  return joined<Moments>(values.count, values.channels, [&](int64_t first, int64_t last, float *means, float *squares) {
    add_moments(values, first, last, means, squares);
  });
}

template <class Number>
GradientSums gradient_sums(const at::Tensor &input, const at::Tensor &gradient, Rule rule) {
  const auto values = read<Number>(input), slopes = read<Number>(gradient);
  return joined<GradientSums>(values.count, values.channels, [&](int64_t first, int64_t last, float *plain, float *products) {
    add_gradients(values, slopes, rule, first, last, plain, products);
  });
}

void move(const at::Tensor &running, const std::vector<double> &values, double divisor, double momentum) {
  float *numbers = running.mutable_data_ptr<float>();
  for (size_t channel = 0; channel < values.size(); ++channel) {
    numbers[channel] = float((1 - momentum) * double(numbers[channel]) + momentum * values[channel] / divisor);
  }
}

template <class Number>
void normalize_all(const at::Tensor &input, Rule rule, const at::Tensor &output) {
  const auto values = read<Number>(input);
  const auto results = written<Number>(output);
  for_each_part(values.count, [&](size_t, int64_t begin, int64_t end) { normalize(values, rule, begin, end, results); });
}

template <class Number>
void propagate_all(const at::Tensor &input, const at::Tensor &gradient, Rule rule, const float *tilts, const float *offsets, const at::Tensor &output) {
  const auto values = read<Number>(input), slopes = read<Number>(gradient);
  const auto results = written<Number>(output);
  for_each_part(
      values.count, [&](size_t, int64_t begin, int64_t end) { propagate(values, slopes, rule, tilts, offsets, begin, end, results); });
}

struct Normalisation final : torch::autograd::Function<Normalisation> {
  using Context = torch::autograd::AutogradContext;
  using Tensors = torch::autograd::variable_list;

  // Rows of the numbers that are kept for each channel.
  enum { mean_row, deviation_row, scale_row, bias_row, rows };

  static Rule rule(const at::Tensor &kept, bool is_rectified) {
    const float *numbers = kept.const_data_ptr<float>();
    const int64_t channels = kept.size(1);
    return {
        numbers + mean_row * channels, numbers + scale_row * channels, numbers + bias_row * channels,
        is_rectified ? 0 : -std::numeric_limits<float>::infinity()};
  }

  static at::Tensor forward(
      Context *context, const at::Tensor &images, const at::Tensor &weight, const at::Tensor &bias, const at::Tensor &running_mean,
      const at::Tensor &running_variance, double momentum, double epsilon, bool is_rectified) {
    const at::Tensor input = walkable(images);
    const bool is_wide = input.scalar_type() == at::kFloat;
    const Moments moments = is_wide ? moments_of<float>(input) : moments_of<uint16_t>(input);
    const double count = double(moments.count);
    move(running_mean, moments.left, 1, momentum);
    move(running_variance, moments.right, count - 1, momentum);

    const int64_t channels = input.size(1);
    const at::Tensor kept = at::empty({rows, channels}, weight.options());
    float *numbers = kept.mutable_data_ptr<float>();
    const float *gains = weight.const_data_ptr<float>(), *offsets = bias.const_data_ptr<float>();
    for (int64_t channel = 0; channel < channels; ++channel) {
      const double mean = moments.left[size_t(channel)], inverse = 1 / std::sqrt(moments.right[size_t(channel)] / count + epsilon);
      numbers[mean_row * channels + channel] = float(mean);
      numbers[deviation_row * channels + channel] = float(inverse);
      numbers[scale_row * channels + channel] = float(inverse * double(gains[channel]));
      numbers[bias_row * channels + channel] = offsets[channel];
    }
    const at::Tensor output = empty_images(input);
    is_wide ? normalize_all<float>(input, rule(kept, is_rectified), output) : normalize_all<uint16_t>(input, rule(kept, is_rectified), output);
    context->save_for_backward({input, kept});
    context->saved_data["is_rectified"] = is_rectified;
    return output;
  }

  // With g the gradient before the rectifier, n pixels, d the inverse deviation: the bias gets sum(g), the weight d * sum(g * (x - mean)), and
  // the input weight * d * (g - sum(g) / n - (x - mean) * d^2 * sum(g * (x - mean)) / n).
  static Tensors backward(Context *context, const Tensors &gradients) {
    const Tensors saved = context->get_saved_variables();
    const at::Tensor &input = saved[0], &kept = saved[1], gradient = walkable(gradients[0]);
    const Rule rule = Normalisation::rule(kept, context->saved_data["is_rectified"].toBool());
    const bool is_wide = input.scalar_type() == at::kFloat;
    const GradientSums sums = is_wide ? gradient_sums<float>(input, gradient, rule) : gradient_sums<uint16_t>(input, gradient, rule);

    const int64_t channels = input.size(1);
    const double count = double(input.numel() / channels);
    const float *inverse = kept.const_data_ptr<float>() + deviation_row * channels;
    at::Tensor weight = at::empty({channels}, kept.options()), bias = at::empty({channels}, kept.options());
    std::vector<float> tilts(static_cast<size_t>(channels)), offsets(static_cast<size_t>(channels));
    for (int64_t channel = 0; channel < channels; ++channel) {
      const double plain = sums.left[size_t(channel)], product = sums.right[size_t(channel)], scale = double(rule.scales[channel]);
      weight.mutable_data_ptr<float>()[channel] = float(product * double(inverse[channel]));
      bias.mutable_data_ptr<float>()[channel] = float(plain);
      tilts[size_t(channel)] = float(-scale * double(inverse[channel]) * double(inverse[channel]) * product / count);
      offsets[size_t(channel)] = float(-scale * plain / count);
    }
    const at::Tensor output = empty_images(input);
    is_wide ? propagate_all<float>(input, gradient, rule, tilts.data(), offsets.data(), output)
            : propagate_all<uint16_t>(input, gradient, rule, tilts.data(), offsets.data(), output);
    return {output, weight, bias, at::Tensor(), at::Tensor(), at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

bool is_plain(const at::Tensor &numbers, const at::Tensor &images) {
  return numbers.scalar_type() == at::kFloat && numbers.device().is_cpu() && numbers.is_contiguous() && numbers.numel() == images.size(1);
}

}  // namespace

bool can_normalize(const at::Tensor &input) {
  return input.dim() == 4 && input.device().is_cpu() && input.numel() > 0 && (input.scalar_type() == at::kFloat || input.scalar_type() == at::kBFloat16);
}

at::Tensor batch_normalized(
    const at::Tensor &input, const at::Tensor &weight, const at::Tensor &bias, const at::Tensor &mean, const at::Tensor &variance, double momentum,
    double epsilon, bool is_rectified) {
  for (const at::Tensor *numbers : {&weight, &bias, &mean, &variance}) {
    TORCH_CHECK(is_plain(*numbers, input), "batch norm wants a float32 number a channel, not ", numbers->sizes(), " for ", input.sizes());
  }
  return Normalisation::apply(input, weight, bias, mean, variance, momentum, epsilon, is_rectified);
}

// LibTorch behind the table of hpa_torch.h. Thin: one ATen call a function wherever PyTorch has one.
#include "dropout.h"
#include "hpa_torch.h"
#include "inference.h"
#include "normalisation.h"
#include "pooling.h"
#include "training.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/InferenceMode.h>
#include <malloc.h>
#include <torch/version.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>
#include <vector>

struct HPATensor {
  at::Tensor value;
};

struct HPAGenerator {
  at::Generator value;
};

struct HPAConvolution {
  std::unique_ptr<InferenceConvolution> value;
};

struct HPAGuard {
  virtual ~HPAGuard() = default;
};

namespace {

struct NoGradientGuard final : HPAGuard {
  at::NoGradGuard guard;
};

struct InferenceGuard final : HPAGuard {
  c10::InferenceMode guard{true};
};

struct AutocastGuard final : HPAGuard {
  const at::DeviceType device;
  const bool was_enabled;
  const at::ScalarType previous;

  explicit AutocastGuard(at::DeviceType device)
      : device(device), was_enabled(at::autocast::is_autocast_enabled(device)), previous(at::autocast::get_autocast_dtype(device)) {
    at::autocast::set_autocast_enabled(device, true);
    at::autocast::set_autocast_dtype(device, at::kBFloat16);
    at::autocast::increment_nesting();
  }

  ~AutocastGuard() override {
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    at::autocast::set_autocast_dtype(device, previous);
    at::autocast::set_autocast_enabled(device, was_enabled);
  }
};

void fill(HPATorchError *error, int32_t code, const char *message) noexcept {
  error->code = code;
  error->message = strdup(message);
}

// Called inside a catch block.
void report(HPATorchError *error) noexcept {
  try {
    throw;
  } catch (const c10::OutOfMemoryError &caught) {
    fill(error, HPA_TORCH_NO_MEMORY, caught.what_without_backtrace());
  } catch (const c10::Error &caught) {
    const char *message = caught.what_without_backtrace();
    const bool is_memory = std::string_view(message).find("DefaultCPUAllocator") != std::string_view::npos;
    fill(error, is_memory ? HPA_TORCH_NO_MEMORY : HPA_TORCH_BAD_ARGUMENT, message);
  } catch (const std::bad_alloc &) {
    fill(error, HPA_TORCH_NO_MEMORY, "not enough memory");
  } catch (const std::exception &caught) {
    fill(error, HPA_TORCH_OTHER, caught.what());
  } catch (...) {
    fill(error, HPA_TORCH_OTHER, "an unknown exception");
  }
}

template <class Body>
HPATensor *tensor(HPATorchError *error, Body body) noexcept {
  try {
    return new HPATensor{body()};
  } catch (...) {
    report(error);
    return nullptr;
  }
}

template <class Result, class Body>
Result value(HPATorchError *error, Body body) noexcept {
  try {
    return body();
  } catch (...) {
    report(error);
    return Result();
  }
}

template <class Body>
void run(HPATorchError *error, Body body) noexcept {
  try {
    body();
  } catch (...) {
    report(error);
  }
}

constexpr at::ScalarType scalar_types[] = {at::kFloat, at::kDouble, at::kHalf, at::kBFloat16, at::kByte, at::kLong, at::kBool};

at::ScalarType scalar_type(int32_t type) {
  TORCH_CHECK(type >= 0 && type < int32_t(std::size(scalar_types)), "no such element type: ", type);
  return scalar_types[type];
}

at::Device device_of(HPADevice device) {
  return device.type == HPA_TORCH_CUDA ? at::Device(at::kCUDA, int8_t(device.index)) : at::Device(at::kCPU);
}

at::TensorOptions options(int32_t type, HPADevice device) { return at::TensorOptions().dtype(scalar_type(type)).device(device_of(device)); }

at::IntArrayRef shape_of(const int64_t *shape, int64_t rank) { return at::IntArrayRef(shape, size_t(rank)); }

std::array<int64_t, 2> pair(HPAPair pair) { return {pair.height, pair.width}; }

std::optional<at::Tensor> optional(HPATensor *tensor) { return tensor ? std::optional(tensor->value) : std::nullopt; }

at::Tensor undefined_or(HPATensor *tensor) { return tensor ? tensor->value : at::Tensor(); }

convolution::Pair kernel_pair(HPAPair pair) { return {pair.height, pair.width}; }

std::optional<ChannelPlace> optional(HPAChannelPlace place) {
  if (place.channels == 0) return std::nullopt;
  return ChannelPlace{undefined_or(place.joint), place.channels, place.first};
}

std::vector<at::Tensor> list(HPATensor *const *tensors, int64_t count) {
  std::vector<at::Tensor> values;
  values.reserve(size_t(count));
  for (int64_t index = 0; index < count; ++index) values.push_back(tensors[index]->value);
  return values;
}

// The gradients of a step's parameters beside the parameters' state. The fused kernels walk memory, so a gradient is laid out as
// its parameter is.
struct Step {
  std::vector<at::Tensor> parameters, gradients;
  std::vector<std::vector<at::Tensor>> states;

  Step(HPATensor *const *all, std::initializer_list<HPATensor *const *> all_states, int64_t count) : states(all_states.size()) {
    for (int64_t index = 0; index < count; ++index) {
      const at::Tensor &parameter = all[index]->value;
      const at::Tensor &gradient = parameter.grad();
      if (!gradient.defined()) continue;
      parameters.push_back(parameter);
      const bool is_alike = gradient.is_contiguous(parameter.suggest_memory_format());
      gradients.push_back(is_alike ? gradient : at::empty_like(parameter).copy_(gradient));
      size_t state = 0;
      for (HPATensor *const *tensors : all_states) states[state++].push_back(tensors[index]->value);
    }
  }

  bool is_empty() const { return parameters.empty(); }
};

at::Tensor mean_soft_margin_loss(const at::Tensor &logits, const at::Tensor &targets) {
  TORCH_CHECK(logits.sizes() == targets.sizes(), "logits are ", logits.sizes(), ", targets are ", targets.sizes());
  // torch.nn.functional.multilabel_soft_margin_loss, which exists in Python only.
  const at::Tensor losses = -(targets * at::log_sigmoid(logits) + (1 - targets) * at::log_sigmoid(-logits));
  return (losses.sum(-1) / logits.size(-1)).mean();
}

// PyTorch's own fused convolution over oneDNN, which its compiler uses; there is no function for it in ATen's headers.
at::Tensor ordered_weights(const at::Tensor &weight, at::IntArrayRef input, HPAPair stride, HPAPair padding, int64_t groups) {
  static const auto reorder = c10::Dispatcher::singleton()
                                  .findSchemaOrThrow("mkldnn::_reorder_convolution_weight", "")
                                  .typed<at::Tensor(const at::Tensor &, at::IntArrayRef, at::IntArrayRef, at::IntArrayRef, int64_t, at::OptionalIntArrayRef)>();
  const std::array<int64_t, 2> dilation{1, 1};
  return reorder.call(weight, pair(padding), pair(stride), dilation, groups, input);
}

at::Tensor ordered_convolution(
    const at::Tensor &input, const at::Tensor &weight, const std::optional<at::Tensor> &bias, const std::optional<at::Tensor> &other, HPAPair stride,
    HPAPair padding, int64_t groups, bool is_rectified) {
  using Scalars = c10::List<std::optional<at::Scalar>>;
  using Text = std::optional<std::string_view>;
  static const auto convolve = c10::Dispatcher::singleton()
                                   .findSchemaOrThrow("mkldnn::_convolution_pointwise", "")
                                   .typed<at::Tensor(
                                       const at::Tensor &, const at::Tensor &, const std::optional<at::Tensor> &, at::IntArrayRef, at::IntArrayRef, at::IntArrayRef,
                                       int64_t, std::string_view, Scalars, Text)>();
  static const auto convolve_and_add = c10::Dispatcher::singleton()
                                           .findSchemaOrThrow("mkldnn::_convolution_pointwise", "binary")
                                           .typed<at::Tensor(
                                               const at::Tensor &, const at::Tensor &, const at::Tensor &, const std::optional<at::Tensor> &, at::IntArrayRef,
                                               at::IntArrayRef, at::IntArrayRef, int64_t, std::string_view, std::optional<at::Scalar>, Text, Scalars, Text)>();
  const std::array<int64_t, 2> dilation{1, 1};
  if (!other) return convolve.call(input, weight, bias, pair(padding), pair(stride), dilation, groups, is_rectified ? "relu" : "none", Scalars(), "");
  const Text after = is_rectified ? Text("relu") : std::nullopt;
  return convolve_and_add.call(input, *other, weight, bias, pair(padding), pair(stride), dilation, groups, "add", at::Scalar(1.0), after, Scalars(), "");
}

// The same by cuDNN. What follows a convolution is done in its own pass where a rectifier does and pixels are whole vectors of 16 bytes.
at::Tensor cuda_convolution(
    const at::Tensor &input, const at::Tensor &weight, const std::optional<at::Tensor> &bias, const std::optional<at::Tensor> &other, HPAPair stride,
    HPAPair padding, int64_t groups, bool is_rectified) {
  const std::array<int64_t, 2> dilation{1, 1};
  const bool is_fused = is_rectified && groups == 1 && input.size(1) % 8 == 0 && weight.size(0) % 8 == 0;
  if (is_fused && other) return at::cudnn_convolution_add_relu(input, weight, *other, 1, bias, pair(stride), pair(padding), dilation, groups);
  if (is_fused) return at::cudnn_convolution_relu(input, weight, bias, pair(stride), pair(padding), dilation, groups);
  at::Tensor output = at::conv2d(input, weight, bias, pair(stride), pair(padding), dilation, groups);
  if (other) output.add_(*other);
  return is_rectified ? output.relu_() : output;
}

void write_bytes(const at::Tensor &tensor, void *bytes, int64_t byte_count) {
  const at::Tensor plain = tensor.detach().to(at::kCPU).contiguous();
  TORCH_CHECK(int64_t(plain.nbytes()) == byte_count, "the tensor holds ", plain.nbytes(), " bytes, not ", byte_count);
  if (byte_count > 0) std::memcpy(bytes, plain.const_data_ptr(), size_t(byte_count));
}

at::Tensor read_bytes(const void *bytes, at::IntArrayRef shape, int32_t type, HPADevice device) {
  const at::Device place = device_of(device);
  const auto options = at::TensorOptions().dtype(scalar_type(type));
  if (place.is_cuda()) {
    // Through pinned memory, which LibTorch keeps for the next time: a GPU reads it by itself.
    const at::Tensor pinned = at::empty(shape, options.pinned_memory(true));
    return pinned.copy_(at::from_blob(const_cast<void *>(bytes), shape, options)).to(place, /* non_blocking */ true);
  }
  at::Tensor host = at::empty(shape, options);
  if (host.nbytes() > 0) std::memcpy(host.mutable_data_ptr(), bytes, host.nbytes());
  return host;
}

HPAGuard *guard(int32_t kind) {
  switch (kind) {
    case HPA_TORCH_NO_GRADIENT: return new NoGradientGuard;
    case HPA_TORCH_INFERENCE: return new InferenceGuard;
    case HPA_TORCH_AUTOCAST_CPU: return new AutocastGuard(at::kCPU);
    case HPA_TORCH_AUTOCAST_CUDA: return new AutocastGuard(at::kCUDA);
    default: TORCH_CHECK(false, "no such guard: ", kind);
  }
}

using T = HPATensor;
using E = HPATorchError;

const HPATorchTable table = {
    .abi_version = HPA_TORCH_ABI_VERSION,
    .size = sizeof(HPATorchTable),
    .torch_version = TORCH_VERSION,

    .free_message = [](char *message) { std::free(message); },
    .free_tensor = [](T *tensor) { delete tensor; },
    .free_generator = [](HPAGenerator *generator) { delete generator; },
    .free_convolution = [](HPAConvolution *convolution) { delete convolution; },
    .free_guard = [](HPAGuard *guard) { delete guard; },
    .make_guard = [](int32_t kind, E *error) { return value<HPAGuard *>(error, [&] { return guard(kind); }); },
    .make_generator =
        [](uint64_t seed, HPADevice device, E *error) {
          return value<HPAGenerator *>(error, [&] {
            const at::Device place = device_of(device);
            auto generator = place.is_cpu() ? at::detail::createCPUGenerator(seed)
                                            : at::globalContext().defaultGenerator(place).clone();
            generator.set_current_seed(seed);
            return new HPAGenerator{std::move(generator)};
          });
        },

    .set_threads =
        [](int32_t count, E *error) {
          run(error, [&] {
            at::set_num_threads(count);
            set_worker_threads(count);
          });
        },
    .cuda_devices = []() -> int32_t { return at::hasCUDA() ? int32_t(at::detail::getCUDAHooks().deviceCount()) : 0; },
    .has_bfloat16_convolutions =
        [] {
          const auto operation = c10::Dispatcher::singleton().findSchema({"mkldnn::_is_mkldnn_bf16_supported", ""});
          return operation && operation->typed<bool()>().call();
        },

    .from_bytes =
        [](const void *bytes, const int64_t *shape, int64_t rank, int32_t type, HPADevice device, E *error) {
          return tensor(error, [&] { return read_bytes(bytes, shape_of(shape, rank), type, device); });
        },
    .full =
        [](const int64_t *shape, int64_t rank, double number, int32_t type, HPADevice device, E *error) {
          return tensor(error, [&] { return at::full(shape_of(shape, rank), number, options(type, device)); });
        },
    .uniform =
        [](const int64_t *shape, int64_t rank, double low, double high, HPAGenerator *generator, HPADevice device, E *error) {
          return tensor(error, [&] {
            return at::empty(shape_of(shape, rank), options(HPA_TORCH_FLOAT32, device)).uniform_(low, high, generator->value);
          });
        },
    .normal =
        [](const int64_t *shape, int64_t rank, double mean, double deviation, HPAGenerator *generator, HPADevice device, E *error) {
          return tensor(error, [&] {
            return at::empty(shape_of(shape, rank), options(HPA_TORCH_FLOAT32, device)).normal_(mean, deviation, generator->value);
          });
        },

    .rank = [](T *tensor) { return tensor->value.dim(); },
    .length = [](T *tensor, int64_t dimension) { return tensor->value.sizes()[size_t(dimension)]; },
    .type =
        [](T *tensor) {
          const auto found = std::find(std::begin(scalar_types), std::end(scalar_types), tensor->value.scalar_type());
          return found == std::end(scalar_types) ? int32_t(-1) : int32_t(found - std::begin(scalar_types));
        },
    .device =
        [](T *tensor) {
          const at::Device device = tensor->value.device();
          return HPADevice{device.is_cuda() ? HPA_TORCH_CUDA : HPA_TORCH_CPU, std::max<int32_t>(device.index(), 0)};
        },
    .is_channels_last = [](T *tensor) { return tensor->value.is_contiguous(at::MemoryFormat::ChannelsLast); },
    .to_bytes = [](T *tensor, void *bytes, int64_t count, E *error) { run(error, [&] { write_bytes(tensor->value, bytes, count); }); },
    .item = [](T *tensor, E *error) { return value<double>(error, [&] { return tensor->value.item().toDouble(); }); },

    .to_type = [](T *input, int32_t type, E *error) { return tensor(error, [&] { return input->value.to(scalar_type(type)); }); },
    .to_device = [](T *input, HPADevice device, E *error) { return tensor(error, [&] { return input->value.to(device_of(device)); }); },
    .to_channels_last = [](T *input, E *error) { return tensor(error, [&] { return input->value.contiguous(at::MemoryFormat::ChannelsLast); }); },
    .contiguous = [](T *input, E *error) { return tensor(error, [&] { return input->value.contiguous(); }); },
    .clone = [](T *input, E *error) { return tensor(error, [&] { return input->value.clone(); }); },
    .reshape =
        [](T *input, const int64_t *shape, int64_t rank, E *error) {
          return tensor(error, [&] { return input->value.reshape(shape_of(shape, rank)); });
        },
    .transpose =
        [](T *input, int64_t first, int64_t second, E *error) { return tensor(error, [&] { return input->value.transpose(first, second); }); },
    .narrow =
        [](T *input, int64_t dimension, int64_t start, int64_t length, E *error) {
          return tensor(error, [&] { return input->value.narrow(dimension, start, length); });
        },
    .index_select =
        [](T *input, int64_t dimension, T *indices, E *error) {
          return tensor(error, [&] { return input->value.index_select(dimension, indices->value); });
        },
    .concatenate =
        [](T *const *tensors, int64_t count, int64_t dimension, E *error) {
          return tensor(error, [&] { return at::cat(list(tensors, count), dimension); });
        },
    .copy =
        [](T *destination, T *source, E *error) {
          run(error, [&] {
            at::NoGradGuard guard;
            destination->value.copy_(source->value);
          });
        },
    .add_in_place =
        [](T *tensor, int64_t number, E *error) {
          run(error, [&] {
            at::NoGradGuard guard;
            tensor->value.add_(number);
          });
        },

    .add = [](T *left, T *right, double scale, E *error) { return tensor(error, [&] { return at::add(left->value, right->value, scale); }); },
    .multiply = [](T *left, T *right, E *error) { return tensor(error, [&] { return at::mul(left->value, right->value); }); },
    .scale = [](T *input, double factor, E *error) { return tensor(error, [&] { return at::mul(input->value, factor); }); },
    .divide = [](T *left, T *right, E *error) { return tensor(error, [&] { return at::div(left->value, right->value); }); },
    .matrix_product = [](T *left, T *right, E *error) { return tensor(error, [&] { return at::matmul(left->value, right->value); }); },
    .sum = [](T *input, E *error) { return tensor(error, [&] { return at::sum(input->value); }); },
    .mean = [](T *input, E *error) { return tensor(error, [&] { return at::mean(input->value); }); },
    .l2_normalize =
        [](T *input, int64_t dimension, double epsilon, E *error) {
          return tensor(error, [&] { return input->value / at::norm(input->value, 2, dimension, true).clamp_min(epsilon); });
        },
    .all_finite = [](T *input, E *error) { return value<bool>(error, [&] { return at::isfinite(input->value).all().item<bool>(); }); },

    .relu = [](T *input, E *error) { return tensor(error, [&] { return at::relu(input->value); }); },
    .sigmoid = [](T *input, E *error) { return tensor(error, [&] { return at::sigmoid(input->value); }); },
    .linear =
        [](T *input, T *weight, T *bias, E *error) {
          return tensor(error, [&] { return at::linear(input->value, weight->value, optional(bias)); });
        },
    .convolution =
        [](T *input, T *weight, T *bias, HPAPair stride, HPAPair padding, int64_t groups, E *error) {
          return tensor(error, [&] {
            if (!bias && groups == 1 && can_filter(input->value, weight->value, kernel_pair(stride), kernel_pair(padding))) {
              return filtered(input->value, weight->value, kernel_pair(padding));
            }
            return at::conv2d(input->value, weight->value, optional(bias), pair(stride), pair(padding), {1, 1}, groups);
          });
        },
    .batch_norm =
        [](T *input, T *weight, T *bias, T *mean, T *variance, bool is_training, bool is_rectified, double momentum, double epsilon, E *error) {
          return tensor(error, [&] {
            if (is_training && can_normalize(input->value)) {
              return batch_normalized(
                  input->value, weight->value, bias->value, mean->value, variance->value, momentum, epsilon, is_rectified);
            }
            const at::Tensor output = at::batch_norm(
                input->value, weight->value, bias->value, mean->value, variance->value, is_training, momentum, epsilon,
                at::globalContext().userEnabledCuDNN());
            return is_rectified ? at::relu(output) : output;
          });
        },
    .max_pool =
        [](T *input, HPAPair kernel, HPAPair stride, HPAPair padding, bool rounds_up, E *error) {
          return tensor(error, [&] {
            return at::max_pool2d(input->value, pair(kernel), pair(stride), pair(padding), {1, 1}, rounds_up);
          });
        },
    .average_pool =
        [](T *input, HPAPair kernel, HPAPair stride, HPAPair padding, bool rounds_up, bool counts_padding, E *error) {
          return tensor(error, [&] {
            return at::avg_pool2d(input->value, pair(kernel), pair(stride), pair(padding), rounds_up, counts_padding);
          });
        },
    .adaptive_average_pool =
        [](T *input, HPAPair output, E *error) { return tensor(error, [&] { return at::adaptive_avg_pool2d(input->value, pair(output)); }); },
    .dropout =
        [](T *input, double probability, HPAGenerator *generator, E *error) {
          return tensor(error, [&] {
            if (input->value.is_cpu() && input->value.scalar_type() == at::kFloat) return dropped_out(input->value, probability, generator->value);
            const double kept = 1 - probability;
            at::Tensor mask = at::empty_like(input->value);
            return kept > 0 ? input->value * mask.bernoulli_(kept, generator->value).div_(kept) : input->value * mask.zero_();
          });
        },
    .weights_in_bfloat16 = [](T *weight, E *error) { return tensor(error, [&] { return weights_in_bfloat16(weight->value); }); },
    .order_weights =
        [](T *weight, const int64_t *input_shape, HPAPair stride, HPAPair padding, int64_t groups, E *error) {
          return tensor(error, [&] {
            if (weight->value.is_cuda()) return weight->value.contiguous(at::MemoryFormat::ChannelsLast);
            return ordered_weights(weight->value, shape_of(input_shape, 4), stride, padding, groups);
          });
        },
    .ordered_convolution =
        [](T *input, T *ordered, T *bias, T *other, HPAPair stride, HPAPair padding, int64_t groups, bool is_rectified, E *error) {
          return tensor(error, [&] {
            const auto convolve = input->value.is_cuda() ? cuda_convolution : ordered_convolution;
            return convolve(input->value, ordered->value, optional(bias), optional(other), stride, padding, groups, is_rectified);
          });
        },
    .make_convolution =
        [](T *weight, T *bias, T *depthwise, bool rectifies_input, HPAPair stride, HPAPair padding, HPAPair image, int32_t type, E *error) {
          return value<HPAConvolution *>(error, [&] {
            const ConvolutionParts parts{
                weight->value, undefined_or(bias), undefined_or(depthwise), rectifies_input, kernel_pair(stride), kernel_pair(padding), kernel_pair(image)};
            auto made = InferenceConvolution::make(parts, scalar_type(type));
            return made ? new HPAConvolution{std::move(made)} : nullptr;
          });
        },
    .convolve =
        [](HPAConvolution *convolution, T *input, T *other, bool is_rectified, HPAChannelPlace place, E *error) {
          return tensor(error, [&] { return (*convolution->value)(input->value, undefined_or(other), is_rectified, optional(place)); });
        },
    .pool_for_inference =
        [](T *input, int32_t kind, int64_t stride, int64_t padding, bool rounds_up, T *bias, bool is_rectified, HPAChannelPlace place, E *error) {
          return tensor(error, [&] {
            TORCH_CHECK(kind >= HPA_TORCH_MAXIMUM && kind <= HPA_TORCH_MEAN_OF_IMAGE, "no such pool: ", kind);
            return pooled(input->value, Pool(kind), stride, padding, rounds_up, undefined_or(bias), is_rectified, optional(place));
          });
        },
    .place =
        [](T *input, HPAChannelPlace place, E *error) {
          return tensor(error, [&] { return placed(input->value, {undefined_or(place.joint), place.channels, place.first}); });
        },
    .multilabel_soft_margin_loss =
        [](T *logits, T *targets, E *error) { return tensor(error, [&] { return mean_soft_margin_loss(logits->value, targets->value); }); },
    .binary_cross_entropy_with_logits =
        [](T *logits, T *targets, E *error) {
          return tensor(error, [&] { return at::binary_cross_entropy_with_logits(logits->value, targets->value, {}, {}, at::Reduction::Mean); });
        },

    .require_gradient = [](T *tensor, bool is_required, E *error) { run(error, [&] { tensor->value.requires_grad_(is_required); }); },
    .requires_gradient = [](T *tensor) { return tensor->value.requires_grad(); },
    .backward = [](T *loss, E *error) { run(error, [&] { loss->value.backward(); }); },
    .gradient =
        [](T *tensor, E *error) {
          return value<T *>(error, [&] { return tensor->value.grad().defined() ? new T{tensor->value.grad()} : nullptr; });
        },
    .detach = [](T *input, E *error) { return tensor(error, [&] { return input->value.detach(); }); },

    .clear_gradients =
        [](T *const *parameters, int64_t count, E *error) {
          run(error, [&] {
            for (int64_t index = 0; index < count; ++index) parameters[index]->value.mutable_grad().reset();
          });
        },
    .sgd_step =
        [](T *const *parameters, T *const *momenta, int64_t count, double rate, double momentum, double decay, bool is_nesterov, E *error) {
          run(error, [&] {
            at::NoGradGuard guard;
            Step step(parameters, {momenta}, count);
            if (step.is_empty()) return;
            if (momentum == 0) step.states[0].clear();
            at::_fused_sgd_(step.parameters, step.gradients, step.states[0], decay, momentum, rate, 0, is_nesterov, false, false);
          });
        },
    .adam_step =
        [](T *const *parameters, T *const *means, T *const *squares, int64_t count, int64_t number, double rate, double beta1, double beta2,
           double epsilon, double decay, E *error) {
          run(error, [&] {
            at::NoGradGuard guard;
            Step step(parameters, {means, squares}, count);
            if (step.is_empty()) return;
            std::vector<at::Tensor> numbers;
            for (const at::Tensor &parameter : step.parameters) {
              numbers.push_back(at::full({}, double(number), at::TensorOptions().dtype(at::kFloat).device(parameter.device())));
            }
            at::_fused_adam_(
                step.parameters, step.gradients, step.states[0], step.states[1], {}, numbers, rate, beta1, beta2, decay, epsilon, false, false);
          });
        },
    .rmsprop_step =
        [](T *const *parameters, T *const *squares, int64_t count, double rate, double alpha, double epsilon, double decay, E *error) {
          run(error, [&] {
            at::NoGradGuard guard;
            Step step(parameters, {squares}, count);
            for (size_t index = 0; index < step.parameters.size(); ++index) {
              at::Tensor &parameter = step.parameters[index], &square = step.states[0][index];
              const at::Tensor gradient = decay == 0 ? step.gradients[index] : step.gradients[index].add(parameter, decay);
              square.mul_(alpha).addcmul_(gradient, gradient, 1 - alpha);
              parameter.addcdiv_(gradient, square.sqrt().add_(epsilon), -rate);
            }
          });
        },
};

}  // namespace

const HPATorchTable *hpa_torch_table(void) {
  // The layers' blocks, too, which are larger than those that the program keeps of itself: a tenth of the time of a network.
  mallopt(M_MMAP_MAX, 0);
  // On a GPU float32 means float32, where cuDNN would take 10 bits of 23 (TF32), and a repeated training has the same losses.
  at::globalContext().setAllowTF32CuDNN(false);
  at::globalContext().setDeterministicCuDNN(true);
  return &table;
}

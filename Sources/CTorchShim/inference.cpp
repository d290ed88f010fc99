#include "inference.h"

#include "rounding.h"

using namespace convolution;

Output output(const at::Tensor &like, int64_t channels, Pair size, const std::optional<ChannelPlace> &place) {
  const auto make = [&](int64_t width) {
    return at::empty({like.size(0), width, size.height, size.width}, like.options(), at::MemoryFormat::ChannelsLast);
  };
  if (!place) return {make(channels), channels, 0};
  const at::Tensor joint = place->joint.defined() ? place->joint : make(place->channels);
  TORCH_CHECK(
      joint.size(0) == like.size(0) && joint.size(2) == size.height && joint.size(3) == size.width && place->first + channels <= joint.size(1),
      channels, " channels of ", size.height, " x ", size.width, " from ", place->first, " on have no place in ", joint.sizes());
  return {joint, joint.size(1), place->first};
}

at::Tensor placed(const at::Tensor &tensor, const ChannelPlace &place) {
  const Output target = output(tensor, tensor.size(1), {tensor.size(2), tensor.size(3)}, place);
  target.whole.narrow(1, target.first, tensor.size(1)).copy_(tensor);
  return target.whole;
}

namespace {

at::Tensor plain_floats(const at::Tensor &tensor) { return tensor.defined() ? tensor.to(at::kFloat).contiguous() : tensor; }

const float *numbers(const at::Tensor &tensor) { return tensor.defined() ? tensor.const_data_ptr<float>() : nullptr; }

template <class Element>
std::unique_ptr<Convolution<Element>> made(const Form &form, const Weights &weights, const std::optional<Depthwise> &depthwise, Pair image) {
  if (depthwise) return separable<Element>(form, weights, *depthwise);
  return has_winograd(form, image) ? winograd<Element>(form, weights) : direct<Element>(form, weights);
}

template <class Element>
at::Tensor run(
    const Convolution<Element> &convolve, const at::Tensor &input, const at::Tensor &addend, bool is_rectified,
    const std::optional<ChannelPlace> &place) {
  const Form &form = convolve.form;
  const Images<Element> images{static_cast<const Element *>(input.const_data_ptr()), input.size(0), {input.size(2), input.size(3)}};
  const Pair size = form.output(images.size);
  TORCH_CHECK(size.height > 0 && size.width > 0, "an image of ", input.sizes(), " is too small for the convolution");
  const Output target = output(input, form.outputs, size, place);
  at::Tensor other;
  if (addend.defined()) {
    TORCH_CHECK(
        addend.scalar_type() == input.scalar_type() && addend.sizes() == at::IntArrayRef({input.size(0), form.outputs, size.height, size.width}),
        "cannot add ", addend.sizes(), " to ", form.outputs, " channels of ", size.height, " x ", size.width);
    other = addend.contiguous(at::MemoryFormat::ChannelsLast);
  }
  const Element *terms = other.defined() ? static_cast<const Element *>(other.const_data_ptr()) : nullptr;
  convolve(images, Destination<Element>{target.pixels<Element>(), target.stride, terms, form.outputs, is_rectified});
  return target.whole;
}

}  // namespace

at::Tensor weights_in_bfloat16(const at::Tensor &weight) {
  const at::Tensor rounded = weight.to(at::TensorOptions(at::kCPU).dtype(at::kFloat), false, true).contiguous();
  const int64_t outputs = rounded.size(0), count = outputs > 0 ? rounded.numel() / outputs : 0;
  round_weights_of_outputs(rounded.mutable_data_ptr<float>(), outputs, count);
  return rounded.to(weight.options().dtype(at::kBFloat16));
}

std::unique_ptr<InferenceConvolution> InferenceConvolution::make(const ConvolutionParts &parts, at::ScalarType type) {
  const bool in_bfloat16 = type == at::kBFloat16;
  const at::Tensor weight = plain_floats(parts.weight), bias = plain_floats(parts.bias), filters = plain_floats(parts.depthwise);
  const Form form{weight.size(1), weight.size(0), {weight.size(2), weight.size(3)}, parts.stride, parts.padding};
  const bool is_whole = form.inputs % (in_bfloat16 ? step<BFloat16> : step<float>) == 0;
  if (!is_supported(in_bfloat16) || !(in_bfloat16 || type == at::kFloat) || !is_whole) return nullptr;
  std::optional<Depthwise> depthwise;
  if (filters.defined()) {
    TORCH_CHECK(
        filters.sizes() == at::IntArrayRef({form.inputs, 1, 3, 3}) && form.taps() == 1, "a convolution of each channel alone is 3 x 3, before one of 1 x 1");
    depthwise = Depthwise{numbers(filters), parts.rectifies_input};
  }
  auto result = std::make_unique<InferenceConvolution>();
  const Weights weights{numbers(weight), numbers(bias)};
  if (in_bfloat16) {
    result->in_bfloat16_ = made<BFloat16>(form, weights, depthwise, parts.image);
  } else {
    result->in_float32_ = made<float>(form, weights, depthwise, parts.image);
  }
  return result;
}

at::Tensor InferenceConvolution::operator()(
    const at::Tensor &input, const at::Tensor &addend, bool is_rectified, const std::optional<ChannelPlace> &place) const {
  const at::ScalarType type = in_float32_ ? at::kFloat : at::kBFloat16;
  const int64_t inputs = in_float32_ ? in_float32_->form.inputs : in_bfloat16_->form.inputs;
  TORCH_CHECK(
      input.dim() == 4 && input.device().is_cpu() && input.scalar_type() == type && input.size(1) == inputs, "a convolution of ", inputs,
      " channels of ", type, " on the CPU was given ", input.sizes(), " of ", input.scalar_type());
  const at::Tensor plain = input.contiguous(at::MemoryFormat::ChannelsLast);
  return in_float32_ ? run(*in_float32_, plain, addend, is_rectified, place) : run(*in_bfloat16_, plain, addend, is_rectified, place);
}

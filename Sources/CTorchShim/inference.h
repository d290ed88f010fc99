// The convolutions of CConvolutionKernels on tensors, and the place in a wider tensor that an operation may write to.
#pragma once

#include <ATen/ATen.h>

#include <memory>
#include <optional>

#include "convolution.h"

// Some channels of a joined output of several branches.
struct ChannelPlace {
  // Undefined: the first to write makes it.
  at::Tensor joint;
  int64_t channels;
  int64_t first;
};

// What an operation writes to: an output of its own, or a place.
struct Output {
  // All of it.
  at::Tensor whole;
  int64_t stride;
  int64_t first;

  template <class Element>
  Element *pixels() const {
    return static_cast<Element *>(whole.mutable_data_ptr()) + first;
  }
};

// (images, channels, size), channels last.
Output output(const at::Tensor &like, int64_t channels, convolution::Pair size, const std::optional<ChannelPlace> &place);

// Copies `tensor` to the place.
at::Tensor placed(const at::Tensor &tensor, const ChannelPlace &place);

// Weights (outputs, ...) of sums over images that have passed a rectifier, as `round_weights` rounds them, on their device.
at::Tensor weights_in_bfloat16(const at::Tensor &weight);

// What a convolution for inference is made of.
struct ConvolutionParts {
  // (outputs, inputs, height, width), and (outputs) or undefined.
  at::Tensor weight, bias;
  // (inputs, 1, 3, 3), or undefined: a convolution of each channel alone before this one.
  at::Tensor depthwise;
  bool rectifies_input;
  convolution::Pair stride, padding;
  // The size of images that is expected; others will do, too.
  convolution::Pair image;
};

// A convolution in float32 or bfloat16.
class InferenceConvolution {
 public:
  // Null where this processor, or the form of the convolution, needs another way.
  static std::unique_ptr<InferenceConvolution> make(const ConvolutionParts &parts, at::ScalarType type);

  // `addend` has the output's shape, or is undefined.
  at::Tensor operator()(const at::Tensor &input, const at::Tensor &addend, bool is_rectified, const std::optional<ChannelPlace> &place) const;

 private:
  std::unique_ptr<convolution::Convolution<float>> in_float32_;
  std::unique_ptr<convolution::Convolution<convolution::BFloat16>> in_bfloat16_;
};

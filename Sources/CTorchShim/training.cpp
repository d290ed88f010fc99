#include "training.h"

#include <ATen/autocast_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#include "inference.h"

using namespace convolution;

namespace {

at::Tensor run(const at::Tensor &images, const at::Tensor &weight, Pair padding) {
  const ConvolutionParts parts{weight, at::Tensor(), at::Tensor(), false, {1, 1}, padding, {images.size(2), images.size(3)}};
  return (*InferenceConvolution::make(parts, at::kFloat))(images, at::Tensor(), false, std::nullopt);
}

struct Filtered final : torch::autograd::Function<Filtered> {
  using Context = torch::autograd::AutogradContext;
  using Tensors = torch::autograd::variable_list;

  static at::Tensor forward(Context *context, const at::Tensor &input, const at::Tensor &weight, int64_t height, int64_t width) {
    const at::Tensor images = input.contiguous(at::MemoryFormat::ChannelsLast);
    context->save_for_backward({images, weight});
    context->saved_data["padding"] = std::vector<int64_t>{height, width};
    return run(images, weight, {height, width});
  }

  static Tensors backward(Context *context, const Tensors &gradients) {
    const Tensors saved = context->get_saved_variables();
    const at::Tensor &input = saved[0], &weight = saved[1], slopes = gradients[0].contiguous(at::MemoryFormat::ChannelsLast);
    const auto padding = context->saved_data["padding"].toIntVector();
    at::Tensor of_input;
    if (context->needs_input_grad(0)) {
      const Pair rest{weight.size(2) - 1 - padding[0], weight.size(3) - 1 - padding[1]};
      of_input = run(slopes, weight.transpose(0, 1).flip({2, 3}), rest);
    }
    const at::Tensor of_weight = std::get<1>(at::convolution_backward(
        slopes, input, weight, at::nullopt, {1, 1}, padding, {1, 1}, false, {0, 0}, 1, {false, true, false}));
    return {of_input, of_weight, at::Tensor(), at::Tensor()};
  }
};

}  // namespace

bool can_filter(const at::Tensor &input, const at::Tensor &weight, Pair stride, Pair padding) {
  const bool is_float = input.scalar_type() == at::kFloat && weight.scalar_type() == at::kFloat && !at::autocast::is_autocast_enabled(at::kCPU);
  if (!is_float || !input.is_cpu() || input.dim() != 4 || !at::GradMode::is_enabled() || !weight.requires_grad()) return false;
  const Form form{input.size(1), weight.size(0), {weight.size(2), weight.size(3)}, stride, padding};
  return is_supported(false) && form.inputs == weight.size(1) && has_winograd(form, {input.size(2), input.size(3)}) && padding.height < form.kernel.height && padding.width < form.kernel.width;
}

at::Tensor filtered(const at::Tensor &input, const at::Tensor &weight, Pair padding) {
  return Filtered::apply(input, weight, padding.height, padding.width);
}

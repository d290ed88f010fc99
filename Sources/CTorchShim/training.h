// Convolutions with gradients by the kernels of CConvolutionKernels.
#pragma once

#include <ATen/ATen.h>

#include "convolution.h"

// Whether `filtered` computes this convolution, and faster than oneDNN: three or seven taps in float32 on the CPU, while gradients are wanted.
bool can_filter(const at::Tensor &input, const at::Tensor &weight, convolution::Pair stride, convolution::Pair padding);

// A convolution of stride 1 without a bias. Its output, and the gradient of its input, take half the multiplications (winograd.cpp).
at::Tensor filtered(const at::Tensor &input, const at::Tensor &weight, convolution::Pair padding);

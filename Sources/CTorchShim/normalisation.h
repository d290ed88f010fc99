#pragma once
#include <ATen/ATen.h>

// Batch norm by the statistics of the batch itself, which then move `mean` and `variance`, and a rectifier: images (N, C, H, W) on the CPU,
// float32 or bfloat16, with gradients. The result has its channels last.
at::Tensor batch_normalized(
    const at::Tensor &input, const at::Tensor &weight, const at::Tensor &bias, const at::Tensor &mean, const at::Tensor &variance, double momentum,
    double epsilon, bool is_rectified);

// Whether `batch_normalized` takes such images.
bool can_normalize(const at::Tensor &input);

#pragma once
#include <ATen/ATen.h>

// Each number is zeroed with `probability`, the rest is scaled up so that the mean stays: float32 on the CPU, with gradients. What is drawn depends on
// the generator and the place of a number only. PyTorch draws with a generator that fills one number after the other, and keeps what it drew.
at::Tensor dropped_out(const at::Tensor &input, double probability, at::Generator &generator);

// Pools of 3 x 3 for inference, over channels-last images: LibTorch's own also remember where each maximum was, and take longer than the
// convolutions beside them.
#pragma once

#include "inference.h"

enum class Pool { maximum, mean, mean_of_image };

// (N, C, H, W), channels last, float32 or bfloat16. `mean` counts padded zeros, `mean_of_image` leaves them out. Then `bias` (float32, C; or undefined) is added,
// and a rectifier follows where it is asked for.
at::Tensor pooled(
    const at::Tensor &input, Pool kind, int64_t stride, int64_t padding, bool rounds_up, const at::Tensor &bias, bool is_rectified,
    const std::optional<ChannelPlace> &place);

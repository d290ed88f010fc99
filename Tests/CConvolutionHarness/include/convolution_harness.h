// What tests see of CConvolutionKernels, in C.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  int64_t inputs, outputs;
  int64_t kernel_height, kernel_width;
  int64_t stride;
  int64_t padding_height, padding_width;
} HarnessForm;

// Images of (count, height, width, inputs), dense.
typedef struct {
  const float *pixels;
  int64_t count, height, width;
} HarnessImages;

bool harness_is_supported(bool in_bfloat16);
bool harness_has_winograd(HarnessForm form, int64_t height, int64_t width);
void harness_set_threads(int64_t count);

// Writes (count, output height, output width, outputs). `weights` has (outputs, inputs, kernel height, kernel width), `bias` and `addend` may be null;
// `addend` has the shape of the output. In bfloat16, pixels, weights and addend are rounded first.
void harness_convolve(
    HarnessForm form, bool is_winograd, bool in_bfloat16, HarnessImages images, const float *weights, const float *bias, const float *addend,
    bool is_rectified, float *output);

// A 3 x 3 convolution of each channel alone, then one of 1 x 1.
void harness_separable(
    HarnessForm form, bool in_bfloat16, HarnessImages images, const float *filters, bool rectifies, const float *weights, const float *bias,
    float *output);

#ifdef __cplusplus
}
#endif

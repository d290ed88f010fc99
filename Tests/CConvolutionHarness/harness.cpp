#include "convolution_harness.h"

#include <memory>
#include <vector>

#include "convolution.h"
#include "numbers.h"

using namespace convolution;

namespace {

Form form_of(const HarnessForm &form) {
  return {form.inputs, form.outputs, {form.kernel_height, form.kernel_width}, {form.stride, form.stride}, {form.padding_height, form.padding_width}};
}

template <class Element>
Aligned<Element> narrowed_copy(const float *values, int64_t count) {
  Aligned<Element> copy{size_t(count)};
  for (int64_t place = 0; place < count; ++place) copy.data()[place] = narrowed<Element>(values[place]);
  return copy;
}

template <class Element>
void run(
    const Convolution<Element> &convolve, const HarnessImages &images, const float *addend, bool is_rectified, float *output) {
  const Form &form = convolve.form;
  const Pair size = form.output({images.height, images.width});
  const int64_t count = images.count * size.height * size.width * form.outputs;
  const Aligned<Element> pixels = narrowed_copy<Element>(images.pixels, images.count * images.height * images.width * form.inputs);
  const Aligned<Element> terms = narrowed_copy<Element>(addend, addend ? count : 0);
  const Aligned<Element> result{size_t(count)};
  convolve(
      Images<Element>{pixels.data(), images.count, {images.height, images.width}},
      Destination<Element>{result.data(), form.outputs, addend ? terms.data() : nullptr, form.outputs, is_rectified});
  for (int64_t place = 0; place < count; ++place) output[place] = widened(result.data()[place]);
}

template <class Element>
std::unique_ptr<Convolution<Element>> made(const HarnessForm &form, bool is_winograd, const Weights &weights) {
  return is_winograd ? winograd<Element>(form_of(form), weights) : direct<Element>(form_of(form), weights);
}

}  // namespace

bool harness_is_supported(bool in_bfloat16) { return is_supported(in_bfloat16); }

bool harness_has_winograd(HarnessForm form, int64_t height, int64_t width) { return has_winograd(form_of(form), {height, width}); }

void harness_set_threads(int64_t count) { set_worker_threads(count); }

void harness_convolve(
    HarnessForm form, bool is_winograd, bool in_bfloat16, HarnessImages images, const float *weights, const float *bias, const float *addend,
    bool is_rectified, float *output) {
  if (in_bfloat16) {
    run(*made<BFloat16>(form, is_winograd, {weights, bias}), images, addend, is_rectified, output);
  } else {
    run(*made<float>(form, is_winograd, {weights, bias}), images, addend, is_rectified, output);
  }
}

void harness_separable(
    HarnessForm form, bool in_bfloat16, HarnessImages images, const float *filters, bool rectifies, const float *weights, const float *bias,
    float *output) {
  const Depthwise depthwise{filters, rectifies};
  if (in_bfloat16) {
    run(*separable<BFloat16>(form_of(form), {weights, bias}, depthwise), images, nullptr, false, output);
  } else {
    run(*separable<float>(form_of(form), {weights, bias}, depthwise), images, nullptr, false, output);
  }
}

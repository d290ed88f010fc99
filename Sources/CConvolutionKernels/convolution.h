// Convolutions for inference on processors with AVX-512: of channels-last images, with weights packed once, and with what follows them (a sum, a
// rectifier) done on the sums in registers. They write into any channels of an output, so that branches need no joining.
#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <vector>

#include "workers.h"
#include "tile.h"

namespace convolution {

struct Pair {
  int64_t height, width;
};

// What a convolution is, whatever the size of its images.
struct Form {
  int64_t inputs, outputs;
  Pair kernel, stride, padding;

  Pair output(Pair image) const {
    return {
        (image.height + 2 * padding.height - kernel.height) / stride.height + 1,
        (image.width + 2 * padding.width - kernel.width) / stride.width + 1};
  }
  int64_t taps() const { return kernel.height * kernel.width; }
};

// (images, height, width, channels), dense.
template <class Element>
struct Images {
  const Element *pixels;
  int64_t count;
  Pair size;
};

template <class Element>
class Convolution {
 public:
  virtual ~Convolution() = default;
  const Form form;

  virtual void operator()(const Images<Element> &input, const Destination<Element> &destination) const = 0;

 protected:
  explicit Convolution(const Form &form) : form(form) {}
};

struct Weights {
  // (outputs, inputs, height, width), dense.
  const float *values;
  // Of every output, or null.
  const float *bias;
};

// A 3 x 3 convolution of each channel alone, padded by 1, before a convolution of 1 x 1.
struct Depthwise {
  // (inputs, 3, 3).
  const float *values;
  // Its input is rectified first.
  bool rectifies;
};

template <class Element>
std::unique_ptr<Convolution<Element>> direct(const Form &form, const Weights &weights);
template <class Element>
std::unique_ptr<Convolution<Element>> separable(const Form &form, const Weights &weights, const Depthwise &depthwise);
// The kernel's three or seven taps in a row or in a column, with half the multiplications of `direct`.
template <class Element>
std::unique_ptr<Convolution<Element>> winograd(const Form &form, const Weights &weights);

// Whether there is `winograd`, and it pays for images of this size.
bool has_winograd(const Form &form, Pair image);

// Whether this processor has what the kernels need.
bool is_supported(bool in_bfloat16);

// Memory at multiples of 64 bytes.
template <class Element>
class Aligned {
 public:
  explicit Aligned(size_t count)
      : values_(static_cast<Element *>(::operator new(count * sizeof(Element), std::align_val_t(64)))), count_(count) {}
  Element *data() const { return values_.get(); }
  size_t size() const { return count_; }

 private:
  struct Free {
    void operator()(Element *values) const { ::operator delete(values, std::align_val_t(64)); }
  };
  std::unique_ptr<Element, Free> values_;
  size_t count_;
};

inline int64_t rounded_up(int64_t value, int64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

}  // namespace convolution

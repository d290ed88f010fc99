// Winograd's minimal filtering in one direction: m outputs of r taps by m + r - 1 products instead of m * r.
//
// Winograd, "Arithmetic Complexity of Computations" (1980); Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016,
// arXiv 1509.09308. In one direction only, since the square form loses digits: F(4, 3) and F(4, 4) have about twice the rounding error of
// the plain sum (tests compare with it). Both take four outputs at once; seven taps are two runs of four, of which the second is the first
// one of the four outputs that follow, so that both share their transformed inputs.
#include <array>

#include "packing.h"
#include "rounding.h"

namespace convolution {

namespace {

constexpr int outputs_at_once = 4;
// What a strip's transformed inputs should not exceed: half of a second-level cache.
constexpr int64_t strip_bytes = 512 * 1024;

// The three matrices of F(4, r) by Toom and Cook's method: polynomials are evaluated at `points` and at infinity.
template <int r>
struct Matrices {
  static constexpr int points = outputs_at_once + r - 1;
  std::array<std::array<double, points>, points> input{};
  std::array<std::array<double, r>, points> filter{};
  std::array<std::array<double, points>, outputs_at_once> output{};

  constexpr explicit Matrices(const std::array<double, points - 1> &at) {
    for (int row = 0; row < points - 1; ++row) {
      double scale = 1;
      for (int other = 0; other < points - 1; ++other) scale *= other == row ? 1 : at[row] - at[other];
      double power = 1;
      for (int column = 0; column < std::max(r, outputs_at_once); ++column, power *= at[row]) {
        if (column < r) filter[row][column] = power / scale;
        if (column < outputs_at_once) output[column][row] = power;
      }
      input[row] = product(at, row);
    }
    filter[points - 1][r - 1] = 1;
    output[outputs_at_once - 1][points - 1] = 1;
    input[points - 1] = product(at, points);
  }

 private:
  // Coefficients of the product of (x - point) over all points but one.
  static constexpr std::array<double, points> product(const std::array<double, points - 1> &at, int without) {
    std::array<double, points> coefficients{1};
    for (int root = 0, degree = 0; root < points - 1; ++root) {
      if (root == without) continue;
      ++degree;
      for (int index = degree; index > 0; --index) coefficients[index] = coefficients[index - 1] - at[root] * coefficients[index];
      coefficients[0] *= -at[root];
    }
    return coefficients;
  }
};

template <int r>
constexpr Matrices<r> matrices = [] {
  // Small numbers whose powers are exact; a half beside a two keeps the matrices' numbers near one.
  if constexpr (r == 3) {
    return Matrices<3>({0, 1, -1, 2, -0.5});
  } else {
    return Matrices<4>({0, 1, -1, 2, -2, 0.5});
  }
}();

// The sum of `row[i] * values[i]`, without the terms that are zero.
template <int r, size_t count>
HPA_AVX512_INLINE __m512 combined(const std::array<double, count> &row, const __m512 *values) {
  __m512 sum = _mm512_setzero_ps();
  bool is_first = true;
#pragma unroll
  for (size_t index = 0; index < count; ++index) {
    if (row[index] == 0) continue;
    const __m512 factor = _mm512_set1_ps(float(row[index]));
    sum = is_first ? _mm512_mul_ps(factor, values[index]) : _mm512_fmadd_ps(factor, values[index], sum);
    is_first = false;
  }
  return sum;
}

// Along: the direction of the taps that are transformed. Across: the other one, whose taps (one or three) stay as they are.
struct Direction {
  bool is_row;
  int64_t along(Pair pair) const { return is_row ? pair.width : pair.height; }
  int64_t across(Pair pair) const { return is_row ? pair.height : pair.width; }
};

template <class Element, int r>
class Winograd final : public Convolution<Element> {
 public:
  Winograd(const Form &form, const Weights &weights)
      : Convolution<Element>(form), direction_{form.kernel.width > 1}, runs_((direction_.along(form.kernel) + r - 1) / r),
        filters_(direction_.across(form.kernel)), bias_(size_t(rounded_up(form.outputs, block))), weights_(packed(weights)) {
    std::fill_n(bias_.data(), bias_.size(), 0.0f);
    if (weights.bias) std::copy_n(weights.bias, form.outputs, bias_.data());
  }

  void operator()(const Images<Element> &input, const Destination<Element> &destination) const override {
    const Form &form = this->form;
    const Pair size = form.output(input.size);
    const int64_t groups = (direction_.along(size) + outputs_at_once - 1) / outputs_at_once;
    // Lines lie across the groups: rows of the image, or columns.
    const int64_t lines = direction_.across(size);
    const int64_t line_bytes = (groups + runs_ - 1) * points * form.inputs * int64_t(sizeof(Element));
    const int64_t most_lines = std::clamp<int64_t>(strip_bytes / line_bytes, 4, std::max<int64_t>(lines, 4));
    const int64_t strips = rounded_up(input.count * ((lines + most_lines - 1) / most_lines), worker_threads()) / input.count;
    in_parallel(input.count * strips, [&](int64_t part) {
      const int64_t image = part / strips, strip = part % strips;
      Strip{*this, input, size, groups, image, lines * strip / strips, lines * (strip + 1) / strips}.run(destination);
    });
  }

 private:
  static constexpr int points = Matrices<r>::points;

  Packed<Element> packed(const Weights &weights) const {
    const Form &form = this->form;
    const int64_t taps = filters_ * runs_;
    const auto transformed = [&](int64_t output, int64_t input, int64_t tap, float *numbers) {
      transform_taps(weights.values + (output * form.inputs + input) * form.taps(), tap / runs_, tap % runs_ * r, numbers);
    };
    const auto pack = [&](auto weight) {
      return Packed<Element>(std::integral_constant<int, points>(), form.outputs, form.inputs, taps, nullptr, weight);
    };
    if constexpr (std::is_same_v<Element, float>) return pack(transformed);
    // [output][input][tap][point].
    std::vector<float> rounded(size_t(form.outputs * form.inputs * taps * points));
    const auto place = [&](int64_t output, int64_t input, int64_t tap) {
      return rounded.data() + ((output * form.inputs + input) * taps + tap) * points;
    };
    in_parallel(form.outputs, [&](int64_t output) {
      for (int64_t index = 0; index < form.inputs * taps; ++index) transformed(output, index / taps, index % taps, place(output, 0, index));
      for (int point = 0; point < points; ++point) round_weights(place(output, 0, 0) + point, form.inputs * taps, points);
    });
    return pack([&](int64_t output, int64_t input, int64_t tap, float *numbers) { std::copy_n(place(output, input, tap), points, numbers); });
  }

  void transform_taps(const float *taps, int64_t filter, int64_t first, float *numbers) const {
    const int64_t along = direction_.along(this->form.kernel);
    double run[r];
    for (int tap = 0; tap < r; ++tap) {
      const int64_t place = direction_.is_row ? filter * along + first + tap : (first + tap) * filters_ + filter;
      run[tap] = first + tap < along ? taps[place] : 0;
    }
#pragma unroll
    for (int point = 0; point < points; ++point) {
      double sum = 0;
#pragma unroll
      for (int tap = 0; tap < r; ++tap) sum += matrices<r>.filter[point][tap] * run[tap];
      numbers[point] = float(sum);
    }
  }

  // Some lines of one image: its inputs transformed, multiplied point by point, and transformed back.
  struct Strip {
    const Winograd &of;
    const Images<Element> &input;
    const Pair size;
    const int64_t groups, image, first, last;

    void run(const Destination<Element> &destination) const {
      if (first == last) return;
      const Form &form = of.form;
      const int64_t columns = groups + of.runs_ - 1, halo = of.filters_ - 1;
      const int64_t above = of.direction_.across(form.padding), rows = last - first + halo;
      const int64_t plane = rows * columns * form.inputs;
      const Aligned<Element> inputs(size_t(points * plane));
      const Aligned<float> sums(size_t(points * (last - first) * groups * block));
      for (int64_t row = 0; row < rows; ++row) {
        for (int64_t column = 0; column < columns; ++column) {
          transform(first + row - above, column, inputs.data() + (row * columns + column) * form.inputs, plane);
        }
      }
      const auto taps = find_taps(inputs.data(), columns);
      for (int64_t channel = 0; channel < form.outputs; channel += block) {
        const int64_t channels = std::min<int64_t>(block, form.outputs - channel);
        for (int point = 0; point < points; ++point) {
          multiply_point(point, taps, point * plane, channel, channels, sums.data() + point * (last - first) * groups * block);
        }
        for (int64_t line = first; line < last; ++line) {
          for (int64_t group = 0; group < groups; ++group) {
            put(sums.data() + ((line - first) * groups + group) * block, line, group, channel, channels, destination);
          }
        }
      }
    }

    int64_t pixel(int64_t line, int64_t along, Pair size) const {
      return of.direction_.is_row ? (image * size.height + line) * size.width + along : (image * size.height + along) * size.width + line;
    }

    HPA_AVX512 void transform(int64_t line, int64_t column, Element *place, int64_t plane) const {
      const int64_t inputs = of.form.inputs, start = column * outputs_at_once - of.direction_.along(of.form.padding);
      const bool is_line = uint64_t(line) < uint64_t(of.direction_.across(input.size));
      const int64_t length = of.direction_.along(input.size);
      for (int64_t channel = 0; channel < inputs; channel += lanes) {
        __m512 values[points];
#pragma unroll
        for (int point = 0; point < points; ++point) {
          const bool is_pixel = is_line && uint64_t(start + point) < uint64_t(length);
          values[point] = is_pixel ? load(input.pixels + pixel(line, start + point, input.size) * inputs + channel) : _mm512_setzero_ps();
        }
#pragma unroll
        for (int point = 0; point < points; ++point) store(place + point * plane + channel, combined<r>(matrices<r>.input[point], values));
      }
    }

    // Where the transformed inputs of every tile of groups lie, at the first point: [tile][tap][group].
    std::vector<const Element *> find_taps(const Element *inputs, int64_t columns) const {
      const int64_t count = (last - first) * groups, taps = of.filters_ * of.runs_;
      std::vector<const Element *> places(size_t(rounded_up(count, tile_pixels) * taps));
      for (int64_t index = 0; index < count; ++index) {
        const int64_t start = index / tile_pixels * tile_pixels, width = std::min<int64_t>(tile_pixels, count - start);
        const Element *at = inputs + (index / groups * columns + index % groups) * of.form.inputs;
        for (int64_t tap = 0; tap < taps; ++tap) {
          places[size_t(start * taps + tap * width + index - start)] = at + (tap / of.runs_ * columns + tap % of.runs_) * of.form.inputs;
        }
      }
      return places;
    }

    // Sums over inputs: [group][32].
    void multiply_point(
        int point, const std::vector<const Element *> &taps, int64_t shift, int64_t channel, int64_t channels, float *sums) const {
      const int64_t count = (last - first) * groups;
      const Destination<float> destination{sums, block, nullptr, 0, false};
      for (int64_t start = 0; start < count; start += tile_pixels) {
        const auto factors = of.weights_.factors(taps.data() + start * of.weights_.taps, channel, shift, point);
        multiply(int(std::min<int64_t>(tile_pixels, count - start)), rounded_up(channels, lanes), factors, destination.at(start, 0));
      }
    }

    HPA_AVX512 void put(
        const float *sums, int64_t line, int64_t group, int64_t channel, int64_t channels, const Destination<Element> &destination) const {
      const int64_t plane = (last - first) * groups * block, along = group * outputs_at_once;
      const int count = int(std::min<int64_t>(outputs_at_once, of.direction_.along(size) - along));
      for (int64_t part = 0; part < channels; part += lanes) {
        const __m512 bias = load(of.bias_.data() + channel + part);
        const __mmask16 mask = mask_of(channels - part);
        __m512 values[points];
#pragma unroll
        for (int point = 0; point < points; ++point) values[point] = load(sums + point * plane + part);
#pragma unroll
        for (int output = 0; output < outputs_at_once; ++output) {
          if (output >= count) break;
          const __m512 sum = _mm512_add_ps(bias, combined<r>(matrices<r>.output[output], values));
          destination.put(pixel(line, along + output, size), channel + part, sum, mask);
        }
      }
    }
  };

  const Direction direction_;
  // Runs of r taps along, and taps across.
  const int64_t runs_, filters_;
  const Aligned<float> bias_;
  // A set for each point.
  const Packed<Element> weights_;
};

}  // namespace

bool has_winograd(const Form &form, Pair image) {
  const int64_t along = std::max(form.kernel.height, form.kernel.width), across = std::min(form.kernel.height, form.kernel.width);
  const bool has_taps = (along == 3 && (across == 1 || across == 3)) || (along == 7 && across == 1);
  // Of a shorter image too much is edge: differences of its pixels and zeros, which bfloat16 rounds worst.
  const bool is_long = Direction{form.kernel.width > 1}.along(form.output(image)) >= 2 * outputs_at_once;
  return has_taps && is_long && form.stride.height == 1 && form.stride.width == 1 && form.inputs % lanes == 0;
}

template <class Element>
std::unique_ptr<Convolution<Element>> winograd(const Form &form, const Weights &weights) {
  if (form.taps() == 7) return std::make_unique<Winograd<Element, 4>>(form, weights);
  return std::make_unique<Winograd<Element, 3>>(form, weights);
}

template std::unique_ptr<Convolution<float>> winograd(const Form &, const Weights &);
template std::unique_ptr<Convolution<BFloat16>> winograd(const Form &, const Weights &);

}  // namespace convolution

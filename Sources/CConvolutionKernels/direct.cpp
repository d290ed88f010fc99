// Convolutions as they are defined: every tap of every pixel.
#include "packing.h"
#include "rounding.h"

namespace convolution {

namespace {

// Tiles that share a block of weights while it lies in the cache.
constexpr int64_t tiles_at_once = 8;

// Output pixels in a row, over all images; tiles divide them.
struct Pixels {
  Pair size;
  int64_t count;

  int64_t tiles() const { return (count + tile_pixels - 1) / tile_pixels; }
  int pixels_of(int64_t tile) const { return int(std::min<int64_t>(tile_pixels, count - tile * tile_pixels)); }
};

template <class Element>
const Element *zeros(int64_t count) {
  static thread_local std::vector<Element> values;
  if (int64_t(values.size()) < count) values.assign(size_t(count), 0);
  return values.data();
}

// Where the taps of a tile's pixels lie: [taps][pixels]; beyond the image lie zeros.
template <class Element>
void find_taps(
    const Form &form, const Images<Element> &input, const Pixels &pixels, int64_t tile, const Element *zeros, const Element **taps) {
  const int64_t count = pixels.pixels_of(tile), first = tile * tile_pixels;
  const int64_t image_numbers = input.size.height * input.size.width * form.inputs, row_numbers = input.size.width * form.inputs;
  int64_t column = first % pixels.size.width, line = first / pixels.size.width % pixels.size.height;
  const Element *image = input.pixels + first / pixels.size.width / pixels.size.height * image_numbers;
  for (int64_t index = 0; index < count; ++index) {
    const int64_t left = column * form.stride.width - form.padding.width, top = line * form.stride.height - form.padding.height;
    const bool is_inside = left >= 0 && top >= 0 && left + form.kernel.width <= input.size.width && top + form.kernel.height <= input.size.height;
    const Element **place = taps + index;
    for (int64_t y = top; y < top + form.kernel.height; ++y) {
      const Element *at = image + y * row_numbers + left * form.inputs;
      for (int64_t x = left; x < left + form.kernel.width; ++x, place += count, at += form.inputs) {
        *place = is_inside || (uint64_t(y) < uint64_t(input.size.height) && uint64_t(x) < uint64_t(input.size.width)) ? at : zeros;
      }
    }
    if (++column < pixels.size.width) continue;
    column = 0;
    if (++line < pixels.size.height) continue;
    line = 0;
    image += image_numbers;
  }
}

// Runs `body(first_tile, last_tile)` over parts of at most `tiles_at_once` tiles, as many for each thread.
template <class Body>
void over_tiles(int64_t tiles, Body body) {
  const int64_t parts = rounded_up((tiles + tiles_at_once - 1) / tiles_at_once, worker_threads());
  in_parallel(parts, [&](int64_t part) { body(tiles * part / parts, tiles * (part + 1) / parts); });
}

// All channels of some tiles, whose taps are `taps[tile - first]`.
template <class Element>
void multiply_tiles(
    const Packed<Element> &weights, const Pixels &pixels, int64_t first, int64_t last, const Element *const *taps,
    const Destination<Element> &destination) {
  for (int64_t channel = 0; channel < weights.outputs; channel += block) {
    const int64_t channels = std::min<int64_t>(block, weights.outputs - channel);
    for (int64_t tile = first; tile < last; ++tile) {
      const auto factors = weights.factors(taps + (tile - first) * weights.taps * tile_pixels, channel);
      multiply(pixels.pixels_of(tile), channels, factors, destination.at(tile * tile_pixels, channel));
    }
  }
}

template <class Element>
Packed<Element> packed(const Form &form, const float *values, const float *bias) {
  const int64_t taps = form.taps();
  return {std::integral_constant<int, 1>(), form.outputs, form.inputs, taps, bias,
          [&](int64_t output, int64_t input, int64_t tap, float *number) { *number = values[(output * form.inputs + input) * taps + tap]; }};
}

// Of sums over inputs that have passed a rectifier.
template <class Element>
Packed<Element> packed_for_rectified(const Form &form, const Weights &weights) {
  if constexpr (std::is_same_v<Element, float>) return packed<Element>(form, weights.values, weights.bias);
  const int64_t count = form.inputs * form.taps();
  std::vector<float> rounded(weights.values, weights.values + form.outputs * count);
  round_weights_of_outputs(rounded.data(), form.outputs, count);
  return packed<Element>(form, rounded.data(), weights.bias);
}

// Pixels copied side by side.
template <class Element>
class Gathered {
 public:
  explicit Gathered(int64_t depth)
      : stride_(rounded_up(depth, 64 / int64_t(sizeof(Element))) + 64 / int64_t(sizeof(Element))),
        values_(size_t(tiles_at_once * tile_pixels * stride_)) {}

  Element *at(int64_t pixel) const { return values_.data() + pixel * stride_; }

 private:
  int64_t stride_;
  Aligned<Element> values_;
};

template <class Element>
Pixels output_pixels(const Form &form, const Images<Element> &input) {
  const Pair size = form.output(input.size);
  return {size, input.count * size.height * size.width};
}

template <class Element>
class Direct final : public Convolution<Element> {
 public:
  Direct(const Form &form, const Weights &weights)
      : Convolution<Element>(form), weights_(packed_for_rectified<Element>(form, weights)),
        gathers_(form.taps() == 1 && form.inputs * int64_t(sizeof(Element)) % crowding == 0) {}

  void operator()(const Images<Element> &input, const Destination<Element> &destination) const override {
    const Form &form = this->form;
    const Pixels pixels = output_pixels(form, input);
    over_tiles(pixels.tiles(), [&](int64_t first, int64_t last) {
      const Gathered<Element> gathered(gathers_ ? form.inputs : 0);
      std::vector<const Element *> taps(size_t(tiles_at_once * form.taps() * tile_pixels));
      for (int64_t tile = first; tile < last; ++tile) {
        const Element **place = taps.data() + (tile - first) * form.taps() * tile_pixels;
        find_taps(form, input, pixels, tile, zeros<Element>(weights_.depth), place);
        if (!gathers_) continue;
        for (int pixel = 0; pixel < pixels.pixels_of(tile); ++pixel) {
          Element *copy = gathered.at((tile - first) * tile_pixels + pixel);
          std::copy_n(place[pixel], form.inputs, copy);
          place[pixel] = copy;
        }
      }
      multiply_tiles<Element>(weights_, pixels, first, last, taps.data(), destination);
    });
  }

 private:
  // Pixels so many bytes apart fall into the same sets of the first cache, which holds eight lines of each, and a tile has fourteen pixels.
  static constexpr int64_t crowding = 2048;

  const Packed<Element> weights_;
  const bool gathers_;
};

// The depthwise convolution of some tiles goes into the cache only, and from there into the sums across channels.
template <class Element>
class Separable final : public Convolution<Element> {
 public:
  Separable(const Form &form, const Weights &weights, const Depthwise &depthwise)
      : Convolution<Element>(form), weights_(packed<Element>(form, weights.values, weights.bias)), rectifies_(depthwise.rectifies),
        taps_(size_t(rounded_up(form.inputs, lanes) * taps)) {
    std::fill_n(taps_.data(), taps_.size(), 0.0f);
    for (int64_t channel = 0; channel < form.inputs; ++channel) {
      float *place = taps_.data() + channel / lanes * lanes * taps + channel % lanes;
      for (int64_t tap = 0; tap < taps; ++tap) place[tap * lanes] = depthwise.values[channel * taps + tap];
    }
  }

  void operator()(const Images<Element> &input, const Destination<Element> &destination) const override {
    Form spatial = this->form;
    spatial.kernel = {3, 3};
    spatial.padding = {1, 1};
    const Pixels pixels = output_pixels(this->form, input);
    over_tiles(pixels.tiles(), [&](int64_t first, int64_t last) {
      const Gathered<Element> gathered(rounded_up(weights_.depth, lanes));
      const Element *beyond = zeros<Element>(rounded_up(weights_.depth, lanes));
      const Element *sources[taps * tile_pixels];
      std::vector<const Element *> places(size_t(tiles_at_once * tile_pixels));
      for (int64_t tile = first; tile < last; ++tile) {
        find_taps(spatial, input, pixels, tile, beyond, sources);
        const int64_t start = (tile - first) * tile_pixels;
        for (int pixel = 0; pixel < pixels.pixels_of(tile); ++pixel) places[size_t(start + pixel)] = gathered.at(start + pixel);
        const auto run = rectifies_ ? &Separable::filter<true> : &Separable::filter<false>;
        const int64_t width = pixels.size.width, row_start = rounded_up(tile * tile_pixels, width) - tile * tile_pixels;
        (this->*run)(sources, pixels.pixels_of(tile), row_start, width, gathered, start);
      }
      multiply_tiles<Element>(weights_, pixels, first, last, places.data(), destination);
    });
  }

 private:
  static constexpr int side = 3, taps = side * side;

  // One column of three pixels.
  template <bool rectifies>
  HPA_AVX512_INLINE static void load_column(
      const Element *const *sources, int64_t count, int column, int64_t channel, __mmask16 mask, __m512 *values) {
#pragma unroll
    for (int row = 0; row < side; ++row) {
      values[row] = load(sources[(row * side + column) * count] + channel, mask);
      if constexpr (rectifies) values[row] = rectified(values[row]);
    }
  }

  // Neighbours in a row share two of three columns.
  template <bool rectifies>
  HPA_AVX512 void filter(
      const Element *const *sources, int count, int64_t row_start, int64_t width, const Gathered<Element> &gathered, int64_t start) const {
    const int64_t channels = this->form.inputs;
    for (int64_t channel = 0; channel < channels; channel += lanes) {
      const __mmask16 mask = mask_of(channels - channel);
      __m512 weights[taps];
#pragma unroll
      for (int tap = 0; tap < taps; ++tap) weights[tap] = load(taps_.data() + channel * taps + tap * lanes);
      __m512 columns[side][side];
      for (int pixel = 0, next_row = int(row_start); pixel < count; ++pixel) {
        const bool is_new = pixel == 0 || pixel == next_row;
        if (pixel == next_row) next_row += int(width);
#pragma unroll
        for (int column = 0; column < side - 1; ++column) {
          if (is_new) {
            load_column<rectifies>(sources + pixel, count, column, channel, mask, columns[column]);
          } else {
#pragma unroll
            for (int row = 0; row < side; ++row) columns[column][row] = columns[column + 1][row];
          }
        }
        load_column<rectifies>(sources + pixel, count, side - 1, channel, mask, columns[side - 1]);
        // What the next tile reads first: in this order of channels before pixels the processor does not foresee it.
        const Element *below = sources[(taps - side) * count + pixel] + channel;
        _mm_prefetch(reinterpret_cast<const char *>(below + tile_pixels * channels), _MM_HINT_T0);
        __m512 sum = _mm512_setzero_ps();
#pragma unroll
        for (int tap = 0; tap < taps; ++tap) sum = _mm512_fmadd_ps(columns[tap % side][tap / side], weights[tap], sum);
        store(gathered.at(start + pixel) + channel, sum);
      }
    }
  }

  const Packed<Element> weights_;
  const bool rectifies_;
  // [inputs / 16][tap][16].
  const Aligned<float> taps_;
};

}  // namespace

template <class Element>
std::unique_ptr<Convolution<Element>> direct(const Form &form, const Weights &weights) {
  return std::make_unique<Direct<Element>>(form, weights);
}

template <class Element>
std::unique_ptr<Convolution<Element>> separable(const Form &form, const Weights &weights, const Depthwise &depthwise) {
  return std::make_unique<Separable<Element>>(form, weights, depthwise);
}

template std::unique_ptr<Convolution<float>> direct(const Form &, const Weights &);
template std::unique_ptr<Convolution<BFloat16>> direct(const Form &, const Weights &);
template std::unique_ptr<Convolution<float>> separable(const Form &, const Weights &, const Depthwise &);
template std::unique_ptr<Convolution<BFloat16>> separable(const Form &, const Weights &, const Depthwise &);

}  // namespace convolution

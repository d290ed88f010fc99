#include "internal.h"

#include <string.h>

typedef uint8_t bytes __attribute__((vector_size(16)));
typedef uint16_t words __attribute__((vector_size(32)));

enum { pixels_together = 16, most_together = 256 };

// Adds up each of the first three channels. A lane holds a channel of every 16th pixel, and at most 256 of them, which fit 16 bits.
static inline __attribute__((always_inline)) void add_channels(const uint8_t *pixels, size_t count, const size_t channels, uint64_t *sums) {
  while (count >= pixels_together) {
    words lanes[4] = {0};
    for (int block = 0; block < most_together && count >= pixels_together; block++) {
#pragma clang loop unroll(full)
      for (size_t part = 0; part < channels; part++) {
        bytes loaded;
        memcpy(&loaded, pixels + part * sizeof loaded, sizeof loaded);
        lanes[part] += __builtin_convertvector(loaded, words);
      }
      pixels += pixels_together * channels;
      count -= pixels_together;
    }
    for (size_t lane = 0; lane < pixels_together * channels; lane++) {
      if (lane % channels < 3) sums[lane % channels] += lanes[lane / pixels_together][lane % pixels_together];
    }
  }
  for (size_t sample = 0; sample < count * channels; sample++) {
    if (sample % channels < 3) sums[sample % channels] += pixels[sample];
  }
}

static inline uint8_t largest(uint8_t one, uint8_t other) { return one > other ? one : other; }

static inline __attribute__((always_inline)) void take(
    const uint8_t *pixels, size_t count, const size_t channels, hpa_stain_source source, uint8_t *levels) {
  switch (source) {
    case HPA_STAIN_RED:
    case HPA_STAIN_GREEN:
    case HPA_STAIN_BLUE:
      for (size_t index = 0; index < count; index++) levels[index] = pixels[index * channels + source];
      break;
    case HPA_STAIN_MEAN_OF_RED_AND_GREEN:
      for (size_t index = 0; index < count; index++) levels[index] = (uint8_t)((pixels[index * channels] + pixels[index * channels + 1] + 1) >> 1);
      break;
    case HPA_STAIN_LUMA:
      for (size_t index = 0; index < count; index++) {
        const uint8_t *pixel = pixels + index * channels;
        levels[index] = (uint8_t)((pixel[0] * 19595u + pixel[1] * 38470u + pixel[2] * 7471u + 32768u) >> 16);
      }
      break;
    case HPA_STAIN_BRIGHTEST:
      for (size_t index = 0; index < count; index++) {
        const uint8_t *pixel = pixels + index * channels;
        levels[index] = largest(pixel[0], largest(pixel[1], pixel[2]));
      }
      break;
  }
}

// Compiled twice, for baseline x86-64 cannot pick every third byte.
__attribute__((target_clones("avx2", "default"))) void hpa_take_stain(
    const uint8_t *pixels, size_t count, size_t channels, hpa_stain_source source, uint8_t *levels, uint64_t *sums) {
  if (channels == 3) {
    take(pixels, count, 3, source, levels);
    if (sums) add_channels(pixels, count, 3, sums);
  } else {
    take(pixels, count, 4, source, levels);
    if (sums) add_channels(pixels, count, 4, sums);
  }
}

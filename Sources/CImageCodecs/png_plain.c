#include "internal.h"

#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>

// Rows are unfiltered along a diagonal: lane k holds a pixel of the k-th row, k columns behind the first. So the pixels to the left, above and
// between the two are there before they are needed, and a step takes one pixel of every row. Lane 0 is the finished row above.
enum { lane_count = 16, band_rows = lane_count - 1 };
typedef uint8_t lanes __attribute__((vector_size(16)));

typedef enum { filter_none, filter_sub, filter_up, filter_average, filter_paeth, filter_count } row_filter;

static const uint8_t zeros[HPA_IMAGE_MAX_SIDE];

// What is larger, libpng may refuse; it decides.
static const uint32_t longest_chunk = 8000000;

typedef struct {
  const uint8_t *type;
  const uint8_t *data;
  uint32_t length;
} png_chunk;

typedef struct {
  uint8_t *bytes;
  size_t count;
} joined_data;

static bool is(const png_chunk *chunk, const char *type) { return memcmp(chunk->type, type, 4) == 0; }

static bool next_chunk(hpa_memory *file, png_chunk *chunk) {
  const uint8_t *start = file->bytes + file->position;
  size_t left = file->count - file->position;
  if (left < 12) return false;
  uint32_t length = hpa_big_endian(start);
  if (length > longest_chunk || length > left - 12) return false;
  if (libdeflate_crc32(0, start + 4, length + 4) != hpa_big_endian(start + 8 + length)) return false;
  *chunk = (png_chunk){.type = start + 4, .data = start + 8, .length = length};
  file->position += 12 + length;
  return true;
}

// Whether a chunk says nothing of the pixels. Small letters begin the names of chunks that may be passed over.
static bool is_aside(const png_chunk *chunk) {
  for (int place = 0; place < 4; place++) {
    uint8_t letter = chunk->type[place] | 0x20;
    if (letter < 'a' || letter > 'z') return false;
  }
  return (chunk->type[0] & 0x20) != 0 && !is(chunk, "tRNS");
}

static bool is_plain(const png_chunk *chunk, const hpa_image_header *header) {
  const uint8_t grey_8_bits_not_interlaced[5] = {8, 0, 0, 0, 0};
  return is(chunk, "IHDR") && chunk->length == 13 && hpa_big_endian(chunk->data) == header->width &&
         hpa_big_endian(chunk->data + 4) == header->height && memcmp(chunk->data + 8, grey_8_bits_not_interlaced, 5) == 0;
}

// Puts the compressed bytes of all data chunks, which must follow each other, into `data`.
static bool join_data(hpa_memory *file, joined_data *data) {
  png_chunk chunk;
  bool has_begun = false, has_ended = false;
  while (next_chunk(file, &chunk)) {
    if (is(&chunk, "IDAT")) {
      if (has_ended) return false;
      has_begun = true;
      memcpy(data->bytes + data->count, chunk.data, chunk.length);
      data->count += chunk.length;
      continue;
    }
    has_ended = has_begun;
    if (is(&chunk, "IEND")) return has_ended && chunk.length == 0;
    if (!is_aside(&chunk)) return false;
  }
  return false;
}

// Fills `rows` exactly. A window below 32 KiB is left to zlib, which holds the data to it.
static bool inflate_rows(const joined_data *data, uint8_t *rows, size_t count) {
  const uint8_t deflate_of_32_kib = 0x78;
  if (data->count == 0 || data->bytes[0] != deflate_of_32_kib) return false;
  struct libdeflate_decompressor *decompressor = libdeflate_alloc_decompressor();
  if (!decompressor) return false;
  size_t used = 0;
  enum libdeflate_result result = libdeflate_zlib_decompress_ex(decompressor, data->bytes, data->count, rows, count, &used, NULL);
  libdeflate_free_decompressor(decompressor);
  return result == LIBDEFLATE_SUCCESS && used == data->count;
}

static inline lanes load(const uint8_t *row, ptrdiff_t column, ptrdiff_t width) {
  lanes loaded = {0};
  if (column >= 0 && column + lane_count <= width) {
    memcpy(&loaded, row + column, lane_count);
    return loaded;
  }
  ptrdiff_t begin = column < 0 ? 0 : column, end = column + lane_count < width ? column + lane_count : width;
  if (begin < end) memcpy((uint8_t *)&loaded + (begin - column), row + begin, (size_t)(end - begin));
  return loaded;
}

static inline void store(lanes stored, uint8_t *row, ptrdiff_t column, ptrdiff_t width) {
  if (column >= 0 && column + lane_count <= width) {
    memcpy(row + column, &stored, lane_count);
    return;
  }
  ptrdiff_t begin = column < 0 ? 0 : column, end = column + lane_count < width ? column + lane_count : width;
  if (begin < end) memcpy(row + begin, (uint8_t *)&stored + (begin - column), (size_t)(end - begin));
}

static inline void transpose(lanes block[lane_count]) {
#pragma clang loop unroll(full)
  for (int round = 0; round < 4; round++) {
    lanes mixed[lane_count];
#pragma clang loop unroll(full)
    for (int lane = 0; lane < lane_count / 2; lane++) {
      lanes low = block[lane], high = block[lane + lane_count / 2];
      mixed[2 * lane] = __builtin_shufflevector(low, high, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      mixed[2 * lane + 1] = __builtin_shufflevector(low, high, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    }
    memcpy(block, mixed, sizeof mixed);
  }
}

static inline lanes of_lane_before(lanes values) {
  return __builtin_shufflevector((lanes){0}, values, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30);
}

static inline lanes distance(lanes one, lanes other) { return __builtin_elementwise_max(one, other) - __builtin_elementwise_min(one, other); }

// The nearest of three pixels to left + above - corner. Where left and above lie on one side of the corner, that is never the corner.
static inline lanes nearest(lanes left, lanes above, lanes corner) {
  lanes to_left = distance(above, corner), to_above = distance(left, corner);
  lanes is_never_corner = (lanes)((left >= corner) == (above >= corner));
  lanes to_corner = is_never_corner | distance(to_left, to_above);
  lanes takes_left = (lanes)(to_left <= to_above) & (lanes)(to_left <= to_corner);
  lanes takes_above = (lanes)(to_above <= to_corner);
  return (left & takes_left) | (~takes_left & ((above & takes_above) | (corner & ~takes_above)));
}

typedef struct {
  const uint8_t *sources[lane_count];
  uint8_t *targets[lane_count];
  lanes filters;
} png_band;

// `rows` begins with the filter of the first of `count` rows; lanes without a row are filled with zeros.
static png_band band_of(const uint8_t *rows, uint32_t count, const uint8_t *above, uint8_t *target, size_t width) {
  png_band band = {.sources = {above}, .filters = {filter_none}};
  for (uint32_t row = 0; row < band_rows; row++) {
    band.sources[row + 1] = row < count ? rows + row * (width + 1) + 1 : zeros;
    band.targets[row + 1] = row < count ? target + row * width : NULL;
    band.filters[row + 1] = row < count ? rows[row * (width + 1)] : filter_none;
  }
  return band;
}

static void unfilter_band(const png_band *band, ptrdiff_t width) {
  const lanes sub = (lanes)(band->filters == filter_sub), up = (lanes)(band->filters == filter_up);
  const lanes average = (lanes)(band->filters == filter_average), paeth = (lanes)(band->filters == filter_paeth);
  lanes left = {0}, corner = {0};
  for (ptrdiff_t column = 0; column < width + band_rows; column += lane_count) {
    lanes block[lane_count];
#pragma clang loop unroll(full)
    for (int lane = 0; lane < lane_count; lane++) block[lane] = load(band->sources[lane], column - lane, width);
    transpose(block);
    for (int step = 0; step < lane_count; step++) {
      lanes above = of_lane_before(left);
      lanes mean = (left & above) + ((left ^ above) >> 1);
      lanes predicted = (left & sub) | (above & up) | (mean & average) | (nearest(left, above, corner) & paeth);
      corner = above;
      left = block[step] += predicted;
    }
    transpose(block);
    for (int lane = 1; lane < lane_count && band->targets[lane]; lane++) store(block[lane], band->targets[lane], column - lane, width);
  }
}

static bool unfilter(const uint8_t *rows, const hpa_image_header *header, uint8_t *samples) {
  size_t width = header->width;
  for (uint32_t row = 0; row < header->height; row++) {
    if (rows[row * (width + 1)] >= filter_count) return false;
  }
  const uint8_t *above = zeros;
  for (uint32_t row = 0; row < header->height; row += band_rows) {
    uint32_t count = header->height - row < band_rows ? header->height - row : band_rows;
    png_band band = band_of(rows + row * (width + 1), count, above, samples + row * width, width);
    unfilter_band(&band, (ptrdiff_t)width);
    above = samples + (row + count - 1) * width;
  }
  return true;
}

static bool read_into(hpa_memory *file, const hpa_image_header *header, joined_data *data, uint8_t *rows, size_t count, uint8_t *samples) {
  return join_data(file, data) && inflate_rows(data, rows, count) && unfilter(rows, header, samples);
}

bool hpa_read_plain_png(const uint8_t *bytes, size_t count, const hpa_image_header *header, uint8_t *samples) {
  hpa_memory file = {.bytes = (uint8_t *)bytes, .count = count, .position = 8};
  png_chunk first;
  if (header->channels != 1 || header->bits != 8 || !next_chunk(&file, &first) || !is_plain(&first, header)) return false;
  size_t filtered = ((size_t)header->width + 1) * header->height;
  joined_data data = {.bytes = malloc(count)};
  uint8_t *rows = malloc(filtered);
  bool is_read = data.bytes && rows && read_into(&file, header, &data, rows, filtered, samples);
  free(data.bytes);
  free(rows);
  return is_read;
}

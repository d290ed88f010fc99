#ifndef HPA_IMAGE_INTERNAL_H
#define HPA_IMAGE_INTERNAL_H

#include "hpa_image_codecs.h"

#include <stdbool.h>

// A file that lives in memory: a window to read from, or a buffer that grows while it is written.
typedef struct {
  uint8_t *bytes;
  size_t count;
  size_t capacity;
  size_t position;
} hpa_memory;

// Writes at `position` and moves it; false where memory ran out.
bool hpa_memory_write(hpa_memory *memory, const void *bytes, size_t count);

hpa_image_status hpa_fail(hpa_image_error *error, hpa_image_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));

// HPA_IMAGE_OK where both sides lie in 1...HPA_IMAGE_MAX_SIDE.
hpa_image_status hpa_check_sides(uint64_t width, uint64_t height, hpa_image_error *error);

// HPA_IMAGE_OK where the samples take at most HPA_IMAGE_MAX_BYTES, and the file's `count` bytes are not fewer than the `least` that could
// hold them.
hpa_image_status hpa_check_size(const hpa_image_header *header, size_t count, size_t least, hpa_image_error *error);

size_t hpa_row_bytes(const hpa_image_header *header);

uint32_t hpa_big_endian(const uint8_t *bytes);

// Whether these are the first bytes of a TIFF.
bool hpa_is_tiff(const uint8_t *bytes, size_t count);

// One reader a format. `samples` is NULL where only the header is wanted.
hpa_image_status hpa_read_png(const uint8_t *bytes, size_t count, hpa_image_header *header, void *samples, hpa_image_error *error);
hpa_image_status hpa_read_tiff(const uint8_t *bytes, size_t count, hpa_image_header *header, void *samples, hpa_image_error *error);
hpa_image_status hpa_read_jpeg(const uint8_t *bytes, size_t count, hpa_image_header *header, void *samples, hpa_image_error *error);

// Decodes a PNG as stains are, 8-bit grey and not interlaced, several times as fast as libpng. False where it is another one, or anything is
// wrong or odd: then `hpa_read_png` reads it or says what is wrong.
bool hpa_read_plain_png(const uint8_t *bytes, size_t count, const hpa_image_header *header, uint8_t *samples);

// True where the header read from the bytes is the one that the caller sized its buffer by.
bool hpa_same_header(const hpa_image_header *left, const hpa_image_header *right);

#endif

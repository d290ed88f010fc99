#include "internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef hpa_image_status (*reader)(const uint8_t *, size_t, hpa_image_header *, void *, hpa_image_error *);

static bool starts_with(const uint8_t *bytes, size_t count, const char *magic, size_t length) {
  return count >= length && memcmp(bytes, magic, length) == 0;
}

bool hpa_is_tiff(const uint8_t *bytes, size_t count) {
  // Classic TIFF (42) and BigTIFF (43), in both byte orders.
  const char *magics[] = {"II*\0", "MM\0*", "II+\0", "MM\0+"};
  for (int index = 0; index < 4; index++) {
    if (starts_with(bytes, count, magics[index], 4)) return true;
  }
  return false;
}

static reader reader_of(const uint8_t *bytes, size_t count) {
  if (starts_with(bytes, count, "\x89PNG\r\n\x1a\n", 8)) return hpa_read_png;
  if (starts_with(bytes, count, "\xff\xd8\xff", 3)) return hpa_read_jpeg;
  return hpa_is_tiff(bytes, count) ? hpa_read_tiff : NULL;
}

hpa_image_status hpa_image_probe(const uint8_t *bytes, size_t count, hpa_image_header *header, hpa_image_error *error) {
  memset(header, 0, sizeof *header);
  reader read = reader_of(bytes, count);
  if (!read) return hpa_fail(error, HPA_IMAGE_UNKNOWN_FORMAT, "the first bytes are those of no PNG, TIFF or JPEG");
  return read(bytes, count, header, NULL, error);
}

hpa_image_status hpa_image_decode(
    const uint8_t *bytes, size_t count, const hpa_image_header *header, void *samples, hpa_image_error *error) {
  hpa_image_header expected = *header;
  reader read = reader_of(bytes, count);
  if (!read) return hpa_fail(error, HPA_IMAGE_UNKNOWN_FORMAT, "the first bytes are those of no PNG, TIFF or JPEG");
  return read(bytes, count, &expected, samples, error);
}

void hpa_image_free(uint8_t *bytes) { free(bytes); }

bool hpa_memory_write(hpa_memory *memory, const void *bytes, size_t count) {
  size_t end = memory->position + count;
  if (end > memory->capacity) {
    size_t capacity = end + end / 2 + 4096;
    uint8_t *larger = realloc(memory->bytes, capacity);
    if (!larger) return false;
    memory->bytes = larger;
    memory->capacity = capacity;
  }
  if (memory->position > memory->count) memset(memory->bytes + memory->count, 0, memory->position - memory->count);
  memcpy(memory->bytes + memory->position, bytes, count);
  memory->position = end;
  if (end > memory->count) memory->count = end;
  return true;
}

hpa_image_status hpa_fail(hpa_image_error *error, hpa_image_status status, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  error->status = status;
  vsnprintf(error->detail, sizeof error->detail, format, arguments);
  va_end(arguments);
  return status;
}

hpa_image_status hpa_check_sides(uint64_t width, uint64_t height, hpa_image_error *error) {
  if (width == 0 || height == 0) return hpa_fail(error, HPA_IMAGE_DAMAGED, "a side is 0 pixels long");
  if (width > HPA_IMAGE_MAX_SIDE || height > HPA_IMAGE_MAX_SIDE) {
    return hpa_fail(
        error, HPA_IMAGE_TOO_LARGE, "%llu x %llu pixels; at most %d a side are read", (unsigned long long)width,
        (unsigned long long)height, HPA_IMAGE_MAX_SIDE);
  }
  return HPA_IMAGE_OK;
}

hpa_image_status hpa_check_size(const hpa_image_header *header, size_t count, size_t least, hpa_image_error *error) {
  size_t claimed = hpa_row_bytes(header) * header->height;
  if (claimed > HPA_IMAGE_MAX_BYTES) {
    return hpa_fail(
        error, HPA_IMAGE_TOO_LARGE, "%u x %u x %u samples of %u bits take more than 1 GiB", header->width, header->height, header->channels,
        header->bits);
  }
  if (count < least) {
    return hpa_fail(error, HPA_IMAGE_DAMAGED, "%zu bytes cannot hold the %u x %u pixels that its header claims", count, header->width, header->height);
  }
  return HPA_IMAGE_OK;
}

size_t hpa_row_bytes(const hpa_image_header *header) { return (size_t)header->width * header->channels * header->bits / 8; }

uint32_t hpa_big_endian(const uint8_t *bytes) {
  return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

bool hpa_same_header(const hpa_image_header *left, const hpa_image_header *right) {
  return left->format == right->format && left->width == right->width && left->height == right->height &&
         left->channels == right->channels && left->bits == right->bits;
}

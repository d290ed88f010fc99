// PNG, TIFF and JPEG between memory and interleaved samples. Formats are told by their first bytes, never by a name.
// Every function that can fail returns a status and fills `error`; nothing is left allocated when one fails.
#ifndef HPA_IMAGE_CODECS_H
#define HPA_IMAGE_CODECS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The longest side that is read, in pixels; a header that claims more is refused before anything is allocated for it.
#define HPA_IMAGE_MAX_SIDE 16384
#define HPA_IMAGE_MAX_CHANNELS 8
// The most bytes that a decoded picture may take: 1 GiB. The libraries' own working memory has the same limit.
#define HPA_IMAGE_MAX_BYTES 0x40000000u

typedef enum { HPA_IMAGE_PNG = 1, HPA_IMAGE_TIFF = 2, HPA_IMAGE_JPEG = 3 } hpa_image_format;

typedef enum {
  HPA_IMAGE_OK = 0,
  HPA_IMAGE_UNKNOWN_FORMAT = 1,
  HPA_IMAGE_TOO_LARGE = 2,
  HPA_IMAGE_UNSUPPORTED = 3,
  HPA_IMAGE_DAMAGED = 4,
  HPA_IMAGE_OUT_OF_MEMORY = 5,
} hpa_image_status;

typedef enum { HPA_TIFF_NONE = 1, HPA_TIFF_LZW = 5, HPA_TIFF_DEFLATE = 8 } hpa_tiff_compression;

// Samples are bytes (bits = 8) or uint16_t in the machine's order (bits = 16), interleaved, row by row.
typedef struct {
  hpa_image_format format;
  uint32_t width;
  uint32_t height;
  uint32_t channels;
  uint32_t bits;
} hpa_image_header;

// `detail` is the library's own message, for the reader of an error.
typedef struct {
  hpa_image_status status;
  char detail[240];
} hpa_image_error;

// Reads the header only. One that claims more pixels than the file's bytes can hold (PNG, JPEG) is refused here, before its caller
// allocates anything.
hpa_image_status hpa_image_probe(const uint8_t *bytes, size_t count, hpa_image_header *header, hpa_image_error *error);

// Decodes into `samples`, which holds width * height * channels * bits / 8 bytes as `hpa_image_probe` told them for the same bytes.
hpa_image_status hpa_image_decode(
    const uint8_t *bytes, size_t count, const hpa_image_header *header, void *samples, hpa_image_error *error);

// What of an RGB pixel becomes the level of a stain.
typedef enum {
  HPA_STAIN_RED = 0,
  HPA_STAIN_GREEN = 1,
  HPA_STAIN_BLUE = 2,
  HPA_STAIN_MEAN_OF_RED_AND_GREEN = 3,  // rounded up
  HPA_STAIN_LUMA = 4,                   // ITU-R BT.601 with Pillow's integers
  HPA_STAIN_BRIGHTEST = 5,
} hpa_stain_source;

// One level a pixel out of `count` interleaved ones of 3 or 4 channels; the fourth (alpha) is not looked at. What R, G and B sum up to is
// added to the three `sums`, unless these are NULL.
void hpa_take_stain(const uint8_t *pixels, size_t count, size_t channels, hpa_stain_source source, uint8_t *levels, uint64_t *sums);

// Decodes a JPEG of 3 channels as `hpa_image_decode` and `hpa_take_stain` together, row by row: the RGB picture is never whole in memory.
// `levels` holds width * height bytes.
hpa_image_status hpa_image_decode_jpeg_stain(
    const uint8_t *bytes, size_t count, const hpa_image_header *header, hpa_stain_source source, uint8_t *levels, uint64_t *sums,
    hpa_image_error *error);

// Whether a file of `file_bytes`, of which the first `count` are given, is a TIFF of 8-bit grey whose pixels lie one after the other as they are,
// from `offset` on.
bool hpa_image_find_plain(const uint8_t *bytes, size_t count, size_t file_bytes, hpa_image_header *header, uint64_t *offset);

// The encoders hand over `*bytes`, to be released with hpa_image_free. `header->format` is not looked at.
// PNG: 1 or 3 channels of 8 or 16 bits; level is zlib's, 0 to 9.
hpa_image_status hpa_image_encode_png(
    const void *samples, const hpa_image_header *header, int level, uint8_t **bytes, size_t *count, hpa_image_error *error);

// TIFF: 1 or 3 channels of 8 or 16 bits. `tile_side` is a multiple of 16, or 0 for strips.
hpa_image_status hpa_image_encode_tiff(
    const void *samples, const hpa_image_header *header, hpa_tiff_compression compression, uint32_t tile_side, uint8_t **bytes,
    size_t *count, hpa_image_error *error);

// JPEG: 1 or 3 channels of 8 bits; quality 1 to 100.
hpa_image_status hpa_image_encode_jpeg(
    const void *samples, const hpa_image_header *header, int quality, uint8_t **bytes, size_t *count, hpa_image_error *error);

void hpa_image_free(uint8_t *bytes);

// Blocks up to `largest_block` bytes that are freed stay with the process, `most` bytes of them.
void hpa_keep_freed_memory(size_t largest_block, size_t most);

#endif

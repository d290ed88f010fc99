#include "internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tiffio.h>

// A tile is not longer than this, unless the picture is.
static const uint32_t most_tile_side = 4096;

// Smaller copies and masks that follow the picture.
static const int most_further_pages = 64;

typedef struct {
  hpa_memory memory;
  // Of the file, where only its first bytes are in memory; else 0.
  size_t file_bytes;
  bool has_warning;
  hpa_image_error *error;
} tiff_session;

// How the samples of the first page lie in the file.
typedef struct {
  hpa_image_header header;
  uint16_t stored_channels;
  uint16_t planar;
  uint16_t photometric;
} tiff_layout;

static int on_error(TIFF *tiff, void *user, const char *module, const char *format, va_list arguments) {
  (void)tiff;
  (void)module;
  hpa_image_error *error = ((tiff_session *)user)->error;
  if (error->status != HPA_IMAGE_OK) return 1;  // the first message is the cause
  error->status = HPA_IMAGE_DAMAGED;
  vsnprintf(error->detail, sizeof error->detail, format, arguments);
  return 1;
}

static int on_warning(TIFF *tiff, void *user, const char *module, const char *format, va_list arguments) {
  (void)tiff, (void)module, (void)format, (void)arguments;
  ((tiff_session *)user)->has_warning = true;
  return 1;
}

static tmsize_t read_bytes(thandle_t handle, void *target, tmsize_t count) {
  hpa_memory *memory = &((tiff_session *)handle)->memory;
  if (memory->position >= memory->count || count <= 0) return 0;
  size_t left = memory->count - memory->position;
  size_t taken = (size_t)count < left ? (size_t)count : left;
  memcpy(target, memory->bytes + memory->position, taken);
  memory->position += taken;
  return (tmsize_t)taken;
}

static tmsize_t write_bytes(thandle_t handle, void *source, tmsize_t count) {
  return hpa_memory_write(&((tiff_session *)handle)->memory, source, (size_t)count) ? count : -1;
}

static toff_t seek(thandle_t handle, toff_t offset, int whence) {
  hpa_memory *memory = &((tiff_session *)handle)->memory;
  if (whence == SEEK_CUR) offset += memory->position;
  if (whence == SEEK_END) offset += memory->count;
  memory->position = offset;
  return offset;
}

static int close_nothing(thandle_t handle) {
  (void)handle;
  return 0;
}

static toff_t size_of(thandle_t handle) {
  const tiff_session *session = handle;
  return session->file_bytes ? session->file_bytes : session->memory.count;
}

static int map_bytes(thandle_t handle, void **base, toff_t *size) {
  hpa_memory *memory = &((tiff_session *)handle)->memory;
  *base = memory->bytes;
  *size = memory->count;
  return 1;
}

static void unmap_nothing(thandle_t handle, void *base, toff_t size) { (void)handle, (void)base, (void)size; }

static TIFF *open_session(tiff_session *session, const char *mode) {
  TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
  if (!options) return NULL;
  TIFFOpenOptionsSetMaxSingleMemAlloc(options, HPA_IMAGE_MAX_BYTES);
  TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, session);
  TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, session);
  TIFF *tiff = TIFFClientOpenExt(
      "", mode, session, read_bytes, write_bytes, seek, close_nothing, size_of, map_bytes, unmap_nothing, options);
  TIFFOpenOptionsFree(options);
  return tiff;
}

static hpa_image_status damaged(tiff_session *session, const char *what) {
  if (session->error->status != HPA_IMAGE_OK) return session->error->status;
  return hpa_fail(session->error, HPA_IMAGE_DAMAGED, "%s", what);
}

static hpa_image_status read_layout(TIFF *tiff, tiff_session *session, tiff_layout *layout) {
  uint32_t width = 0, height = 0;
  uint16_t bits = 1, format = SAMPLEFORMAT_UINT, orientation = ORIENTATION_TOPLEFT;
  if (!TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &width) || !TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &height)) return damaged(session, "no width or height");
  hpa_image_status status = hpa_check_sides(width, height, session->error);
  if (status != HPA_IMAGE_OK) return status;
  TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &bits);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &layout->stored_channels);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLEFORMAT, &format);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_ORIENTATION, &orientation);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_PLANARCONFIG, &layout->planar);
  if (!TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &layout->photometric)) return damaged(session, "no photometric interpretation");
  hpa_image_error *error = session->error;
  if (bits != 8 && bits != 16) return hpa_fail(error, HPA_IMAGE_UNSUPPORTED, "TIFF of %u bits a sample; 8 and 16 are read", bits);
  if (format != SAMPLEFORMAT_UINT && format != SAMPLEFORMAT_VOID) return hpa_fail(error, HPA_IMAGE_UNSUPPORTED, "TIFF of signed or floating-point samples");
  if (orientation != ORIENTATION_TOPLEFT) return hpa_fail(error, HPA_IMAGE_UNSUPPORTED, "TIFF that is turned or mirrored (orientation %u)", orientation);
  uint16_t channels = layout->stored_channels;
  switch (layout->photometric) {
    case PHOTOMETRIC_MINISBLACK:
    case PHOTOMETRIC_MINISWHITE: break;
    case PHOTOMETRIC_RGB:
      if (channels < 3) return hpa_fail(error, HPA_IMAGE_DAMAGED, "RGB with %u samples a pixel", channels);
      break;
    case PHOTOMETRIC_PALETTE:
      if (bits != 8 || channels != 1) return hpa_fail(error, HPA_IMAGE_UNSUPPORTED, "TIFF palette of %u x %u bits", channels, bits);
      channels = 3;
      break;
    default: return hpa_fail(error, HPA_IMAGE_UNSUPPORTED, "TIFF of photometric interpretation %u; grey, RGB and palette are read", layout->photometric);
  }
  if (channels == 0 || channels > HPA_IMAGE_MAX_CHANNELS) return hpa_fail(error, HPA_IMAGE_UNSUPPORTED, "TIFF of %u samples a pixel", channels);
  layout->header = (hpa_image_header){.format = HPA_IMAGE_TIFF, .width = width, .height = height, .channels = channels, .bits = bits};
  return HPA_IMAGE_OK;
}

// A second page would be lost in silence; smaller copies of the first (a pyramid) and masks are no loss.
static hpa_image_status check_single_page(TIFF *tiff, tiff_session *session) {
  for (int page = 0; !TIFFLastDirectory(tiff); page++) {
    uint32_t kind = 0;
    if (page == most_further_pages) return hpa_fail(session->error, HPA_IMAGE_UNSUPPORTED, "TIFF of more than %d pages", page);
    if (!TIFFReadDirectory(tiff)) return damaged(session, "a page cannot be read");
    TIFFGetFieldDefaulted(tiff, TIFFTAG_SUBFILETYPE, &kind);
    if (!(kind & (FILETYPE_REDUCEDIMAGE | FILETYPE_MASK))) return hpa_fail(session->error, HPA_IMAGE_UNSUPPORTED, "TIFF of several pages; one stain a file is read");
  }
  return TIFFSetDirectory(tiff, 0) ? HPA_IMAGE_OK : damaged(session, "the first page cannot be read");
}

// Copies `rows` x `columns` pixels of a decoded strip or tile into place; `plane` counts the planes of separate storage.
static void place(
    const uint8_t *block, size_t block_columns, uint32_t rows, uint32_t columns, uint32_t top, uint32_t left, uint16_t plane,
    const tiff_layout *layout, uint8_t *samples) {
  size_t sample = layout->header.bits / 8;
  bool separate = layout->planar == PLANARCONFIG_SEPARATE;
  size_t pixel = sample * layout->stored_channels;
  size_t block_pixel = separate ? sample : pixel;
  for (uint32_t row = 0; row < rows; row++) {
    const uint8_t *source = block + row * block_columns * block_pixel;
    uint8_t *target = samples + ((size_t)(top + row) * layout->header.width + left) * pixel;
    if (!separate) {
      memcpy(target, source, columns * pixel);
      continue;
    }
    target += plane * sample;
    for (uint32_t column = 0; column < columns; column++) memcpy(target + column * pixel, source + column * sample, sample);
  }
}

// 0 where it makes no sense.
static uint32_t rows_of_strips(TIFF *tiff, uint32_t height) {
  uint32_t rows = height;
  TIFFGetFieldDefaulted(tiff, TIFFTAG_ROWSPERSTRIP, &rows);
  return rows < height ? rows : height;
}

// Strips of interleaved samples are decoded to where they belong; those of separate planes by way of `block`.
static hpa_image_status read_strips(TIFF *tiff, tiff_session *session, const tiff_layout *layout, uint8_t *samples, uint8_t *block) {
  uint32_t width = layout->header.width, height = layout->header.height, rows_per_strip = rows_of_strips(tiff, height);
  size_t row_bytes = (size_t)width * layout->stored_channels * layout->header.bits / 8;
  if (rows_per_strip == 0) return damaged(session, "strips of no rows");
  uint16_t planes = block ? layout->stored_channels : 1;
  for (uint16_t plane = 0; plane < planes; plane++) {
    for (uint32_t top = 0; top < height; top += rows_per_strip) {
      uint32_t rows = height - top < rows_per_strip ? height - top : rows_per_strip;
      uint8_t *target = block ? block : samples + top * row_bytes;
      tmsize_t expected = TIFFVStripSize(tiff, rows);
      if (!block) {
        if ((size_t)expected != rows * row_bytes) return damaged(session, "strips or tiles of no sensible size");
        memset(target, 0, (size_t)expected);
      }
      tmsize_t got = TIFFReadEncodedStrip(tiff, TIFFComputeStrip(tiff, top, plane), target, expected);
      if (got != expected) return damaged(session, "a strip is shorter than it should be");
      if (block) place(block, width, rows, width, top, 0, plane, layout, samples);
    }
  }
  return HPA_IMAGE_OK;
}

static hpa_image_status read_tiles(TIFF *tiff, tiff_session *session, const tiff_layout *layout, uint8_t *samples, uint8_t *block) {
  uint32_t width = layout->header.width, height = layout->header.height, tile_width = 0, tile_height = 0;
  TIFFGetField(tiff, TIFFTAG_TILEWIDTH, &tile_width);
  TIFFGetField(tiff, TIFFTAG_TILELENGTH, &tile_height);
  uint16_t planes = layout->planar == PLANARCONFIG_SEPARATE ? layout->stored_channels : 1;
  for (uint16_t plane = 0; plane < planes; plane++) {
    for (uint32_t top = 0; top < height; top += tile_height) {
      for (uint32_t left = 0; left < width; left += tile_width) {
        tmsize_t expected = TIFFTileSize(tiff);
        tmsize_t got = TIFFReadEncodedTile(tiff, TIFFComputeTile(tiff, left, top, 0, plane), block, expected);
        if (got != expected) return damaged(session, "a tile is shorter than it should be");
        uint32_t rows = height - top < tile_height ? height - top : tile_height;
        uint32_t columns = width - left < tile_width ? width - left : tile_width;
        place(block, tile_width, rows, columns, top, left, plane, layout, samples);
      }
    }
  }
  return HPA_IMAGE_OK;
}

// Bytes of the largest strip or tile, 0 where they make no sense.
static size_t block_bytes(TIFF *tiff, const tiff_layout *layout) {
  if (!TIFFIsTiled(tiff)) {
    tmsize_t strip = TIFFStripSize(tiff);
    size_t whole = hpa_row_bytes(&layout->header) * layout->header.height;
    return strip > 0 && (size_t)strip <= whole ? (size_t)strip : 0;
  }
  uint32_t width = 0, height = 0;
  TIFFGetField(tiff, TIFFTAG_TILEWIDTH, &width);
  TIFFGetField(tiff, TIFFTAG_TILELENGTH, &height);
  uint32_t most_width = layout->header.width < most_tile_side ? most_tile_side : layout->header.width;
  uint32_t most_height = layout->header.height < most_tile_side ? most_tile_side : layout->header.height;
  if (width == 0 || height == 0 || width > most_width || height > most_height) return 0;
  tmsize_t tile = TIFFTileSize(tiff);
  return tile > 0 ? (size_t)tile : 0;
}

static void invert(const hpa_image_header *header, void *samples) {
  size_t count = (size_t)header->width * header->height * header->channels;
  uint8_t *bytes = samples;
  for (size_t index = 0; index < count * header->bits / 8; index++) bytes[index] = (uint8_t)~bytes[index];
}

// Indices fill the first third of `samples`; going backwards, no index is overwritten before it is read.
static hpa_image_status expand_palette(TIFF *tiff, tiff_session *session, const hpa_image_header *header, uint8_t *samples) {
  uint16_t *red = NULL, *green = NULL, *blue = NULL;
  if (!TIFFGetField(tiff, TIFFTAG_COLORMAP, &red, &green, &blue)) return damaged(session, "a palette image without its palette");
  for (size_t index = (size_t)header->width * header->height; index-- > 0;) {
    uint8_t entry = samples[index];
    samples[3 * index] = (uint8_t)(red[entry] >> 8);
    samples[3 * index + 1] = (uint8_t)(green[entry] >> 8);
    samples[3 * index + 2] = (uint8_t)(blue[entry] >> 8);
  }
  return HPA_IMAGE_OK;
}

static hpa_image_status read_samples(TIFF *tiff, tiff_session *session, const tiff_layout *layout, size_t size, void *samples) {
  // Decoders that stop early must not let the memory's past show: so zeros here, and for strips that need no block.
  bool needs_block = TIFFIsTiled(tiff) || layout->planar == PLANARCONFIG_SEPARATE;
  uint8_t *block = needs_block ? calloc(1, size) : NULL;
  if (needs_block && !block) return hpa_fail(session->error, HPA_IMAGE_OUT_OF_MEMORY, "out of memory");
  hpa_image_status status = TIFFIsTiled(tiff) ? read_tiles(tiff, session, layout, samples, block) : read_strips(tiff, session, layout, samples, block);
  free(block);
  if (status != HPA_IMAGE_OK) return status;
  if (layout->photometric == PHOTOMETRIC_MINISWHITE) invert(&layout->header, samples);
  if (layout->photometric == PHOTOMETRIC_PALETTE) status = expand_palette(tiff, session, &layout->header, samples);
  // Some decoders report a fault and go on.
  return session->error->status != HPA_IMAGE_OK ? session->error->status : status;
}

static hpa_image_status read_checked_layout(TIFF *tiff, tiff_session *session, tiff_layout *layout) {
  *layout = (tiff_layout){.stored_channels = 1, .planar = PLANARCONFIG_CONTIG};
  hpa_image_status status = read_layout(tiff, session, layout);
  if (status == HPA_IMAGE_OK) status = check_single_page(tiff, session);
  // Many strips may share their bytes, so that a small file can rightly hold a large picture.
  if (status == HPA_IMAGE_OK) status = hpa_check_size(&layout->header, size_of(session), 0, session->error);
  return status;
}

static hpa_image_status read_with(TIFF *tiff, tiff_session *session, hpa_image_header *header, void *samples) {
  tiff_layout layout;
  hpa_image_status status = read_checked_layout(tiff, session, &layout);
  if (status != HPA_IMAGE_OK) return status;
  size_t block = block_bytes(tiff, &layout);
  if (block == 0) return damaged(session, "strips or tiles of no sensible size");
  if (!samples) {
    *header = layout.header;
    return HPA_IMAGE_OK;
  }
  if (!hpa_same_header(&layout.header, header)) return damaged(session, "the header is not the one that was probed");
  return read_samples(tiff, session, &layout, block, samples);
}

hpa_image_status hpa_read_tiff(const uint8_t *bytes, size_t count, hpa_image_header *header, void *samples, hpa_image_error *error) {
  error->status = HPA_IMAGE_OK;
  tiff_session session = {.memory = {.bytes = (uint8_t *)bytes, .count = count}, .error = error};
  TIFF *tiff = open_session(&session, "r");
  if (!tiff) return damaged(&session, "the file cannot be opened");
  hpa_image_status status = read_with(tiff, &session, header, samples);
  TIFFClose(tiff);
  return status;
}

// Where the samples begin, if they lie one after the other as they are decoded; else 0.
static uint64_t plain_offset(TIFF *tiff, const tiff_layout *layout, size_t file_bytes) {
  uint16_t compression = COMPRESSION_NONE, order = FILLORDER_MSB2LSB;
  TIFFGetFieldDefaulted(tiff, TIFFTAG_COMPRESSION, &compression);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_FILLORDER, &order);
  const hpa_image_header *header = &layout->header;
  bool is_grey = header->bits == 8 && header->channels == 1 && layout->photometric == PHOTOMETRIC_MINISBLACK;
  if (!is_grey || compression != COMPRESSION_NONE || order != FILLORDER_MSB2LSB || TIFFIsTiled(tiff)) return 0;
  uint32_t rows_per_strip = rows_of_strips(tiff, header->height);
  if (rows_per_strip == 0) return 0;
  uint64_t first = TIFFGetStrileOffset(tiff, 0), next = first;
  for (uint32_t top = 0, strip = 0; top < header->height; top += rows_per_strip, strip++) {
    uint32_t rows = header->height - top < rows_per_strip ? header->height - top : rows_per_strip;
    uint64_t count = (uint64_t)rows * header->width;
    if (TIFFGetStrileOffset(tiff, strip) != next || TIFFGetStrileByteCount(tiff, strip) != count) return 0;
    if (next > file_bytes || count > file_bytes - next) return 0;
    next += count;
  }
  return first;
}

bool hpa_image_find_plain(const uint8_t *bytes, size_t count, size_t file_bytes, hpa_image_header *header, uint64_t *offset) {
  hpa_image_error error = {.status = HPA_IMAGE_OK};
  if (!hpa_is_tiff(bytes, count)) return false;
  tiff_session session = {.memory = {.bytes = (uint8_t *)bytes, .count = count}, .file_bytes = file_bytes, .error = &error};
  TIFF *tiff = open_session(&session, "rm");
  if (!tiff) return false;
  tiff_layout layout;
  bool is_read = read_checked_layout(tiff, &session, &layout) == HPA_IMAGE_OK;
  // libtiff goes on without a tag that it cannot read, and takes a picture without its palette for a grey one.
  bool is_sure = is_read && error.status == HPA_IMAGE_OK && !session.has_warning;
  *offset = is_sure ? plain_offset(tiff, &layout, file_bytes) : 0;
  *header = layout.header;
  TIFFClose(tiff);
  return *offset > 0;
}

static hpa_image_status write_tiles(TIFF *tiff, tiff_session *session, const uint8_t *samples, const hpa_image_header *header, uint32_t side) {
  size_t pixel = header->channels * header->bits / 8;
  uint8_t *tile = calloc((size_t)side * side, pixel);
  if (!tile) return hpa_fail(session->error, HPA_IMAGE_OUT_OF_MEMORY, "out of memory");
  hpa_image_status status = HPA_IMAGE_OK;
  for (uint32_t top = 0; top < header->height && status == HPA_IMAGE_OK; top += side) {
    for (uint32_t left = 0; left < header->width && status == HPA_IMAGE_OK; left += side) {
      uint32_t rows = header->height - top < side ? header->height - top : side;
      uint32_t columns = header->width - left < side ? header->width - left : side;
      for (uint32_t row = 0; row < rows; row++) {
        memcpy(tile + row * side * pixel, samples + (top + row) * hpa_row_bytes(header) + left * pixel, columns * pixel);
      }
      if (TIFFWriteTile(tiff, tile, left, top, 0, 0) < 0) status = damaged(session, "a tile cannot be written");
    }
  }
  free(tile);
  return status;
}

static hpa_image_status write_strips(TIFF *tiff, tiff_session *session, const uint8_t *samples, const hpa_image_header *header, uint32_t rows) {
  for (uint32_t top = 0; top < header->height; top += rows) {
    uint32_t taken = header->height - top < rows ? header->height - top : rows;
    // libtiff may change the bytes it encodes (the predictor does), so it gets a copy.
    size_t size = taken * hpa_row_bytes(header);
    uint8_t *strip = malloc(size);
    if (!strip) return hpa_fail(session->error, HPA_IMAGE_OUT_OF_MEMORY, "out of memory");
    memcpy(strip, samples + top * hpa_row_bytes(header), size);
    tmsize_t written = TIFFWriteEncodedStrip(tiff, top / rows, strip, (tmsize_t)size);
    free(strip);
    if (written < 0) return damaged(session, "a strip cannot be written");
  }
  return HPA_IMAGE_OK;
}

static hpa_image_status write_with(
    TIFF *tiff, tiff_session *session, const void *samples, const hpa_image_header *header, hpa_tiff_compression compression, uint32_t tile_side) {
  const uint32_t rows_per_strip = 256;
  TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, header->width);
  TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, header->height);
  TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, header->bits);
  TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, header->channels);
  TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
  TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, header->channels == 3 ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK);
  TIFFSetField(tiff, TIFFTAG_COMPRESSION, compression == HPA_TIFF_DEFLATE ? COMPRESSION_ADOBE_DEFLATE : (int)compression);
  if (compression != HPA_TIFF_NONE) TIFFSetField(tiff, TIFFTAG_PREDICTOR, PREDICTOR_HORIZONTAL);
  if (tile_side > 0) {
    TIFFSetField(tiff, TIFFTAG_TILEWIDTH, tile_side);
    TIFFSetField(tiff, TIFFTAG_TILELENGTH, tile_side);
    return write_tiles(tiff, session, samples, header, tile_side);
  }
  TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, rows_per_strip);
  return write_strips(tiff, session, samples, header, rows_per_strip);
}

hpa_image_status hpa_image_encode_tiff(
    const void *samples, const hpa_image_header *header, hpa_tiff_compression compression, uint32_t tile_side, uint8_t **bytes,
    size_t *count, hpa_image_error *error) {
  hpa_image_status status = hpa_check_sides(header->width, header->height, error);
  if (status != HPA_IMAGE_OK) return status;
  if (header->channels != 1 && header->channels != 3) return hpa_fail(error, HPA_IMAGE_UNSUPPORTED, "%u channels", header->channels);
  if (tile_side % 16 != 0 || tile_side > HPA_IMAGE_MAX_SIDE) return hpa_fail(error, HPA_IMAGE_UNSUPPORTED, "tiles of %u pixels; a multiple of 16 is needed", tile_side);
  error->status = HPA_IMAGE_OK;
  tiff_session session = {.error = error};
  TIFF *tiff = open_session(&session, "w");
  if (!tiff) return damaged(&session, "the file cannot be made");
  status = write_with(tiff, &session, samples, header, compression, tile_side);
  TIFFClose(tiff);  // writes the directory, which may fail as well
  if (status == HPA_IMAGE_OK) status = error->status;
  if (status != HPA_IMAGE_OK) {
    free(session.memory.bytes);
    return status;
  }
  *bytes = session.memory.bytes;
  *count = session.memory.count;
  return HPA_IMAGE_OK;
}

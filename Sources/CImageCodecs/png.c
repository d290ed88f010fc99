#include "internal.h"

#include <png.h>
#include <stdlib.h>
#include <string.h>

// What libpng's error handler needs, and what must be released when it jumps out.
typedef struct {
  png_structp png;
  png_infop info;
  png_bytepp rows;
  hpa_memory memory;
  hpa_image_error *error;
} png_session;

static void on_error(png_structp png, png_const_charp message) {
  png_session *session = png_get_error_ptr(png);
  hpa_fail(session->error, HPA_IMAGE_DAMAGED, "%s", message);
  longjmp(png_jmpbuf(png), 1);
}

static void on_warning(png_structp png, png_const_charp message) {
  (void)png;
  (void)message;
}

static void read_bytes(png_structp png, png_bytep target, size_t count) {
  hpa_memory *memory = &((png_session *)png_get_io_ptr(png))->memory;
  if (count > memory->count - memory->position) png_error(png, "the file ends early");
  memcpy(target, memory->bytes + memory->position, count);
  memory->position += count;
}

static void write_bytes(png_structp png, png_bytep source, size_t count) {
  if (!hpa_memory_write(&((png_session *)png_get_io_ptr(png))->memory, source, count)) png_error(png, "out of memory");
}

static void flush_nothing(png_structp png) { (void)png; }

// Deflate makes at most 1032 bytes of one.
static const size_t most_inflation = 1032;

// PNG stores 16-bit samples with the high byte first.
static void use_machine_order(png_structp png) {
  const uint16_t one = 1;
  if (*(const uint8_t *)&one == 1) png_set_swap(png);
}

static bool point_at_rows(png_session *session, const hpa_image_header *header, const void *samples) {
  session->rows = malloc(header->height * sizeof(png_bytep));
  if (!session->rows) return false;
  for (uint32_t row = 0; row < header->height; row++) session->rows[row] = (png_bytep)samples + row * hpa_row_bytes(header);
  return true;
}

static hpa_image_status read_with(png_session *session, hpa_image_header *header, void *samples) {
  if (setjmp(png_jmpbuf(session->png))) return session->error->status;
  png_set_read_fn(session->png, session, read_bytes);
  png_set_user_limits(session->png, HPA_IMAGE_MAX_SIDE, HPA_IMAGE_MAX_SIDE);
  // Texts, profiles and Exif are passed over: for the last, libpng allocates whatever length the file claims.
  png_set_keep_unknown_chunks(session->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
  png_read_info(session->png, session->info);
  size_t stored = png_get_rowbytes(session->png, session->info) * png_get_image_height(session->png, session->info);
  png_set_expand(session->png);  // palettes to RGB, 1, 2 and 4 bits to 8, tRNS to alpha
  if (png_get_bit_depth(session->png, session->info) == 16) use_machine_order(session->png);
  png_set_interlace_handling(session->png);
  png_read_update_info(session->png, session->info);
  hpa_image_header found = {
      .format = HPA_IMAGE_PNG,
      .width = png_get_image_width(session->png, session->info),
      .height = png_get_image_height(session->png, session->info),
      .channels = png_get_channels(session->png, session->info),
      .bits = png_get_bit_depth(session->png, session->info),
  };
  hpa_image_status status = hpa_check_size(&found, session->memory.count, stored / most_inflation, session->error);
  if (status != HPA_IMAGE_OK) return status;
  if (!samples) {
    *header = found;
    return HPA_IMAGE_OK;
  }
  if (!hpa_same_header(&found, header)) return hpa_fail(session->error, HPA_IMAGE_DAMAGED, "the header is not the one that was probed");
  if (!point_at_rows(session, header, samples)) return hpa_fail(session->error, HPA_IMAGE_OUT_OF_MEMORY, "out of memory");
  png_read_image(session->png, session->rows);
  png_read_end(session->png, NULL);
  return HPA_IMAGE_OK;
}

hpa_image_status hpa_read_png(const uint8_t *bytes, size_t count, hpa_image_header *header, void *samples, hpa_image_error *error) {
  if (count < 33) return hpa_fail(error, HPA_IMAGE_DAMAGED, "the file ends within its header");
  hpa_image_status status = hpa_check_sides(hpa_big_endian(bytes + 16), hpa_big_endian(bytes + 20), error);
  if (status != HPA_IMAGE_OK) return status;
  if (samples && hpa_read_plain_png(bytes, count, header, samples)) return HPA_IMAGE_OK;
  png_session session = {.memory = {.bytes = (uint8_t *)bytes, .count = count}, .error = error};
  session.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &session, on_error, on_warning);
  if (session.png) session.info = png_create_info_struct(session.png);
  status = session.info ? read_with(&session, header, samples) : hpa_fail(error, HPA_IMAGE_OUT_OF_MEMORY, "out of memory");
  if (session.png) png_destroy_read_struct(&session.png, &session.info, NULL);
  free(session.rows);
  return status;
}

static hpa_image_status write_with(png_session *session, const void *samples, const hpa_image_header *header, int level) {
  if (setjmp(png_jmpbuf(session->png))) return session->error->status;
  png_set_write_fn(session->png, session, write_bytes, flush_nothing);
  png_set_compression_level(session->png, level);
  png_set_IHDR(
      session->png, session->info, header->width, header->height, header->bits, header->channels == 3 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_GRAY,
      PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(session->png, session->info);
  if (header->bits == 16) use_machine_order(session->png);
  if (!point_at_rows(session, header, samples)) return hpa_fail(session->error, HPA_IMAGE_OUT_OF_MEMORY, "out of memory");
  png_write_image(session->png, session->rows);
  png_write_end(session->png, NULL);
  return HPA_IMAGE_OK;
}

hpa_image_status hpa_image_encode_png(
    const void *samples, const hpa_image_header *header, int level, uint8_t **bytes, size_t *count, hpa_image_error *error) {
  hpa_image_status status = hpa_check_sides(header->width, header->height, error);
  if (status != HPA_IMAGE_OK) return status;
  if (header->channels != 1 && header->channels != 3) return hpa_fail(error, HPA_IMAGE_UNSUPPORTED, "%u channels", header->channels);
  png_session session = {.error = error};
  session.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &session, on_error, on_warning);
  if (session.png) session.info = png_create_info_struct(session.png);
  status = session.info ? write_with(&session, samples, header, level) : hpa_fail(error, HPA_IMAGE_OUT_OF_MEMORY, "out of memory");
  if (session.png) png_destroy_write_struct(&session.png, &session.info);
  free(session.rows);
  if (status != HPA_IMAGE_OK) {
    free(session.memory.bytes);
    return status;
  }
  *bytes = session.memory.bytes;
  *count = session.memory.count;
  return HPA_IMAGE_OK;
}

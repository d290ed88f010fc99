#include "internal.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>

#include <jerror.h>

// Huffman codes spend a bit or more on each block of 8 x 8 samples. Where no component is sampled fully in both directions, half as many
// blocks as the picture has of 8 x 8 pixels are the fewest.
static const size_t most_pixels_per_byte = 1024;

// Every scan of a progressive picture costs a pass over it; real ones have a dozen.
static const int most_scans = 500;

// libjpeg's error and progress managers with the place to jump to.
typedef struct {
  struct jpeg_error_mgr manager;
  struct jpeg_progress_mgr progress;
  jmp_buf jump;
  hpa_image_error *error;
} jpeg_session;

static void on_error(j_common_ptr codec) {
  jpeg_session *session = (jpeg_session *)codec->err;
  char message[JMSG_LENGTH_MAX];
  session->manager.format_message(codec, message);
  switch (session->manager.msg_code) {
    case JERR_OUT_OF_MEMORY: hpa_fail(session->error, HPA_IMAGE_OUT_OF_MEMORY, "%s", message); break;
    // What libjpeg says where max_memory_to_use is not enough.
    case JERR_NO_BACKING_STORE: hpa_fail(session->error, HPA_IMAGE_TOO_LARGE, "decoding it takes more than 1 GiB of working memory"); break;
    default: hpa_fail(session->error, HPA_IMAGE_DAMAGED, "%s", message);
  }
  longjmp(session->jump, 1);
}

// libjpeg only warns where data are missing or broken, and paints the rest grey. Here that is an error.
static void on_message(j_common_ptr codec, int level) {
  int code = codec->err->msg_code;
  if (level < 0 && code != JWRN_JFIF_MAJOR && code != JWRN_ADOBE_XFORM) on_error(codec);
}

static void on_progress(j_common_ptr codec) {
  jpeg_session *session = (jpeg_session *)codec->err;
  if (((j_decompress_ptr)codec)->input_scan_number <= most_scans) return;
  hpa_fail(session->error, HPA_IMAGE_UNSUPPORTED, "JPEG of more than %d scans", most_scans);
  longjmp(session->jump, 1);
}

static void on_output(j_common_ptr codec) { (void)codec; }

static struct jpeg_error_mgr *prepare(jpeg_session *session) {
  struct jpeg_error_mgr *manager = jpeg_std_error(&session->manager);
  manager->error_exit = on_error;
  manager->emit_message = on_message;
  manager->output_message = on_output;
  return manager;
}

// Where the rows go: whole into `samples`, or as levels of a stain; nowhere while both are NULL.
typedef struct {
  uint8_t *samples;
  uint8_t *levels;
  hpa_stain_source source;
  uint64_t *sums;
} jpeg_output;

// A row for libjpeg to write to. It starts at an odd address, for libjpeg-turbo writes aligned rows past the caches, from where they would
// have to be fetched again.
static JSAMPROW row_aside(j_decompress_ptr codec, const hpa_image_header *header) {
  return (JSAMPROW)codec->mem->alloc_large((j_common_ptr)codec, JPOOL_IMAGE, hpa_row_bytes(header) + 1) + 1;
}

static void read_rows(j_decompress_ptr codec, const hpa_image_header *header, const jpeg_output *output) {
  JSAMPROW aside = output->levels ? row_aside(codec, header) : NULL;
  while (codec->output_scanline < codec->output_height) {
    size_t place = codec->output_scanline;
    JSAMPROW row = aside ? aside : output->samples + place * hpa_row_bytes(header);
    jpeg_read_scanlines(codec, &row, 1);
    if (aside) hpa_take_stain(row, header->width, header->channels, output->source, output->levels + place * header->width, output->sums);
  }
}

static hpa_image_status read_with(
    jpeg_session *session, j_decompress_ptr codec, const uint8_t *bytes, size_t count, hpa_image_header *header, const jpeg_output *output) {
  if (setjmp(session->jump)) return session->error->status;
  jpeg_create_decompress(codec);
  codec->mem->max_memory_to_use = HPA_IMAGE_MAX_BYTES;
  codec->progress = &session->progress;
  jpeg_mem_src(codec, bytes, count);
  jpeg_read_header(codec, TRUE);
  hpa_image_status status = hpa_check_sides(codec->image_width, codec->image_height, session->error);
  if (status != HPA_IMAGE_OK) return status;
  if (codec->jpeg_color_space == JCS_CMYK || codec->jpeg_color_space == JCS_YCCK || codec->jpeg_color_space == JCS_UNKNOWN) {
    return hpa_fail(session->error, HPA_IMAGE_UNSUPPORTED, "JPEG with %d colour components that are not RGB", codec->num_components);
  }
  codec->out_color_space = codec->jpeg_color_space == JCS_GRAYSCALE ? JCS_GRAYSCALE : JCS_RGB;
  hpa_image_header found = {
      .format = HPA_IMAGE_JPEG,
      .width = codec->image_width,
      .height = codec->image_height,
      .channels = codec->out_color_space == JCS_GRAYSCALE ? 1 : 3,
      .bits = 8,
  };
  size_t least = codec->arith_code ? 0 : (size_t)found.width * found.height / most_pixels_per_byte;
  status = hpa_check_size(&found, count, least, session->error);
  if (status != HPA_IMAGE_OK) return status;
  if (!output->samples && !output->levels) {
    *header = found;
    return HPA_IMAGE_OK;
  }
  if (!hpa_same_header(&found, header)) return hpa_fail(session->error, HPA_IMAGE_DAMAGED, "the header is not the one that was probed");
  jpeg_start_decompress(codec);
  read_rows(codec, header, output);
  jpeg_finish_decompress(codec);
  return HPA_IMAGE_OK;
}

static hpa_image_status read_to(const uint8_t *bytes, size_t count, hpa_image_header *header, jpeg_output output, hpa_image_error *error) {
  jpeg_session session = {.error = error, .progress = {.progress_monitor = on_progress}};
  struct jpeg_decompress_struct codec = {.err = prepare(&session)};
  hpa_image_status status = read_with(&session, &codec, bytes, count, header, &output);
  jpeg_destroy_decompress(&codec);
  return status;
}

hpa_image_status hpa_read_jpeg(const uint8_t *bytes, size_t count, hpa_image_header *header, void *samples, hpa_image_error *error) {
  return read_to(bytes, count, header, (jpeg_output){.samples = samples}, error);
}

hpa_image_status hpa_image_decode_jpeg_stain(
    const uint8_t *bytes, size_t count, const hpa_image_header *header, hpa_stain_source source, uint8_t *levels, uint64_t *sums,
    hpa_image_error *error) {
  hpa_image_header expected = *header;
  if (header->channels != 3) return hpa_fail(error, HPA_IMAGE_UNSUPPORTED, "%u channels", header->channels);
  return read_to(bytes, count, &expected, (jpeg_output){.levels = levels, .source = source, .sums = sums}, error);
}

// libjpeg's own memory destination loses track of its buffer when an error jumps out, so here is one that does not.
typedef struct {
  struct jpeg_destination_mgr manager;
  hpa_memory memory;
  JOCTET window[16384];
} jpeg_target;

static void open_window(j_compress_ptr codec) {
  jpeg_target *target = (jpeg_target *)codec->dest;
  target->manager.next_output_byte = target->window;
  target->manager.free_in_buffer = sizeof target->window;
}

static boolean empty_window(j_compress_ptr codec) {
  jpeg_target *target = (jpeg_target *)codec->dest;
  if (!hpa_memory_write(&target->memory, target->window, sizeof target->window)) ERREXIT1(codec, JERR_OUT_OF_MEMORY, 0);
  open_window(codec);
  return TRUE;
}

static void close_window(j_compress_ptr codec) {
  jpeg_target *target = (jpeg_target *)codec->dest;
  size_t used = sizeof target->window - target->manager.free_in_buffer;
  if (!hpa_memory_write(&target->memory, target->window, used)) ERREXIT1(codec, JERR_OUT_OF_MEMORY, 0);
}

static hpa_image_status write_with(
    jpeg_session *session, j_compress_ptr codec, const void *samples, const hpa_image_header *header, int quality, jpeg_target *target) {
  if (setjmp(session->jump)) return session->error->status;
  jpeg_create_compress(codec);
  codec->dest = &target->manager;
  codec->image_width = header->width;
  codec->image_height = header->height;
  codec->input_components = (int)header->channels;
  codec->in_color_space = header->channels == 3 ? JCS_RGB : JCS_GRAYSCALE;
  jpeg_set_defaults(codec);
  jpeg_set_quality(codec, quality, TRUE);
  // No chroma subsampling: a stain stands in one colour, and halving its resolution would blur the picture itself.
  codec->comp_info[0].h_samp_factor = codec->comp_info[0].v_samp_factor = 1;
  jpeg_start_compress(codec, TRUE);
  while (codec->next_scanline < codec->image_height) {
    JSAMPROW row = (JSAMPROW)samples + codec->next_scanline * hpa_row_bytes(header);
    jpeg_write_scanlines(codec, &row, 1);
  }
  jpeg_finish_compress(codec);
  return HPA_IMAGE_OK;
}

hpa_image_status hpa_image_encode_jpeg(
    const void *samples, const hpa_image_header *header, int quality, uint8_t **bytes, size_t *count, hpa_image_error *error) {
  hpa_image_status status = hpa_check_sides(header->width, header->height, error);
  if (status != HPA_IMAGE_OK) return status;
  if (header->bits != 8 || (header->channels != 1 && header->channels != 3)) {
    return hpa_fail(error, HPA_IMAGE_UNSUPPORTED, "%u channels of %u bits", header->channels, header->bits);
  }
  jpeg_session session = {.error = error};
  struct jpeg_compress_struct codec = {.err = prepare(&session)};
  jpeg_target target = {
      .manager = {.init_destination = open_window, .empty_output_buffer = empty_window, .term_destination = close_window},
  };
  status = write_with(&session, &codec, samples, header, quality, &target);
  jpeg_destroy_compress(&codec);
  if (status != HPA_IMAGE_OK) {
    free(target.memory.bytes);
    return status;
  }
  *bytes = target.memory.bytes;
  *count = target.memory.count;
  return HPA_IMAGE_OK;
}

#include "hpa_image_codecs.h"

#include <malloc.h>

void hpa_keep_freed_memory(size_t largest_block, size_t most) {
  mallopt(M_MMAP_THRESHOLD, (int)largest_block);
  mallopt(M_TRIM_THRESHOLD, (int)most);
}

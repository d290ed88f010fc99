#include <lmdb.h>
#include <emmintrin.h>
#include <stdint.h>
#include <string.h>
#include <sys/vfs.h>

// The number of the file system on which a path lies, or 0 where there is no such path. Swift's Glibc module leaves statfs out.
static inline long hpa_file_system(const char *path) {
  struct statfs status;
  return statfs(path, &status) == 0 ? (long)status.f_type : 0;
}

// Asks for memory that is soon read; the processor's own foresight ends with a page of 4 KiB.
static inline void hpa_prefetch(const void *start, long bytes) {
  for (long offset = 0; offset < bytes; offset += 64) _mm_prefetch((const char *)start + offset, _MM_HINT_T0);
}

// memcpy past the caches, for memory that is not read soon: what it replaces need not be fetched first.
static inline void hpa_copy_streaming(void *target, const void *source, long bytes) {
  if ((uintptr_t)target % 16 != 0 || bytes % 16 != 0) {
    memcpy(target, source, (size_t)bytes);
    return;
  }
  __m128i *to = (__m128i *)target;
  const __m128i *from = (const __m128i *)source;
  for (long index = 0; index < bytes / 16; ++index) _mm_stream_si128(to + index, _mm_loadu_si128(from + index));
}

// What was copied past the caches is there for other threads, too.
static inline void hpa_finish_streaming(void) { _mm_sfence(); }

#include <lmdb.h>
#include <sys/vfs.h>

// The number of the file system on which a path lies, or 0 where there is no such path. Swift's Glibc module leaves statfs out.
static inline long hpa_file_system(const char *path) {
  struct statfs status;
  return statfs(path, &status) == 0 ? (long)status.f_type : 0;
}

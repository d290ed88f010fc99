#include "memory.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <unordered_map>

namespace {

constexpr size_t page = size_t(2) << 20;

// Blocks of whole huge pages.
class Blocks {
 public:
  void *take(size_t size) {
    const std::lock_guard guard(mutex);
    const auto found = kept.lower_bound(size);
    // A larger one would be wasted on this.
    if (found != kept.end() && found->first <= size + size / 4) {
      const auto [length, block] = *found;
      kept.erase(found);
      kept_bytes -= length;
      return used(block, length);
    }
    // With less room, sizes that take turns would drive each other out.
    while (kept_bytes > 0 && used_bytes + kept_bytes + size > most_bytes + most_bytes / 2) give_back(std::prev(kept.end()));
    void *block = map(size);
    while (!block && !kept.empty()) {
      give_back(kept.begin());
      block = map(size);
    }
    TORCH_CHECK(block, "DefaultCPUAllocator: not enough memory: you tried to allocate ", size, " bytes.");
    return used(block, size);
  }

  // False for what is no block.
  bool keep(void *block) {
    if (reinterpret_cast<uintptr_t>(block) % page != 0) return false;
    const std::lock_guard guard(mutex);
    const auto found = lengths.find(block);
    if (found == lengths.end()) return false;
    kept.emplace(found->second, block);
    kept_bytes += found->second;
    used_bytes -= found->second;
    lengths.erase(found);
    return true;
  }

 private:
  std::mutex mutex;
  std::multimap<size_t, void *> kept;
  std::unordered_map<void *, size_t> lengths;
  size_t kept_bytes = 0, used_bytes = 0, most_bytes = 0;

  void *used(void *block, size_t length) {
    lengths.emplace(block, length);
    used_bytes += length;
    most_bytes = std::max(most_bytes, used_bytes);
    return block;
  }

  void give_back(std::multimap<size_t, void *>::iterator which) {
    munmap(which->second, which->first);
    kept_bytes -= which->first;
    kept.erase(which);
  }

  // Null without memory. What is mapped begins anywhere, so a page more is asked for and the ends are cut off.
  static void *map(size_t size) {
    void *found = mmap(nullptr, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (found == MAP_FAILED) return nullptr;
    char *start = static_cast<char *>(found);
    const size_t before = (page - reinterpret_cast<uintptr_t>(start) % page) % page;
    if (before > 0) munmap(start, before);
    munmap(start + before + size, page - before);
    madvise(start + before, size, MADV_HUGEPAGE);
    return start + before;
  }
};

Blocks &blocks() {
  // Tensors may outlive every static object.
  static auto *made = new Blocks;
  return *made;
}

void release(void *memory) {
  if (memory && !blocks().keep(memory)) c10::free_cpu(memory);
}

struct KeepingAllocator final : c10::Allocator {
  c10::DataPtr allocate(size_t size) override {
    void *memory = size < page / 2 ? c10::alloc_cpu(size) : blocks().take((size + page - 1) / page * page);
    return {memory, memory, &release, c10::Device(c10::DeviceType::CPU)};
  }

  c10::DeleterFnPtr raw_deleter() const override { return &release; }

  void copy_data(void *destination, const void *source, size_t count) const override { std::memcpy(destination, source, count); }
};

}  // namespace

void keep_memory() {
  static KeepingAllocator allocator;
  c10::SetCPUAllocator(&allocator, 1);
}

#include "workers.h"

#include <atomic>
#include <chrono>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace {

// For how long a thread that waits keeps its processor: longer than the gap between two layers, shorter than a time slice, which the threads that
// read images would miss.
constexpr auto patience = std::chrono::microseconds(50);

template <class Condition>
bool came_soon(Condition has_come) {
  const auto end = std::chrono::steady_clock::now() + patience;
  do {
    for (int turn = 0; turn < 64; ++turn) {
      if (has_come()) return true;
      __builtin_ia32_pause();
    }
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

class Workers {
 public:
  explicit Workers(int64_t count) {
    for (int64_t index = 0; index < count; ++index) threads_.emplace_back([this] { work(); });
  }

  ~Workers() {
    is_ending_ = true;
    job_.fetch_add(1);
    job_.notify_all();
    for (std::thread &thread : threads_) thread.join();
  }

  int64_t count() const { return int64_t(threads_.size()); }

  void run(int64_t parts, const std::function<void(int64_t)> &body) {
    body_ = &body;
    parts_ = parts;
    next_ = 0;
    failure_ = nullptr;
    busy_ = count();
    job_.fetch_add(1);
    job_.notify_all();
    take_parts();
    if (!came_soon([&] { return busy_ == 0; })) {
      for (int64_t busy = busy_; busy != 0; busy = busy_) busy_.wait(busy);
    }
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  void work() {
    for (uint64_t seen = 0;;) {
      if (!came_soon([&] { return job_ != seen; })) job_.wait(seen);
      seen = job_;
      if (is_ending_) return;
      take_parts();
      if (busy_.fetch_sub(1) == 1) busy_.notify_all();
    }
  }

  void take_parts() {
    try {
      for (int64_t part = next_++; part < parts_; part = next_++) (*body_)(part);
    } catch (...) {
      next_ = parts_;
      const std::lock_guard lock(failure_lock_);
      failure_ = std::current_exception();
    }
  }

  std::vector<std::thread> threads_;
  std::atomic<uint64_t> job_ = 0;
  std::atomic<int64_t> busy_ = 0, next_ = 0;
  std::atomic<bool> is_ending_ = false;
  int64_t parts_ = 0;
  const std::function<void(int64_t)> *body_ = nullptr;
  std::mutex failure_lock_;
  std::exception_ptr failure_;
};

std::atomic<int64_t> wanted = std::max(1u, std::thread::hardware_concurrency());
std::mutex in_use;
// Never destroyed: a process that ends does not wait for its workers.
Workers *workers = nullptr;

}  // namespace

int64_t worker_threads() { return wanted; }
void set_worker_threads(int64_t count) { wanted = std::max<int64_t>(count, 1); }

void in_parallel(int64_t count, const std::function<void(int64_t)> &body) {
  const std::unique_lock lock(in_use, std::try_to_lock);
  if (count == 1 || worker_threads() == 1 || !lock.owns_lock()) {
    for (int64_t part = 0; part < count; ++part) body(part);
    return;
  }
  if (!workers || workers->count() != worker_threads() - 1) {
    delete workers;
    workers = new Workers(worker_threads() - 1);
  }
  workers->run(count, body);
}


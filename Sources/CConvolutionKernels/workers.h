// Threads that share the parts of one operation after the other.
#pragma once

#include <cstdint>
#include <functional>

// How many threads `in_parallel` uses, the caller among them.
int64_t worker_threads();
void set_worker_threads(int64_t count);

// Calls `body(part)` for every part of 0..<count, in no order. Parts are taken one at a time, so that a thread that has to wait for a processor holds up
// one part only. Called from two threads at once, the second does its work alone.
void in_parallel(int64_t count, const std::function<void(int64_t)> &body);


#pragma once

// Gives LibTorch large tensors on the CPU in huge pages, and keeps what they leave for the next ones: a step of training otherwise spends a
// twentieth of its time on pages that the kernel clears anew. All of it is at most one and a half times what was in use at one time.
void keep_memory();

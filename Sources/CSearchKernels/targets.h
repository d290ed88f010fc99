#ifndef HPA_SEARCH_TARGETS_H
#define HPA_SEARCH_TARGETS_H

#include "internal.h"

enum { quartets_together = 3 };

// The aims of a block in one panel, by their places.
typedef struct {
  float scales[HPA_SEARCH_BLOCK];
  float lowest[HPA_SEARCH_BLOCK];  // first scores, less q . c, that are of use; infinity where none is
  int32_t corrections[HPA_SEARCH_BLOCK];
  double margins[HPA_SEARCH_BLOCK];
  size_t quartets[HPA_SEARCH_BLOCK / HPA_SEARCH_QUARTET];
} targets;

// What a tile gave some quartets: a bit for each row that passed, and the first scores less q . c of those queries that have one.
typedef struct {
  uint32_t masks[quartets_together * HPA_SEARCH_QUARTET];
  float scores[quartets_together * HPA_SEARCH_QUARTET][HPA_SEARCH_TILE] __attribute__((aligned(64)));
} passed;

#endif

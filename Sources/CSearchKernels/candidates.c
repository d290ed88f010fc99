#include "internal.h"

// Between two sieves at least this many candidates come in.
static const int32_t fewest_new = 16;

static void swap(hpa_search_candidate *left, hpa_search_candidate *right) {
  const hpa_search_candidate kept = *left;
  *left = *right;
  *right = kept;
}

// Brings the candidate with the rank-th best lower end to its place, better ones before it (Hoare's quickselect).
static void select_lower(hpa_search_candidate *candidates, int32_t count, int32_t rank) {
  int32_t first = 0, last = count - 1;
  while (first < last) {
    const float pivot = candidates[first + (last - first) / 2].lower;
    int32_t left = first, right = last;
    while (left <= right) {
      while (candidates[left].lower > pivot) left++;
      while (candidates[right].lower < pivot) right--;
      if (left <= right) swap(&candidates[left++], &candidates[right--]);
    }
    if (rank <= right) {
      last = right;
    } else if (rank >= left) {
      first = left;
    } else {
      return;
    }
  }
}

void hpa_search_sieve(hpa_search_query *query) {
  if (query->count >= query->wanted) {
    select_lower(query->candidates, query->count, query->wanted - 1);
    const float lower = query->candidates[query->wanted - 1].lower;
    if (lower > query->threshold) query->threshold = lower;
  }
  int32_t kept = 0;
  for (int32_t index = 0; index < query->count; index++) {
    if (query->candidates[index].upper >= query->threshold) query->candidates[kept++] = query->candidates[index];
  }
  query->count = kept;
}

static void make_room(hpa_search_block *block, int32_t index) {
  hpa_search_query *query = &block->queries[index];
  hpa_search_sieve(query);
  if (query->count + fewest_new > query->capacity) block->settle(block->context, index);
  const int32_t more = query->count / 2 > fewest_new ? query->count / 2 : fewest_new;
  query->limit = query->count + more < query->capacity ? query->count + more : query->capacity;
}

void hpa_search_add(hpa_search_block *block, int32_t index, hpa_search_candidate candidate) {
  hpa_search_query *query = &block->queries[index];
  if (block->labels && block->labels[candidate.row] == query->label) return;
  query->met++;
  query->candidates[query->count++] = candidate;
  if (query->count >= query->limit) make_room(block, index);
}

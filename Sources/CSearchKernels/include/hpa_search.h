// The first pass of exact cosine search: inner products of 8-bit codes, a proven bound on what they leave out, and a sieve.
// The algorithm and the proof are in docs/search.md, whose letters are used here.
#ifndef HPA_SEARCH_H
#define HPA_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  HPA_SEARCH_TILE = 32,                // rows are coded in tiles of this many
  HPA_SEARCH_QUARTET = 4,              // queries in quartets
  HPA_SEARCH_BLOCK = 96,               // and searched together up to this many
  HPA_SEARCH_MOST_DIMENSIONS = 65536,  // more could exceed a 32-bit sum
};

// Gallery rows g = c + h around the centre c of their cell, h = scale * code + rest.
typedef struct {
  uint8_t *codes;  // [tile][word][row of the tile][4]: code + 128; aligned to 64 bytes
  float *scales;   // by place, which is tile * 32 + row of the tile
  float *shifts;   // c . h; minus infinity where the tile has no row
  int32_t *rows;   // the gallery's row that lies at the place
  size_t words;    // of four dimensions, in each code
} hpa_search_gallery;

// Consecutive tiles of one cell, and upper bounds over their rows.
typedef struct {
  size_t first_tile;
  size_t tiles;
  float length;  // |h|
  float rest;    // |h - scale * code|
  float shift;   // c . h
} hpa_search_panel;

// A pair that the bound could not exclude: its score lies between the two. Equal ends: it is the score.
typedef struct {
  float lower;
  float upper;
  int32_t row;
} hpa_search_candidate;

// What is known of one query.
typedef struct {
  float threshold;   // a lower score is of no use: at most the wanted-th best score
  int32_t wanted;
  int32_t count;     // candidates now
  int32_t limit;     // candidates at which they are sieved
  int32_t capacity;  // at least wanted + 128
  int32_t label;     // rows of this label are left out
  int64_t met;       // candidates that ever were
  hpa_search_candidate *candidates;
} hpa_search_query;

// A query q = c + p that meets the cell around c, p = scale * code + rest.
typedef struct {
  double at_centre;    // q . c
  float length;        // at least |p|
  float rest;          // at least |p - scale * code|
  float scale;
  int32_t correction;  // for the 128 in the rows' codes
  int32_t query;       // its place in the block
} hpa_search_aim;

// Queries that are searched together.
typedef struct {
  hpa_search_query *queries;
  hpa_search_aim *aims;   // the queries that meet the cell; 96 at most
  size_t aim_count;
  int8_t *codes;          // of the aims: [quartet][word][query of the quartet][4]
  const int32_t *labels;  // by gallery row; null where nothing is left out
  // Scores a query's candidates and keeps the wanted best, where the bounds alone leave too many.
  void (*settle)(void *context, int32_t query);
  void *context;
  float margin;  // the widest bound so far
} hpa_search_block;

typedef struct {
  // Codes rows of a cell from the panel's first tile on, and sets the panel's bounds.
  // values: (rows, dimension); norms: the rows' lengths; members: count rows of the gallery; centre: (dimension).
  void (*encode)(
      const hpa_search_gallery *gallery, hpa_search_panel *panel, const float *values, const double *norms, size_t dimension,
      const float *centre, const int32_t *members, size_t count);

  // Adds a query to the block's aims, unless no row within the bounds of `cell` can reach its threshold.
  // unit: the query divided by its length; words: as in the gallery.
  void (*aim)(
      hpa_search_block *block, int32_t query, const float *unit, size_t dimension, size_t words, const float *centre,
      const hpa_search_panel *cell);

  // Collects the rows of a panel that may reach the thresholds of the aims.
  void (*scan)(const hpa_search_gallery *gallery, const hpa_search_panel *panel, hpa_search_block *block);

  // Scores candidates exactly, those excepted that are already: both ends become the cosine in float64, added in the order of eight
  // interleaved sums, those eight pairwise, then the remainder, and rounded once. Returns how many.
  size_t (*score)(
      const float *query, double norm, const float *values, const double *norms, size_t dimension, hpa_search_candidate *candidates,
      size_t count);
} hpa_search_kernel;

// Null where the processor has not what the kernel is made of.
const hpa_search_kernel *hpa_search_avx512(void);  // AVX-512 F, BW, DQ, VL and VNNI
const hpa_search_kernel *hpa_search_avx2(void);    // AVX2 and FMA

// Raises the threshold to the wanted-th best lower end, and drops the candidates below it.
void hpa_search_sieve(hpa_search_query *query);

#endif

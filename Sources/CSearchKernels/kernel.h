// What both kernels have in common; included by each after its `score_tile`, so that the compiler makes the best of its instructions.

// Vectors that are wider than a register are given to functions of this file only.
#pragma clang diagnostic ignored "-Wpsabi"

static const double unit_roundoff = 0x1p-24;

// What rounding in float32 adds to the bound (docs/search.md): `reach` bounds the product of the coded parts.
static double slack(double reach, double bound) { return unit_roundoff * (16 + 8 * reach + 8 * bound); }

static float rounded_up(double value) { return (float)(value * (1 + 0x1p-22)); }

// --- Vectors of 16 and 8 numbers; at the end of a row the missing ones are zero. ---

typedef float float16 __attribute__((vector_size(64)));
typedef double double8 __attribute__((vector_size(64)));
typedef float float8 __attribute__((vector_size(32)));
typedef double double4 __attribute__((vector_size(32)));
typedef float float4 __attribute__((vector_size(16)));
typedef double double2 __attribute__((vector_size(16)));
typedef float float2 __attribute__((vector_size(8)));
typedef int8_t byte8 __attribute__((vector_size(8)));
typedef int8_t byte16 __attribute__((vector_size(16)));

// Apart, so that whole vectors never go through memory.
__attribute__((noinline)) static float16 load_part(const float *values, size_t count) {
  float16 loaded = {0};
  __builtin_memcpy(&loaded, values, count * sizeof(float));
  return loaded;
}

static inline float16 load16(const float *values, size_t index, size_t count) {
  float16 loaded;
  if (__builtin_expect(count - index < 16, false)) return load_part(values + index, count - index);
  __builtin_memcpy(&loaded, values + index, sizeof loaded);
  return loaded;
}

static inline double8 load8(const float *values, size_t index, size_t count) {
  float8 loaded;
  if (__builtin_expect(count - index < 8, false)) {
    const float16 part = load_part(values + index, count - index);
    loaded = __builtin_shufflevector(part, part, 0, 1, 2, 3, 4, 5, 6, 7);
  } else {
    __builtin_memcpy(&loaded, values + index, sizeof loaded);
  }
  return __builtin_convertvector(loaded, double8);
}

static inline double sum8(double8 sums) {
  const double4 four = __builtin_shufflevector(sums, sums, 0, 1, 2, 3) + __builtin_shufflevector(sums, sums, 4, 5, 6, 7);
  const double2 two = __builtin_shufflevector(four, four, 0, 1) + __builtin_shufflevector(four, four, 2, 3);
  return two[0] + two[1];
}

static inline float sum16(float16 sums) {
  const float8 eight = __builtin_shufflevector(sums, sums, 0, 1, 2, 3, 4, 5, 6, 7) +
                       __builtin_shufflevector(sums, sums, 8, 9, 10, 11, 12, 13, 14, 15);
  const float4 four = __builtin_shufflevector(eight, eight, 0, 1, 2, 3) + __builtin_shufflevector(eight, eight, 4, 5, 6, 7);
  const float2 two = __builtin_shufflevector(four, four, 0, 1) + __builtin_shufflevector(four, four, 2, 3);
  return two[0] + two[1];
}

// One 127th of the greatest offset; 0 where so short a step has no exact inverse, and then every code is 0.
static inline float step_length(float greatest, float most) { return greatest / most < 0x1p-100f ? 0 : greatest / most; }

// A row that will be read soon.
static inline void prefetch_row(const float *row, size_t dimension) {
  for (size_t column = 0; column < dimension && column < 1024; column += 16) __builtin_prefetch(row + column);
}

// --- Coding of rows ---

// Values of a row around the centre of its cell: the unit vector is rounded to float32, all else is float64.
static inline double8 around(const float *values, double inverse, const float *centre, size_t index, size_t dimension) {
  const float8 unit = __builtin_convertvector(load8(values, index, dimension) * inverse, float8);
  return __builtin_convertvector(unit, double8) - load8(centre, index, dimension);
}

static void encode_row(
    const hpa_search_gallery *gallery, hpa_search_panel *panel, size_t place, const float *values, double inverse, const float *centre,
    size_t dimension) {
  double8 squares = {0}, shifts = {0}, greatest = {0}, rests = {0};
  for (size_t index = 0; index < dimension; index += 8) {
    const double8 offset = around(values, inverse, centre, index, dimension);
    squares += offset * offset;
    shifts += offset * load8(centre, index, dimension);
    greatest = __builtin_elementwise_max(greatest, __builtin_elementwise_abs(offset));
  }
  const float scale = step_length((float)__builtin_reduce_max(greatest), 127);
  const double steps = scale > 0 ? 1 / (double)scale : 0;
  uint8_t *codes = gallery->codes + place / HPA_SEARCH_TILE * gallery->words * HPA_SEARCH_TILE * 4 + place % HPA_SEARCH_TILE * 4;
  for (size_t index = 0; index < dimension; index += 8) {
    const double8 offset = around(values, inverse, centre, index, dimension);
    const double8 code = __builtin_elementwise_rint(offset * steps);
    const double8 rest = offset - code * (double)scale;
    rests += rest * rest;
    const byte8 bytes = __builtin_convertvector(code, byte8) ^ (int8_t)-128;
    __builtin_memcpy(codes + index / 4 * HPA_SEARCH_TILE * 4, &bytes, 4);
    if (index + 4 < dimension) __builtin_memcpy(codes + (index / 4 + 1) * HPA_SEARCH_TILE * 4, (const char *)&bytes + 4, 4);
  }
  gallery->scales[place] = scale;
  gallery->shifts[place] = (float)sum8(shifts);
  const float length = rounded_up(__builtin_sqrt(sum8(squares))), rest = rounded_up(__builtin_sqrt(sum8(rests)));
  if (length > panel->length) panel->length = length;
  if (rest > panel->rest) panel->rest = rest;
  if (gallery->shifts[place] > panel->shift) panel->shift = gallery->shifts[place];
}

static void leave_empty(const hpa_search_gallery *gallery, size_t place) {
  uint8_t *codes = gallery->codes + place / HPA_SEARCH_TILE * gallery->words * HPA_SEARCH_TILE * 4 + place % HPA_SEARCH_TILE * 4;
  for (size_t word = 0; word < gallery->words; word++) __builtin_memset(codes + word * HPA_SEARCH_TILE * 4, 0, 4);
  gallery->scales[place] = 0;
  gallery->shifts[place] = -__builtin_inff();
  gallery->rows[place] = -1;
}

static void encode(
    const hpa_search_gallery *gallery, hpa_search_panel *panel, const float *values, const double *norms, size_t dimension,
    const float *centre, const int32_t *members, size_t count) {
  const size_t start = panel->first_tile * HPA_SEARCH_TILE;
  panel->tiles = (count + HPA_SEARCH_TILE - 1) / HPA_SEARCH_TILE;
  panel->length = panel->rest = 0;
  panel->shift = -__builtin_inff();
  for (size_t index = 0; index < count; index++) {
    const size_t row = (size_t)members[index];
    if (index + 2 < count) prefetch_row(values + (size_t)members[index + 2] * dimension, dimension);
    gallery->rows[start + index] = members[index];
    encode_row(gallery, panel, start + index, values + row * dimension, 1 / norms[row], centre, dimension);
  }
  for (size_t index = count; index < panel->tiles * HPA_SEARCH_TILE; index++) leave_empty(gallery, start + index);
}

// --- Coding of queries ---

// No score of the aim's query with a row within the bounds is higher.
static inline double highest_score(const hpa_search_aim *aim, const hpa_search_panel *bounds) {
  const double reach = (double)aim->length * bounds->length;
  return aim->at_centre + bounds->shift + reach + slack(reach, 0);
}

// Four words, or those that are left.
static inline void write_code(int8_t *codes, size_t words, size_t index, byte16 code) {
  const size_t first = index / 4, last = words - first < 4 ? words - first : 4;
  int32_t parts[4];
  __builtin_memcpy(parts, &code, sizeof parts);
  codes += first * HPA_SEARCH_QUARTET * 4;
  __builtin_memcpy(codes, &parts[0], 4);
  if (last > 1) __builtin_memcpy(codes + HPA_SEARCH_QUARTET * 4, &parts[1], 4);
  if (last > 2) __builtin_memcpy(codes + HPA_SEARCH_QUARTET * 8, &parts[2], 4);
  if (last > 3) __builtin_memcpy(codes + HPA_SEARCH_QUARTET * 12, &parts[3], 4);
}

static void aim(
    hpa_search_block *block, int32_t query, const float *unit, size_t dimension, size_t words, const float *centre,
    const hpa_search_panel *cell) {
  const double widening = 1 + (double)(dimension + 8) * unit_roundoff;
  hpa_search_aim aim = {.query = query};
  double8 at_centre = {0};
  float16 squares = {0}, greatest = {0}, rests = {0};
  for (size_t index = 0; index < dimension; index += 16) {
    const float16 offset = load16(unit, index, dimension) - load16(centre, index, dimension);
    squares = __builtin_elementwise_fma(offset, offset, squares);
    greatest = __builtin_elementwise_max(greatest, __builtin_elementwise_abs(offset));
    at_centre = __builtin_elementwise_fma(load8(unit, index, dimension), load8(centre, index, dimension), at_centre);
    if (index + 8 >= dimension) continue;
    at_centre = __builtin_elementwise_fma(load8(unit, index + 8, dimension), load8(centre, index + 8, dimension), at_centre);
  }
  aim.at_centre = sum8(at_centre);
  aim.length = rounded_up(__builtin_sqrt(sum16(squares)) * widening);
  if (highest_score(&aim, cell) < block->queries[query].threshold) return;

  aim.scale = step_length(__builtin_reduce_max(greatest), greatest_code);
  const float steps = aim.scale > 0 ? 1 / aim.scale : 0;
  const size_t place = block->aim_count++;
  int8_t *codes = block->codes + place / HPA_SEARCH_QUARTET * words * HPA_SEARCH_QUARTET * 4 + place % HPA_SEARCH_QUARTET * 4;
  float16 codes_sum = {0};
  for (size_t index = 0; index < dimension; index += 16) {
    const float16 offset = load16(unit, index, dimension) - load16(centre, index, dimension);
    const float16 code = __builtin_elementwise_rint(offset * steps);
    const float16 rest = __builtin_elementwise_fma(code, (float16){0} - aim.scale, offset);
    rests = __builtin_elementwise_fma(rest, rest, rests);
    codes_sum += code;
    write_code(codes, words, index, __builtin_convertvector(code, byte16));
  }
  aim.rest = rounded_up(__builtin_sqrt(sum16(rests)) * widening);
  aim.correction = -128 * (int32_t)sum16(codes_sum);
  block->aims[place] = aim;
}

// --- The scan ---

// How far the first score of the aim's query with a row within the bounds can be from the exact one.
static inline double margin(const hpa_search_aim *aim, const hpa_search_panel *bounds) {
  const double coded = (double)aim->length + aim->rest;
  const double bound = (double)aim->rest * bounds->length + coded * bounds->rest;
  return bound + slack(coded * ((double)bounds->length + bounds->rest), bound);
}

// The lowest first score, less q . c, that may belong to a score of use.
static inline float lowest_useful(const hpa_search_block *block, const hpa_search_aim *aim, double margin) {
  const double lowest = block->queries[aim->query].threshold - aim->at_centre - margin;
  return lowest < -__FLT_MAX__ ? -__FLT_MAX__ : (float)(lowest - __builtin_fabs(lowest) * 0x1p-23);
}

static void collect(
    const hpa_search_gallery *gallery, hpa_search_block *block, const targets *targets, size_t place, size_t tile, uint32_t mask,
    const float *scores) {
  const hpa_search_aim *aim = &block->aims[place];
  for (; mask; mask &= mask - 1) {
    const int lane = __builtin_ctz(mask);
    const double score = aim->at_centre + scores[lane];
    const hpa_search_candidate candidate = {
        .lower = (float)(score - targets->margins[place]),
        .upper = (float)(score + targets->margins[place]),
        .row = gallery->rows[tile * HPA_SEARCH_TILE + (size_t)lane],
    };
    if (candidate.upper >= block->queries[aim->query].threshold) hpa_search_add(block, aim->query, candidate);
  }
}

// Sets the targets of the aims in a panel; returns how many quartets have one that a row may reach.
static size_t take_aim(const hpa_search_panel *panel, hpa_search_block *block, targets *targets) {
  size_t live = 0;
  for (size_t quartet = 0; quartet * HPA_SEARCH_QUARTET < block->aim_count; quartet++) {
    bool is_live = false;
    for (size_t place = quartet * HPA_SEARCH_QUARTET; place < (quartet + 1) * HPA_SEARCH_QUARTET; place++) {
      targets->scales[place] = 0;
      targets->corrections[place] = 0;
      targets->lowest[place] = __builtin_inff();
      if (place >= block->aim_count) continue;
      const hpa_search_aim *aim = &block->aims[place];
      if (highest_score(aim, panel) < block->queries[aim->query].threshold) continue;
      const double width = margin(aim, panel);
      targets->scales[place] = aim->scale;
      targets->corrections[place] = aim->correction;
      targets->margins[place] = width;
      targets->lowest[place] = lowest_useful(block, aim, width);
      if (width > block->margin) block->margin = (float)width;
      is_live = true;
    }
    if (is_live) targets->quartets[live++] = quartet;
  }
  return live;
}

static void scan(const hpa_search_gallery *gallery, const hpa_search_panel *panel, hpa_search_block *block) {
  targets targets;
  const size_t live = take_aim(panel, block, &targets);
  for (size_t tile = panel->first_tile; tile < panel->first_tile + panel->tiles; tile++) {
    for (size_t first = 0; first < live; first += quartets_together) {
      const size_t count = live - first < quartets_together ? live - first : quartets_together;
      passed passed;
      if (!score_tile(gallery, tile, block->codes, &targets, targets.quartets + first, count, &passed)) continue;
      for (size_t index = 0; index < count * HPA_SEARCH_QUARTET; index++) {
        if (!passed.masks[index]) continue;
        const size_t place = targets.quartets[first + index / HPA_SEARCH_QUARTET] * HPA_SEARCH_QUARTET + index % HPA_SEARCH_QUARTET;
        collect(gallery, block, &targets, place, tile, passed.masks[index], passed.scores[index]);
        targets.lowest[place] = lowest_useful(block, &block->aims[place], targets.margins[place]);
      }
    }
  }
}

// --- Exact scores ---

static inline double product(const float *left, const float *right, size_t dimension) {
  const size_t whole = dimension / 8 * 8;
  double8 sums = {0};
  for (size_t index = 0; index < whole; index += 8) sums += load8(left, index, dimension) * load8(right, index, dimension);
  double sum = sum8(sums);
  for (size_t index = whole; index < dimension; index++) sum += (double)left[index] * (double)right[index];
  return sum;
}

static size_t score(
    const float *query, double norm, const float *values, const double *norms, size_t dimension, hpa_search_candidate *candidates,
    size_t count) {
  const size_t ahead = 4;
  size_t scored = 0;
  for (size_t index = 0; index < count; index++) {
    if (index + ahead < count) {
      prefetch_row(values + (size_t)candidates[index + ahead].row * dimension, dimension);
      __builtin_prefetch(norms + candidates[index + ahead].row);
    }
    hpa_search_candidate *candidate = &candidates[index];
    if (candidate->lower == candidate->upper) continue;
    const size_t row = (size_t)candidate->row;
    candidate->lower = candidate->upper = (float)(product(query, values + row * dimension, dimension) / (norm * norms[row]));
    scored++;
  }
  return scored;
}

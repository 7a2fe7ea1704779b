// The gradient of the weights of a convolution of few channels, in bfloat16: the transpose of FewChannels.hpp's formula. For each
// of its terms it is a sum of outer products, of sums of input rows and sums of rows of dy.
#pragma once
#include "FewChannels.hpp"

namespace {
namespace fewChannels {

/// A thread's part of the workspace.
template <class V>
struct Parts {
  /// Pairs of positions in a row; values of a window's row, rounded up to whole tiles; elements that all pairs read.
  int64_t pairs, values, read;
  /// Sizes of: sums [term][channel tile][value][channel]; pixels [term][element][2], a pair being two neighbouring
  /// positions; gradients [y₀, y₁, y₀ + y₁, y₀ − y₁][pair of positions][channel][2]; all of them and a row.
  int64_t sums, pixels, gradients, byteCount;

  explicit Parts(const ck_convolution &c) {
    const int64_t terms = Terms(c).count;
    const Rows<V> rows(c);
    pairs = (c.out_width + 1) / 2;
    values = (rows.values + V::tileValues - 1) / V::tileValues * V::tileValues;
    read = ((pairs - 1) * 2 * rows.step + values + 31) / 32 * 32;
    sums = terms * c.out_channels * values;
    pixels = terms * read * 2;
    gradients = 4 * pairs * V::tileColumns * 2;
    byteCount = 4 * sums + 2 * (pixels + gradients + rows.length);
  }
};

template <class V>
struct GradientJob {
  ck_convolution c;
  Terms terms;
  Rows<V> rows;
  Parts<V> parts;
  const bfloat16 *x, *dy;
  float *dw;
  char *workspace;

  float *sums(int64_t thread) const { return (float *)(workspace + thread * parts.byteCount); }
  /// The first of two rows of dy.
  const bfloat16 *gradients(int64_t pair, int64_t channel) const {
    const int64_t pixels = c.out_height * c.out_width;
    return dy + pair / rows.inPicture * c.out_channels * pixels + blockedOffset(channel, pixels)
      + pair % rows.inPicture * 2 * c.out_width * 16;
  }
};

/// Packs a vector of channels of two rows of dy in the four combinations that terms are multiplied by.
template <class V>
void packGradients(const GradientJob<V> &job, int64_t pair, int64_t channel, bfloat16 *to) {
  const ck_convolution &c = job.c;
  const int64_t kind = job.parts.pairs * V::tileColumns * 2;
  const bool isAlone = pair % job.rows.inPicture * 2 + 1 == c.out_height;
  const bfloat16 *from = job.gradients(pair, channel);
  for (int64_t position = 0; position < c.out_width; position += 2, from += 32, to += V::tileColumns * 2) {
    const auto load = [&](const bfloat16 *at) __attribute__((always_inline)) {
      return position + 1 < c.out_width ? V::pairOfNeighbours(at) : V::pairOf(at, nullptr);
    };
    const Pairs<V> first = load(from);
    const Pairs<V> second = isAlone ? V::noPairs() : load(from + c.out_width * 16);
    const Lanes<V> a[2] = {V::firstOf(first), V::secondOf(first)}, b[2] = {V::firstOf(second), V::secondOf(second)};
    V::storePairs(to, first);
    V::storePairs(to + kind, second);
    V::storePairs(to + 2 * kind, V::interleaved(a[0] + b[0], a[1] + b[1]));
    V::storePairs(to + 3 * kind, V::interleaved(a[0] - b[0], a[1] - b[1]));
  }
}

/// Adds the products of all pairs of positions to a tile.
template <class V>
void addToTile(
  const GradientJob<V> &job, const bfloat16 *pixels, const bfloat16 *gradients, float *to) {
  TileSums<V, V::vectors, V::tileValues> sums;
  for (int i = 0; i < V::tileValues; i++)
    for (int v = 0; v < V::vectors; v++) sums.lanes[i][v] = V::load(to + i * V::tileColumns + v * V::lanes);
  for (int64_t k = 0; k < job.parts.pairs; k++, pixels += 4 * job.rows.step)
    addProducts<V, V::vectors>(
      sums, gradients + k * V::tileColumns * 2,
      [&](int i) __attribute__((always_inline)) { return pixels + 2 * i; });
  for (int i = 0; i < V::tileValues; i++)
    for (int v = 0; v < V::vectors; v++) V::store(to + i * V::tileColumns + v * V::lanes, sums.lanes[i][v]);
}

template <class V>
void addShare(void *argument) {
  const GradientJob<V> &job = *(const GradientJob<V> *)argument;
  const ck_convolution &c = job.c;
  const Parts<V> &parts = job.parts;
  const int64_t terms = job.terms.count;
  const Share mine = share(job.rows.count);
  float *sums = job.sums(mine.thread);
  bfloat16 *pixels = (bfloat16 *)(sums + parts.sums), *gradients = pixels + parts.pixels;
  bfloat16 *row = gradients + parts.gradients;
  memset(sums, 0, parts.byteCount);
  for (int64_t pair = mine.first; pair < mine.last; pair++) {
    for (int64_t term = 0; term < terms; term++) {
      sumRows(c, job.rows, job.terms.terms[term], job.x, pair, row);
      for (int64_t i = 0; i < parts.read; i += V::lanes)
        V::storePairs(pixels + (term * parts.read + i) * 2, V::pairOf(row + i, row + i + job.rows.step));
    }
    for (int64_t channel = 0; channel < c.out_channels; channel += V::tileColumns) {
      for (int v = 0; v < V::vectors; v++) packGradients(job, pair, channel + v * V::lanes, gradients + v * 2 * V::lanes);
      const int64_t next = pair + 1 < mine.last ? pair + 1 : pair;
      for (int64_t term = 0; term < terms; term++) {
        // Prefetches a part of the next two rows of dy into the L2 cache: packing them would wait for memory.
        for (int block = 0; block < V::tileColumns; block += 16)
          for (int64_t i = term * c.out_width / terms; i < (term + 1) * c.out_width / terms; i++)
            __builtin_prefetch(job.gradients(next, channel + block) + i * 32, 0, 2);
        const int64_t kind = term % 2 + (term < job.terms.shared ? 2 : 0);
        for (int64_t value = 0; value < parts.values; value += V::tileValues)
          addToTile(
            job, pixels + (term * parts.read + value) * 2, gradients + kind * parts.pairs * V::tileColumns * 2,
            sums + (term * c.out_channels + channel) * parts.values + value * V::tileColumns);
      }
    }
  }
}

/// Adds up the threads' sums and distributes the terms to the filter rows, for this thread's share of the channels.
template <class V>
void finishShare(void *argument) {
  const GradientJob<V> &job = *(const GradientJob<V> *)argument;
  const ck_convolution &c = job.c;
  const Share mine = share(c.out_channels / V::lanes);
  for (int64_t channel = mine.first * V::lanes; channel < mine.last * V::lanes; channel += V::lanes)
    for (int64_t tap = 0; tap < c.size; tap++)
      for (int64_t value = 0; value < job.rows.values; value++) {
        Lanes<V> sum = V::zero();
        for (int64_t term = 0; term < job.terms.count; term++) {
          const float factor = job.terms.terms[term].filter[tap];
          const int64_t at = (term * c.out_channels + channel / V::tileColumns * V::tileColumns) * job.parts.values
            + value * V::tileColumns + channel % V::tileColumns;
          if (factor == 0) continue;
          for (int thread = 0; thread < mine.threads; thread++)
            sum = V::fma(V::broadcast(factor), V::load(job.sums(thread) + at), sum);
        }
        for (int64_t i = 0; i < V::lanes; i++)
          job.dw[((channel + i) * c.size + tap) * job.rows.values + value] = sum[i];
      }
}

template <class V>
void weightGradient(ck_convolution c, const void *x, const void *dy, float *dw, void *workspace) {
  GradientJob<V> job{
    c, Terms(c), Rows<V>(c), Parts<V>(c), (const bfloat16 *)x, (const bfloat16 *)dy, dw, (char *)workspace};
  runOnTeam(addShare<V>, job);
  runOnTeam(finishShare<V>, job);
}

template <class V>
int64_t gradientBytes(ck_convolution c, int threads) {
  return threads * Parts<V>(c).byteCount;
}

}  // namespace fewChannels
}  // namespace
